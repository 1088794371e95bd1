"""What the tests of training share; where torch is not installed (serving does not need it) they are left out, and it is said."""

from importlib.util import find_spec

import pytest

MISSING = [name for name in ("torch", "transformers", "onnx", "sklearn") if find_spec(name) is None]

if MISSING:
    collect_ignore_glob = ["test_*.py"]
else:
    from fixtures import (  # noqa: F401
        _one_thread,
        _one_thread_again,
        base_folder,
        base_tokenizer,
        corpora,
        engine,
        layout,
        new_network,
        rules,
        taxonomy,
        tokenizer,
        toy,
        toy_bundle,
        toy_folder,
        toy_network,
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A header would not do: pytest asks for it before it has found this file."""
    if MISSING:
        terminalreporter.write_line(f"tests/training left out: {', '.join(MISSING)} not installed (make setup-train)")
