"""Tests of the journey map and of comparisons, against tables counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocservice.records import Evidence, Factor, Label
from vocservice.reporting.frame import Frame
from vocservice.reporting.journey import Cell, Journey, channel_mix, compare, journey_map
from vocservice.reporting.page import look_of
from vocservice.reporting.rows import stages_of

from .made import frame, row, rows


def cell(journey: Journey, stage: str, factor: str) -> Cell:
    return next(one for one in journey.cells() if (one.stage, one.factor) == (stage, factor))


def test_a_cell_counts_records_by_polarity() -> None:
    found = journey_map(frame(rows(6, "use", "technology-"), rows(3, "use", "technology+"), rows(1, "use", "technology~")))
    one = cell(found, "use", "technology")
    assert (one.n, one.positive, one.negative, one.mixed) == (10, 3, 6, 1)
    assert one.net.value == pytest.approx(-0.3)
    assert one.net.low is not None and one.net.high is not None and one.net.low < -0.3 < one.net.high


@pytest.mark.parametrize(("count", "value"), [(0, None), (4, None), (5, -1.0)])
def test_a_cell_of_few_records_is_not_known(count: int, value: float | None) -> None:
    one = cell(journey_map(frame(rows(count, "use", "technology-"))), "use", "technology")
    assert (one.n, one.net.value) == (count, value)


def test_a_stage_without_evidence_is_silent_and_no_other() -> None:
    found = journey_map(frame(rows(1, "use"), rows(6, "purchase", level=1)))
    assert found.silent == ("awareness", "discovery", "attraction", "interaction", "cultivation", "advocacy")
    sentiments = {stage.key: stage.sentiment.value for stage in found.stages}
    assert sentiments["purchase"] == 1.0 and sentiments["awareness"] is None


def test_groups_add_up_their_factors() -> None:
    found = journey_map(frame(rows(5, "use", "courtesy+ competence-"), rows(2, "use", "resolution-")))
    use = next(stage for stage in found.stages if stage.key == "use")
    service = next(one for one in use.groups if one.factor == "service")
    assert (service.n, service.positive, service.negative) == (12, 5, 7)
    assert found.group_names == ("offering", "digital", "design", "operations", "service", "relationship")


def test_a_factor_stands_where_its_evidence_does() -> None:
    early, late = (Evidence(0, 5, None, "12345"),), (Evidence(5, 9, None, "6789"),)
    two = replace(row(), stages=(Label("purchase", 0.9, early), Label("cultivation", 0.9, late)))
    assert stages_of(two, Factor("fulfilment", "-", 0.9, late)) == ("cultivation",)
    assert stages_of(two, Factor("fulfilment", "-", 0.9, early + late)) == ("purchase", "cultivation")
    assert stages_of(two, Factor("fulfilment", "-", 0.9)) == ("purchase",)
    assert stages_of(two, Factor("fulfilment", "-", 0.9, (Evidence(5, 9, 1, "6789"),))) == ("purchase",)
    assert stages_of(row(), Factor("fulfilment", "-", 0.9, early)) == ()


def test_factors_without_a_stage_are_kept_apart() -> None:
    found = journey_map(frame(rows(7, "", "brand+")))
    assert sum(one.n for one in found.cells()) == 0
    assert {one.factor: one.n for one in found.elsewhere if one.n} == {"brand": 7}


def test_a_real_change_is_told_and_chance_is_not() -> None:
    before = frame(rows(10, "purchase", "fulfilment-"), rows(90, "use", "courtesy+"))
    after = frame(rows(40, "purchase", "fulfilment-"), rows(60, "use", "courtesy-"))
    found = compare(before, after, names=("a", "b"))
    clear = {(one.stage, one.factor): one for one in found.clear}
    assert clear.keys() == {("purchase", "fulfilment"), ("use", "courtesy")}
    change = clear["purchase", "fulfilment"]
    assert change.verdict == "up" and change.difference.value == pytest.approx(0.3)
    assert found.tested == 2 and change.q is not None and change.p is not None and change.q >= change.p
    assert compare(before, before, names=("a", "b")).clear == ()


def test_too_few_are_not_tested() -> None:
    found = compare(frame(rows(2, "use", "brand-"), rows(50)), frame(rows(2, "use", "brand-"), rows(50)), names=("a", "b"))
    assert found.tested == 0 and {one.verdict for one in found.changes} == {"unknown"}
    assert compare(frame(), frame(), names=("a", "b")).tested == 0


@pytest.mark.parametrize(("chats", "is_different"), [(50, False), (55, False), (80, True)])
def test_a_different_mix_of_channels_is_warned_of(chats: int, is_different: bool) -> None:
    before = frame(rows(50, channel="chat"), rows(50, channel="email"))
    found = channel_mix(before, frame(rows(chats, channel="chat"), rows(100 - chats, channel="email")))
    assert found.is_different is is_different
    assert found.distance == pytest.approx(abs(chats - 50) / 100)


@given(st.lists(st.tuples(st.sampled_from(["use", "purchase", ""]), st.sampled_from(["brand+", "brand-", "process~", ""])), max_size=40))
def test_every_mention_is_in_one_cell(kinds: list[tuple[str, str]]) -> None:
    found = journey_map(frame([row(number, *kind) for number, kind in enumerate(kinds)]))
    cells = [*found.cells(), *found.elsewhere]
    assert sum(one.n for one in cells) == sum(bool(factor) for _, factor in kinds)
    assert all(one.n == one.positive + one.negative + one.mixed for one in cells)
    assert all(one.net.value is None or -1 <= one.net.low <= one.net.value <= one.net.high <= 1 for one in cells)  # type: ignore[operator]


def test_stages_and_factors_stand_side_by_side_with_a_test() -> None:
    before = frame(rows(60, "use", "technology-", level=-1), rows(60, "purchase", "courtesy+", start=100, level=1))
    after = frame(rows(60, "use", "technology+", level=1), rows(60, "purchase", "courtesy+", start=100, level=1))
    found = compare(before, after, names=("a", "b"))
    shifts = {shift.key: shift.verdict for shift in found.shifts}
    assert (shifts["use"], shifts["technology"], shifts["courtesy"], shifts["brand"]) == ("up", "up", "unclear", "unknown")
    assert {(change.stage, change.factor): change.verdict for change in found.clear} == {("use", "technology"): "down"}
    (group,) = [change for change in found.groups if change.verdict != "unknown"]
    assert (group.stage, group.factor, group.before.n, group.difference.value) == ("use", "digital", 120, -0.5)
    assert [journey.n for journey in found.maps] == [120, 120]


def test_a_group_counts_each_record_that_blames_any_of_its_factors_once() -> None:
    before, after = frame(rows(20, "use", "technology- ease_of_use-")), frame(rows(20, "use", "courtesy+", start=90))
    (group,) = [change for change in compare(before, after, names=("a", "b")).groups if change.before.value]
    assert (group.before.value, group.after.value, group.verdict) == (1.0, 0.0, "down")


def of_customers(count: int, each: int, factors: str, *, start: int = 0) -> Frame:
    return frame([row(start + at, "use", factors, subject=f"c{start}-{at // each}", level=-1) for at in range(count * each)])


@pytest.mark.parametrize(("customers", "each", "look"), [(1, 6, "unknown"), (4, 9, "unknown"), (5, 1, "bad3"), (5, 6, "bad3")])
def test_a_cell_is_painted_by_customers_not_by_records(customers: int, each: int, look: str) -> None:
    one = cell(journey_map(of_customers(customers, each, "technology-")), "use", "technology")
    assert (one.n, one.negative, look_of(one)) == (customers * each, customers * each, look)
    once = cell(journey_map(of_customers(customers, 1, "technology-")), "use", "technology")
    assert (one.net.low, one.net.high) == (once.net.low, once.net.high)


def test_one_who_writes_most_of_a_cell_does_not_paint_it() -> None:
    loud = [row(900 + at, "use", "technology-", subject="loud") for at in range(30)]
    one = cell(journey_map(frame(rows(8, "use", "technology+"), loud)), "use", "technology")
    assert one.net.value == pytest.approx(-22 / 38) and look_of(one) == "even"


def test_one_customer_changes_nothing() -> None:
    loud = [row(900 + at, "use", "fulfilment-", subject="loud") for at in range(25)]
    found = compare(frame(rows(300, "use", "courtesy+")), frame(rows(295, "use", "courtesy+", start=1000), loud), names=("a", "b"))
    (change,) = [one for one in found.changes if one.p is not None]
    assert (change.stage, change.factor, change.after.n, change.verdict) == ("use", "fulfilment", 320, "unclear")
    assert change.after.value == pytest.approx(25 / 320) and change.p is not None and change.p > 0.4
    assert {one.verdict for one in found.groups if one.p is not None} == {"unclear"}


def test_where_nothing_changed_customers_who_write_often_make_no_change() -> None:
    """What a customer says five times is one voice: 20 pairs of sets of the same kind of customers."""
    draw = np.random.default_rng(3)

    def side(start: int) -> Frame:
        late = draw.random(60) < 0.2
        return frame(*([row(start + 5 * at + more, "use", "fulfilment-" if late[at] else "courtesy+", subject=f"{start}-{at}")
                        for more in range(5)] for at in range(60)))  # fmt: skip

    assert sum(bool(compare(side(0), side(1000), names=("a", "b")).clear) for _ in range(20)) <= 2


def test_a_longer_period_of_the_same_customers_is_no_change() -> None:
    """Each blames one of four records: of ten weeks as of four."""
    sides = [
        frame([row(at, "use", "" if at % 4 else "fulfilment-", subject=f"c{at // each}") for at in range(80 * each)]) for each in (4, 40)
    ]
    (change,) = [one for one in compare(*sides, names=("a", "b")).changes if one.p is not None]
    assert (change.before.value, change.after.value, change.p) == (0.25, 0.25, 1.0)
