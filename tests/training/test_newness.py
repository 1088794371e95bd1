"""Tests of the measure of new themes: what never changes is hardly ever announced, what is put in is, and too little is not known."""

import numpy as np
import pytest

from training import newness
from training.newness import Spoken, false_alarms, planted
from training.validation import page
from vocservice.reporting.rows import Row
from vocservice.taxonomy import load_taxonomy

TAXONOMY, WIDTH = load_taxonomy(), 8


def spoken(kinds: int, count: int, *, first: int = 0) -> Spoken:
    """So many records that no factor explains, evenly of some kinds."""
    draw, rows = np.random.default_rng(first), [Row(id=f"{first}-{number}", texts=(f"words {number % kinds}",)) for number in range(count)]
    near = [(np.eye(WIDTH)[first + number % kinds] * 100 + draw.normal(0, 8, WIDTH)).astype(np.int8).tobytes() for number in range(count)]
    return Spoken.of(rows, near, TAXONOMY)


def test_random_periods_are_hardly_ever_announced_and_every_draw_is_counted() -> None:
    found = false_alarms(spoken(3, 400), 60, draws=15)
    assert (found["size"], found["draws"]) == (60, 15) and found["alarmed"] <= 3
    assert found["low"] <= found["alarmed"] / 15 <= found["high"]


def test_what_is_put_in_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newness, "PLANTED_SIZE", 100)
    monkeypatch.setattr(newness, "SHARE", 0.2)
    found = planted(spoken(3, 400), spoken(1, 40, first=5), draws=5)
    assert found == {"size": 100, "draws": 5, "texts": 20, "found": 5}


def test_too_few_records_give_no_draws() -> None:
    assert false_alarms(spoken(2, 50), 30)["draws"] == planted(spoken(2, 50), spoken(1, 40, first=5))["draws"] == 0


def test_the_page_tells_how_many_draws_there_were() -> None:
    figures = {
        "title": "Tweets",
        "foreign": "Surveys",
        "records": 400,
        "odd": 0.5,
        "planted": {"size": 300, "draws": 20, "texts": 15, "found": 12},
    }
    figures["false"] = [
        {"size": 300, "draws": 200, "alarmed": 5, "low": 0.01, "high": 0.057, "new": 1},
        {"size": 1000, "draws": 0, "alarmed": 0, "low": None, "high": None, "new": 0},
    ]
    text = page({"bundle": "m-1", "companies": {}, "newness": figures})
    assert "| 300 | 200 | 5: 2.5% (1.0% to 5.7%) | 1 |" in text and "| 1000 | 0 | 0: not known | 0 |" in text
    assert "in 12 of 20 draws" in text
