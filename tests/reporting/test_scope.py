"""Tests of scope: shares, weeks, owners, the promotion ladder and what was recovered but not fixed."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocservice.records import Evidence, Factor
from vocservice.reporting.columns import Columns
from vocservice.reporting.packing import pack
from vocservice.reporting.recovery import Mended, are_mended, is_handling
from vocservice.reporting.rows import Row, stages_of
from vocservice.reporting.scope import KEYS, Rung, ScopeFigures, monday_of, promotion_ladder, recovered_but_unfixed, scope_figures
from vocservice.store.analysed.choosing import chosen
from vocservice.store.analysed.reading import Selection

from .made import MONDAY, TAXONOMY, frame, row, rows


def figures(*groups: list, customers: int = 5) -> ScopeFigures:  # type: ignore[type-arg]
    found = [one for group in groups for one in group]
    return scope_figures(frame(found), found, customers=customers)


def ladder(*groups: list) -> dict[tuple[str, str], Rung]:  # type: ignore[type-arg]
    return {(one.stage, one.factor): one for one in figures(*groups).ladder}


def test_shares_count_records_with_a_scope_only() -> None:
    found = figures(rows(6, scope="service_complaint"), rows(3, scope="experience_issue"), rows(1, scope="both"), rows(7))
    assert (found.n, found.withheld) == (10, 7)
    assert [found.shares[key].value for key in KEYS] == [0.6, 0.3, 0.1, 0.0]


@given(st.lists(st.sampled_from([*KEYS, None]), max_size=30))
def test_shares_sum_to_one_or_are_not_known(scopes: list[str | None]) -> None:
    found = figures([row(number, scope=scope) for number, scope in enumerate(scopes)])
    values = [one.value for one in found.shares.values()]
    if found.n < 5:
        assert values == [None] * 4
    else:
        assert sum(value or 0.0 for value in values) == pytest.approx(1.0)


def test_weeks_begin_on_monday_and_empty_ones_are_there() -> None:
    found = figures(rows(5, scope="both", at=MONDAY), rows(6, scope="neither", at=MONDAY + timedelta(days=20)))
    assert [(week.monday, week.n) for week in found.weeks] == [
        (MONDAY, 5),
        (MONDAY + timedelta(days=7), 0),
        (MONDAY + timedelta(days=14), 6),
    ]
    assert [week.service.value for week in found.weeks] == [1.0, None, 0.0]
    assert monday_of((MONDAY.toordinal() - 1) // 7) == MONDAY and date.fromordinal(1).weekday() == 0


def test_an_owner_counts_a_record_once_and_two_owners_both() -> None:
    found = figures(
        rows(6, "use", "technology- ease_of_use- price_value-", scope="experience_issue"), rows(2, "use", "technology+", scope="neither")
    )
    owners = {one.key: one for one in found.owners}
    assert (owners["digital"].records, owners["finance"].records, owners["people"].records) == (6, 6, 0)
    assert owners["digital"].main_factor == "technology" and owners["people"].main_factor is None
    assert owners["finance"].experience == 6 and owners["finance"].service == 0
    assert set(owners["digital"].metrics) == {"nps", "churn", "lifetime_value"}
    assert {one.key: one.records for one in found.metrics}["nps"] == 6


def test_a_complaint_that_blames_nothing_goes_to_the_owner_of_its_scope() -> None:
    owners = {one.key: one.records for one in figures(rows(3, scope="service_complaint"), rows(2, scope="experience_issue")).owners}
    assert (owners["support"], owners["product"], sum(owners.values())) == (3, 2, 5)


def crowd() -> list:  # type: ignore[type-arg]
    """Ten cells of two complaints each."""
    names = (
        "price_value",
        "technology",
        "ease_of_use",
        "brand",
        "environment",
        "consistency",
        "communication",
        "courtesy",
        "competence",
        "process",
    )
    return [row(1000 + number, "use", f"{name}-", scope="service_complaint") for number, name in enumerate(names * 2)]


def test_the_ladder_by_customers_and_base_rate() -> None:
    found = ladder(
        crowd(),
        rows(20, "cultivation", "resolution-", scope="service_complaint"),
        rows(1, "cultivation", "responsiveness-", start=50, scope="both"),
        rows(6, "purchase", "fulfilment-", start=60, scope="service_complaint", subject="one"),
        rows(4, "cultivation", "resolution-", start=80, scope="experience_issue"),
    )
    steps = {key: one.step for key, one in found.items()}
    assert steps["cultivation", "resolution"] == "candidate"
    assert steps["use", "brand"] == "repeated"
    assert steps["cultivation", "responsiveness"] == "single"
    assert steps["purchase", "fulfilment"] == "single"
    top = found["cultivation", "resolution"]
    assert (top.records, top.customers, top.known_customers, top.experience_issues, top.owner) == (20, 20, 20, 4, "support")
    assert top.base == "the average cell" and top.ratio is not None and top.ratio > 1
    assert top.ids[0] == "r0" and next(iter(found)) == ("cultivation", "resolution")


def test_shared_is_not_yet_more_than_usual() -> None:
    found = ladder(rows(6, "use", "brand-", scope="service_complaint"), rows(6, "purchase", "process-", start=9, scope="service_complaint"))
    assert {one.step for one in found.values()} == {"shared"}
    assert all(one.p is not None and one.q is not None and one.q >= one.p for one in found.values())


def test_what_rises_above_its_own_past_is_a_candidate() -> None:
    past = [row(number, "use", "brand-", scope="service_complaint", at=MONDAY + timedelta(days=number)) for number in range(100)]
    new = rows(12, "purchase", "fulfilment-", start=200, scope="service_complaint", at=MONDAY + timedelta(days=110))
    rung = ladder(past, new)["purchase", "fulfilment"]
    assert (rung.step, rung.base) == ("candidate", "earlier records")


def test_complaints_that_blame_one_cell_only_can_but_rise_above_their_own_past() -> None:
    def said(count: int, *factors: str, start: int, day: int) -> list[Row]:
        return rows(count, "use", *factors, start=start, scope="service_complaint", at=MONDAY + timedelta(days=day))

    (alone,) = ladder(said(20, "brand-", start=0, day=0)).values()
    assert (alone.step, alone.p, alone.q, alone.ratio, alone.base) == ("shared", None, None, None, "")
    past = said(60, start=100, day=0), said(3, "brand-", start=200, day=0), said(8, start=300, day=60)
    (risen,) = ladder(*past, said(12, "brand-", start=0, day=60)).values()
    assert (risen.step, risen.base) == ("candidate", "earlier records")


def test_what_stays_as_frequent_as_it_was_is_rarely_a_candidate() -> None:
    """40 ladders of twelve equally frequent cells, before and in the last four weeks; the earlier share is known no better than the new."""
    draw = np.random.default_rng(7)
    names = [f"{name}-" for name in ("price_value", "technology", "ease_of_use", "brand", "environment", "consistency")]
    cells = [(stage, name) for stage in ("use", "purchase") for name in names]
    alarms = 0
    for _ in range(40):
        found = [
            row(at, *cells[cell], scope="service_complaint", at=MONDAY + timedelta(days=0 if at < 60 else 60))
            for at, cell in enumerate(draw.integers(len(cells), size=240).tolist())
        ]
        alarms += any(rung.step == "candidate" for rung in promotion_ladder(frame(found), (), customers=5))
    assert alarms <= 4


def test_records_without_a_customer_are_said_to_be_untold() -> None:
    rung = ladder(rows(6, "use", "brand-", scope="both", subject=None))["use", "brand"]
    assert (rung.customers, rung.known_customers) == (6, 0)


def test_resolved_transcripts_with_a_lasting_cause_are_unfixed() -> None:
    found = figures(
        rows(3, "use", "technology-", outcome="resolved", scope="experience_issue"),
        rows(2, "", "process-", start=3, outcome="resolved", scope="both"),
        rows(4, "use", "technology-", start=5, outcome="resolved", scope="service_complaint"),
        rows(1, "use", "technology-", start=9, outcome="pending", scope="both"),
        rows(5, "use", "technology-", start=10, scope="both"),
        rows(2, "cultivation", "courtesy- process-", start=15, outcome="resolved", scope="both"),
    ).unfixed
    assert (found.transcripts, found.resolved, found.unfixed) == (12, 11, 7)
    assert found.share.value == pytest.approx(7 / 11)
    assert found.causes == (("use", "technology", 3), ("cultivation", "process", 2), (None, "process", 2))  # courtesy is no cause
    assert set(found.ids) == {"r0", "r1", "r2", "r3", "r4", "r15", "r16"}


def test_what_the_issues_of_a_workspace_mended_is_left_out() -> None:
    day, mended = {"at": MONDAY}, (Mended("use", "technology", MONDAY), Mended("return", "brand", MONDAY))
    kind: dict[str, Any] = {"outcome": "resolved", "scope": "both"}
    said = frame(
        rows(3, "use", "technology-", **kind, **day),
        rows(2, "use", "technology- price_value-", start=3, **kind, **day),
        rows(4, "use", "technology-", start=5, **kind, at=MONDAY + timedelta(days=1)),
        rows(1, "use", "technology-", start=9, **kind),
        rows(5, "use", "technology-", start=10, outcome="resolved", scope="service_complaint", **day),
        rows(2, "use", "technology+", start=15, **kind, **day),
        rows(2, "", "technology-", start=17, **kind, **day),
    )
    found = recovered_but_unfixed(said, mended=mended)
    assert (found.resolved, found.unfixed, found.fixed) == (19, 11, 3)
    assert recovered_but_unfixed(said).unfixed == 14 and not recovered_but_unfixed(said).fixed
    assert found.causes == (("use", "technology", 7), ("use", "price_value", 2), (None, "technology", 2))


def test_rows_and_single_conversations_are_mended_alike() -> None:
    draw = np.random.default_rng(5)
    stages, factors = ("", "use", "cultivation", "purchase"), ("technology-", "courtesy-", "brand+", "price_value~")
    mended = (
        Mended("use", "technology", MONDAY + timedelta(days=2)),
        Mended("cultivation", "technology", MONDAY),
        Mended("no", "one", MONDAY),
    )
    made = []
    for number in range(200):
        said = [name for name in factors if draw.random() < 0.5]
        at = MONDAY + timedelta(days=int(draw.integers(4)))
        made.append(row(number, stages[draw.integers(4)], " ".join(said), scope="both", outcome="resolved", at=at))
    alone = set()
    for one in made:
        cells = [(stage, factor.key) for factor in one.factors if factor.polarity == "-" for stage in stages_of(one, factor) or (None,)]
        if are_mended([cell for cell in cells if not is_handling(*cell, TAXONOMY)], one.at or date.max, mended):
            alone.add(one.id)
    ids = set(recovered_but_unfixed(frame(made), mended=mended).ids)
    assert 10 < len(alone) < 150
    columns = Columns.of(TAXONOMY, ((one.id, pack(one, order=number)) for number, one in enumerate(made)))
    yes, no = ({key.decode() for key in columns.ids[chosen(columns, Selection(fixed=name), mended=mended)]} for name in ("yes", "no"))
    assert yes == alone and no == {one.id for one in made} - alone and ids <= no


def test_shared_complaints_name_the_words_that_their_evidence_has_in_common() -> None:
    def said(text: str, factor: str, start: int, count: int) -> list[Row]:
        piece = (Evidence(0, len(text), None, text),)
        factors = (Factor(factor, "-", 0.9, piece),)
        made = (row(start + at, "use", texts=(text,), scope="service_complaint") for at in range(count))
        return [replace(one, factors=factors) for one in made]

    made = said("[NAME]: the luggage of [ORDER] never arrived.", "fulfilment", 0, 8)
    made += said("The agent never listened.", "competence", 100, 8) + said("The zebra luggage.", "fulfilment", 200, 1)
    found = {rung.factor: set(rung.words) for rung in promotion_ladder(frame(made), made, customers=5)}
    assert found == {"fulfilment": {"arrived", "luggage"}, "competence": {"agent", "listened"}}


def test_of_many_cells_one_is_more_frequent_by_chance() -> None:
    """Among 121 cells that are blamed alike some one has six customers in nine of a hundred draws; nine hardly ever."""
    keys = [(stage, factor) for stage in frame().stage_keys for factor in frame().factor_keys][:121]

    def first(customers: int) -> Rung:
        found = [row(at, stage, f"{factor}-", scope="service_complaint") for at, (stage, factor) in enumerate(keys)]
        more = rows(customers - 1, keys[0][0], f"{keys[0][1]}-", start=1000, scope="service_complaint")
        return next(promotion_ladder(frame(found, more), ()))

    six, nine = first(6), first(9)
    assert (six.step, six.customers) == ("shared", 6) and six.p is not None and six.p < 0.001 and six.q == pytest.approx(121 * six.p)
    assert (nine.step, nine.customers) == ("candidate", 9)
