"""Tests of themes inside a quoted cell: by words and by meaning, only where enough customers say the same, on the page and in the JSON."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reporting.made import report, row
from vocservice.records import Evidence, Factor, Label
from vocservice.reporting.page import render
from vocservice.reporting.rows import Row

LATE, BROKEN = "The courier came days late with my order", "The box arrived broken and wet inside"
WIDTH = 8


def said(text: str, start: int, count: int, *, customers: int = 1000, kind: int | None = None) -> list[Row]:
    """Records that blame fulfilment at the stage of use in these words."""
    words = (Evidence(0, len(text), None, text),)
    labels: dict[str, Any] = {"stages": (Label("use", 0.9, words),), "factors": (Factor("fulfilment", "-", 0.9, words),), "texts": (text,)}
    draw = np.random.default_rng(start)
    near = [b"" if kind is None else (np.eye(WIDTH)[kind] * 100 + draw.normal(0, 5, WIDTH)).astype(np.int8).tobytes() for _ in range(count)]
    return [replace(row(at), subject=f"c{start}-{at % customers}", vector=near[at - start], **labels) for at in range(start, start + count)]


@pytest.mark.parametrize(("kinds", "by"), [((None, None), "words"), ((0, 1), "meaning")])
def test_a_cell_falls_into_what_its_customers_say(kinds: tuple[int | None, int | None], by: str) -> None:
    made = report(said(LATE, 0, 12, kind=kinds[0]), said(BROKEN, 100, 8, kind=kinds[1]), theme_customers=5)
    (cell,) = made.themes or ()
    assert (cell.stage, cell.factor, cell.polarity, cell.themes.by) == ("use", "fulfilment", "-", by)
    assert [theme.records for theme in cell.themes.themes] == [12, 8]
    assert "courier" in str(cell.themes.themes[0].terms) + str(cell.themes.themes[0].quotes)
    page = render(made)
    assert page.count("<h4>") == 2 and "What they say, by theme (2)" in page and 'id="def-themes"' in page
    assert {"use"} == {one["stage"] for one in made.to_dict()["themes"]}


def test_what_too_few_customers_say_is_no_theme() -> None:
    made = report(said(LATE, 0, 12), said(BROKEN, 100, 8, customers=4), theme_customers=5)
    (cell,) = made.themes or ()
    shown = re.findall(r"<h4>(.*?)</h4>", render(made))
    assert len(shown) == len(cell.themes.themes) and not any("broken" in one for one in shown)
    assert cell.themes.other >= 8 or len(cell.themes.themes) == 1


@pytest.mark.parametrize("wish", [{"theme_customers": None}, {"theme_customers": 5, "is_kept": True}, {"theme_customers": 50}])
def test_no_theme_is_shown_unless_it_is_asked_for_and_enough_say_it(wish: dict[str, object]) -> None:
    made = report(said(LATE, 0, 12), said(BROKEN, 100, 8), **wish)
    assert not made.themes and "by theme" not in render(made)
