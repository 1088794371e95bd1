"""What the tests of training share; where torch is not installed (serving does not need it) they are left out, and it is said."""

from importlib.util import find_spec

MISSING = [name for name in ("torch", "transformers", "onnx", "sklearn") if find_spec(name) is None]

if MISSING:
    collect_ignore_glob = ["test_*.py"]
else:
    from fixtures import (  # noqa: F401
        _one_thread,
        _one_thread_again,
        base_tokenizer,
        corpora,
        layout,
        new_network,
        rules,
        taxonomy,
        tokenizer,
        toy,
        toy_folder,
    )


def pytest_report_header() -> list[str]:
    return [f"tests/training left out: {', '.join(MISSING)} not installed (make setup-train)"] if MISSING else []
