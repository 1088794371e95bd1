"""Tests of columns: figures by masks are those of the rows counted one by one, whatever came, changed and went."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocservice.records import Evidence, Factor, Label
from vocservice.reporting import columns
from vocservice.reporting.columns import Columns
from vocservice.reporting.journey import journey_map
from vocservice.reporting.packing import (
    FIXED,
    IS_CORRECTED,
    IS_JUDGED,
    NEEDS_REVIEW,
    Context,
    Packed,
    Verdict,
    pack,
    pack_skipped,
    read_context,
)
from vocservice.reporting.report import Wish, report_of
from vocservice.reporting.rows import Origin, Row, Score, stages_of

from .made import TAXONOMY, TODAY, report, row, varied

STAGES = ("purchase", "use", "cultivation", "a_stage_of_old")
FACTORS = ("fulfilment", "courtesy", "technology", "a_factor_of_old")


@st.composite
def a_row(draw: st.DrawFn) -> Row:
    def piece() -> tuple[Evidence, ...]:
        start = draw(st.integers(0, 8))
        return (Evidence(start, start + 3, None, "abc"),)

    stages = draw(st.lists(st.sampled_from(STAGES), unique=True, max_size=3))
    factors = draw(st.lists(st.sampled_from(FACTORS), unique=True, max_size=3))
    score = draw(
        st.none() | st.builds(Score, st.sampled_from((None, "nps", "stars")), st.integers(0, 12).map(float), st.sampled_from((None, 10.0)))
    )
    return replace(
        row(**drawn(draw), score=score),
        stages=tuple(Label(key, 0.9, piece()) for key in stages),
        factors=tuple(Factor(key, draw(st.sampled_from("+-~")), draw(st.floats(0, 1)), piece()) for key in factors),
    )


def drawn(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "scope": draw(st.sampled_from((None, "both", "neither", "of_old"))),
        "level": draw(st.sampled_from((None, -2, 0, 1))),
        "sentiment": draw(st.sampled_from((None, -0.5, 1.0))),
        "channel": draw(st.sampled_from((None, "chat", "mail", "\udc00<b>"))),
        "subject": draw(st.sampled_from((None, "a", "b"))),
        "model": draw(st.sampled_from(("", "m-1", "m-2"))),
        "flags": draw(st.sampled_from(((), ("churn_risk",), ("of_old", "escalation")))),
        "outcome": draw(st.sampled_from((None, "resolved"))),
        "segments": draw(st.sampled_from(({}, {"region": "north"}, {"region": "south", "shop": "1"}))),
    }


def columns_of(rows: list[Row], start: int = 0) -> Columns:
    return Columns.of(TAXONOMY, packed(rows, start))


def packed(rows: list[Row], start: int = 0) -> list[tuple[str, Packed]]:
    vectors = [bytes([number % 2, 1, 0xFF]) * (number % 3) for number in range(len(rows))]
    verdicts = [Verdict(("churn_risk", "of_old") * (at % 2), (None, True, False)[at % 3], at % 4 == 1) for at in range(len(rows))]
    sent = zip(rows, vectors, verdicts, strict=True)
    return [
        (one.id, pack(one, order=start + at, source="api", vector=vector, verdict=verdict))
        for at, (one, vector, verdict) in enumerate(sent)
    ]


def counted(rows: list[Row]) -> dict[str, Any]:
    """Figures of rows, counted one by one."""
    cells = Counter(
        (stage if stage in STAGES[:3] else None, factor.key, factor.polarity)
        for one in rows
        for factor in one.factors
        if factor.key in FACTORS[:3]
        for stage in (stages_of(one, factor) or (None,))
    )
    return {
        "cells": +cells,
        "stages": Counter(label.key for one in rows for label in one.stages if label.key in STAGES[:3]),
        "channels": Counter(one.channel or "not told" for one in rows),
        "models": Counter(one.model or "not told" for one in rows),
        "levels": sorted(one.level for one in rows if one.level is not None),
        "customers": len({one.subject for one in rows if one.subject}) or None,
        "both": sum(one.scope == "both" for one in rows),
        "withheld": sum(one.scope not in ("both", "neither") for one in rows),
    }


def seen(columns: Columns, mask: Any) -> dict[str, Any]:
    """The same by columns."""
    frame = columns.frame(mask)
    found = report_of(frame, (), {}, Wish(today=TODAY), is_brief=True)
    everywhere = [*found.journey.cells(), *found.journey.elsewhere]
    signs = (("+", "positive"), ("-", "negative"), ("~", "mixed"))
    return {
        "cells": +Counter({(cell.stage, cell.factor, sign): getattr(cell, name) for cell in everywhere for sign, name in signs}),
        "stages": +Counter({stage.key: stage.n for stage in found.journey.stages}),
        "channels": Counter(found.headlines.channels),
        "models": Counter(found.headlines.models),
        "levels": sorted(int(level) for level in frame.level if not math.isnan(level)),
        "customers": found.headlines.customers,
        "both": int(frame.scope.is_name("both").sum()),
        "withheld": found.scope.withheld,
    }


@given(st.lists(a_row(), max_size=12), st.data())
@settings(deadline=None, max_examples=60)
def test_figures_of_a_mask_are_those_of_the_rows_counted_one_by_one(found: list[Row], data: st.DataObject) -> None:
    rows = [replace(one, id=f"r{number}") for number, one in enumerate(found)]
    mask = np.array([data.draw(st.booleans()) for _ in rows], dtype=bool)
    assert seen(columns_of(rows), mask) == counted([one for one, is_in in zip(rows, mask, strict=True) if is_in])


@given(st.lists(a_row(), max_size=10), st.data())
@settings(deadline=None, max_examples=60)
def test_columns_that_changed_are_those_made_anew(found: list[Row], data: st.DataObject) -> None:
    rows = [replace(one, id=f"r{number}") for number, one in enumerate(found)]
    order = data.draw(st.permutations(range(len(rows))))
    cut = data.draw(st.integers(0, len(rows)))
    gone = {f"r{number}" for number in data.draw(st.sets(st.sampled_from(range(len(rows)) or [0])))}
    everything = dict(packed(rows))
    first = {f"r{at}": everything[f"r{at}"] for at in order[:cut]}
    stale = dict.fromkeys(first, pack(row(), order=99))  # what they were before
    later = [(name, Packed() if name in gone else one) for name, one in everything.items()]
    with patch.object(columns, "FEW", data.draw(st.sampled_from((0, 100)))):  # all sorted, or put in one by one
        made = Columns.of(TAXONOMY, stale.items()).changed(later)
    wanted = Columns.of(TAXONOMY, [(name, one) for name, one in everything.items() if name not in gone])
    assert made.ids.tolist() == wanted.ids.tolist()
    everyone = np.ones(len(wanted), dtype=bool)
    assert seen(made, everyone) == seen(wanted, everyone)
    assert (made.reasons.tolist(), made.fields["marks"].tolist()) == (wanted.reasons.tolist(), wanted.fields["marks"].tolist())
    for bundle in ("m-1", "m-2"):
        assert made.sketches[made.has_vector(bundle)].tolist() == wanted.sketches[wanted.has_vector(bundle)].tolist()


@pytest.mark.parametrize("needs_review", [None, True, False])
@pytest.mark.parametrize("is_corrected", [True, False])
def test_the_verdict_of_review_is_kept(needs_review: bool | None, is_corrected: bool) -> None:
    held = Columns.of(TAXONOMY, [("a", pack(row(id="a"), verdict=Verdict(("churn_risk",), needs_review, is_corrected)))])
    marks = [held.is_marked(mark).item() for mark in (IS_JUDGED, NEEDS_REVIEW, IS_CORRECTED)]
    assert marks == [needs_review is not None, needs_review is True, is_corrected]
    assert [key for key, given in zip(held.labels.reasons, held.reasons[:, 0], strict=True) if given] == ["churn_risk"]
    assert not held.flags.any() and not held.stages.any() and (held.factors < 0).all() and not len(held.places.row)


def test_a_whole_report_is_the_same_by_columns_that_grew() -> None:
    rows = varied(300)
    columns = columns_of(rows[:100]).changed(packed(rows[100:200], 100)).changed(packed(rows[200:], 200))
    assert report_of(columns.frame(), rows, {}, Wish(today=TODAY)).to_dict() == report(rows).to_dict()


def test_rows_are_in_the_order_of_receipt_then_of_ids() -> None:
    made = Columns.of(TAXONOMY, [(name, pack(row(id=name), order=order)) for name, order in (("b", 2), ("c", 1), ("a", 2), ("d", 0))])
    assert made.ids.tolist() == [b"d", b"c", b"a", b"b"]
    assert journey_map(made.frame()).n == 4


def test_nothing_that_a_customer_wrote_is_packed() -> None:
    told = row(1, "use", "courtesy+", texts=("a secret text",), subject="0f0f0f0f")
    one = pack(told, order=1)
    assert len(one.fixed) == FIXED.size
    assert all(word not in one.fixed + one.given + one.context.encode() for word in (b"secret", b"0f0f", b"parcel", b"courtesy"))


def test_a_record_that_no_report_can_read_is_counted_as_left_out() -> None:
    broken = pack_skipped("x", "invalid_type", Origin("2025-01-06", "chat", None, None), order=1, source="api")
    made = Columns.of(TAXONOMY, [("x", broken), ("y", pack(row(id="y"), order=2)), ("z", Packed())])
    everyone = np.ones(2, dtype=bool)
    assert (len(made), len(made.frame()), made.skipped(everyone), made.skipped(~everyone)) == (2, 1, {"invalid_type": 1}, {})


@pytest.mark.parametrize("name", ["\udc00", "<script>", "a\x00b", "ü" * 300])
def test_hostile_names_come_back_as_they_were(name: str) -> None:
    assert read_context(pack(row(channel=name, segments={name: name})).context) == (
        Context(name, None, None, None, "m-1", TAXONOMY.id),
        [[name, name]],
    )
    assert Columns.of(TAXONOMY, [(name, pack(row(id=name)))]).ids[0].rstrip(b"\0").decode("utf-8", "surrogatepass") == name.rstrip("\0")
