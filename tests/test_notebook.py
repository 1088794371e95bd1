"""The example notebook runs from top to bottom, cell by cell in one namespace, and shows what its words promise.

Cells are run as Python, without a Jupyter kernel: so they may hold nothing that only a kernel understands.
"""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "analyse.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line where that is an expression, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NOTEBOOK.name, "exec"), names)  # noqa: S102
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names) if isinstance(last, ast.Expr) else None  # noqa: S307


@pytest.fixture(scope="module")
def outputs() -> list[Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    return [shown("".join(cell["source"]), names) for cell in cells("code")]


def test_it_is_kept_without_outputs_and_explains_itself() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))
    assert len(cells("markdown")) >= 5


def test_a_text_and_a_transcript_are_shown_with_their_evidence_marked(outputs: list[Any]) -> None:
    text, talk = (value._repr_html_() for value in outputs if hasattr(value, "conversation"))
    assert "<mark" in text and "refund" in text
    assert "<b>customer</b>" in talk and "outcome" in talk


def test_the_samples_come_out_with_labels(outputs: list[Any]) -> None:
    table, counts = (value for value in outputs if hasattr(value, "head"))
    assert len(table) == 10 and table["voc_sentiment"].notna().any()
    assert counts.iloc[0] > 1 and str(counts.index[0])[-1] in "+-~"


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells("code")[:3]:
        shown("".join(cell["source"]), names)
    assert "record" in capsys.readouterr().err
