"""Rows made for the tests of reporting: one line a record, in the shortest words that say it."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np

from vocservice.records import Evidence, Factor, Label
from vocservice.reporting.columns import frame_of
from vocservice.reporting.frame import Frame
from vocservice.reporting.report import Report, Wish, make_report
from vocservice.reporting.rows import Reading, Row, Score
from vocservice.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
MONDAY = date(2025, 1, 6)
TODAY = date(2026, 1, 1)
TEXT = "The parcel came late."


def row(number: int = 0, stages: str = "", factors: str = "", **changes: Any) -> Row:
    """A row of stages and factors given by name (`"fulfilment- courtesy+"`), all on the same evidence."""
    words = (Evidence(0, len(TEXT), None, TEXT),)
    made: dict[str, Any] = {
        "id": f"r{number}",
        "stages": tuple(Label(key, 0.9, words) for key in stages.split()),
        "factors": tuple(Factor(name[:-1], name[-1], 0.9, words) for name in factors.split()),
        "texts": (TEXT,),
        "subject": f"c{number}",
        "model": "m-1",
        "taxonomy": TAXONOMY.id,
    }
    return Row(**(made | changes))


def rows(count: int, stages: str = "", factors: str = "", *, start: int = 0, **changes: Any) -> list[Row]:
    """So many rows of one kind, of different customers."""
    return [row(start + number, stages, factors, **changes) for number in range(count)]


def frame(*groups: Iterable[Row]) -> Frame:
    return frame_of([one for group in groups for one in group], TAXONOMY)


def report(*groups: Iterable[Row], skipped: dict[str, int] | None = None, **wishes: Any) -> Report:
    return make_report(
        Reading(tuple(one for group in groups for one in group), skipped or {}), TAXONOMY, Wish(**({"today": TODAY} | wishes))
    )


def varied(count: int, *, seed: int = 7, days: int = 200, score: str | None = "nps") -> list[Row]:
    """Rows whose score is 7, less 3 where fulfilment is blamed, plus 1 where courtesy is praised, and noise."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        late, kind, dear = draw.random() < 0.3, draw.random() < 0.4, draw.random() < 0.25
        names = [name for name, said in (("fulfilment-", late), ("courtesy+", kind), ("price_value-", dear)) if said]
        value = float(np.clip(np.round(7 - 3 * late + kind + draw.normal(0, 1)), 0, 10))
        found.append(
            row(
                number,
                ("purchase", "use", "cultivation")[number % 3],
                " ".join(names),
                score=Score(score, value, 10),
                at=MONDAY + timedelta(days=int(draw.integers(days))),
                channel=("email", "chat", "review")[int(draw.integers(3))],
                level=kind - late - dear if abs(kind - late - dear) < 3 else 0,
                sentiment=float(np.clip((kind - late - dear) / 2, -1, 1)),
                scope=("neither", "service_complaint", "experience_issue", "both")[int(draw.integers(4))],
                segments={"region": "north" if draw.random() < 0.5 else "south"},
                subject=f"c{number // 2}",
            )
        )
    return found
