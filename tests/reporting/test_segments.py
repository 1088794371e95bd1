"""Tests of own fields: what a sender tells becomes a segment where many customers share it, and never what tells people apart."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from vocservice.reporting import segments
from vocservice.reporting.columns import Columns
from vocservice.reporting.own import MOST_FIELDS, OTHER, Fields, own_fields
from vocservice.reporting.packing import pack
from vocservice.reporting.segments import MOST_OFFERED, MOST_SHOWN, MOST_VALUES

from .made import TAXONOMY, row, rows

Group = tuple[int, dict[str, str], str]


def columns_of(*groups: Group) -> Columns:
    """So many rows that tell these fields, of one customer or (blank) of different ones; in two parts, as a process holds them."""
    told = [(fields, subject) for count, fields, subject in groups for _ in range(count)]
    made = [row(at, segments=fields, subject=subject or f"c{at}") for at, (fields, subject) in enumerate(told)]
    packed = [(one.id, pack(one, order=at)) for at, one in enumerate(made)]
    return Columns.of(TAXONOMY, packed[: len(packed) // 2]).changed(packed[len(packed) // 2 :])


def values(columns: Columns) -> dict[str, dict[str, int]]:
    """The segments, with how many rows have each value."""
    return {field: dict(zip(codes.names, codes.counts().tolist(), strict=True)) for field, codes in columns.segments.items()}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"plan": "pro", "storeRegion": " north ", "tier": 2}, {"plan": "pro", "storeRegion": "north", "tier": "2"}),
        ({"store_name": "Mitte", "customer_type": "b", "trial": True}, {"store_name": "Mitte", "customer_type": "b", "trial": "True"}),
        ({"customer_name": "Ada", "name": "Ada", "userId": "7", "e-mail": "x", "email": "x", "order id": "1", "customer": "Ada"}, {}),
        ({"a": "ada@example.org", "b": "[PERSON]", "c": "+49 151 2345678", "d": "x" * 61, "e": "two\nlines", "f": "a [ORDER_ID] b"}, {}),
        ({"tags": ["a", "b"], "deep": {"plan": "pro"}, "blank": " ", "none": None, " ": "x", "n" * 65: "x"}, {}),
        ({f"f{n}": "x" for n in range(30)}, {f"f{n}": "x" for n in range(24)}),
        (dict.fromkeys(("rep_name", "staff", "driver", "given_name", "handledBy", "closed by", "assigned_to", "caseManager"), "Ann"), {}),
        (dict.fromkeys(("assignee", "employee_number", "case_owner", "team member", "closed_by_name", "agent 2", "a_rep"), "Ann"), {}),
        (dict.fromkeys(("ask ada@example.org", "+49 151 2345678", "said [PERSON]", "x" * 61), "y"), {}),
        (kept := dict.fromkeys(("member_tier", "driver_version", "family_plan", "guest_type", "paid_by", "is_employee", "7"), "x"), kept),
        (None, {}),
    ],
)  # fmt: skip
def test_what_may_be_a_segment_of_a_record(details: dict[str, Any] | None, told: dict[str, str]) -> None:
    assert own_fields(details) == told


@pytest.mark.parametrize(
    ("groups", "offered"),
    [
        ([(6, {"plan": "pro"}, ""), (5, {"plan": "free"}, ""), (3, {}, "")], {"plan": {"pro": 6, "free": 5}}),
        ([(6, {"plan": "pro"}, ""), (4, {"plan": "free"}, "")], {"plan": {"pro": 6, OTHER: 4}}),  # four customers
        ([(6, {"plan": "pro"}, ""), (9, {"plan": "firm"}, "one")], {}),  # of one customer: who it is
        ([(9, {"plan": "pro"}, ""), (6, {"plan": "firm"}, "one")], {"plan": {"pro": 9, OTHER: 6}}),
        ([(6, {"plan": "pro"}, ""), (5, {"plan": OTHER}, ""), (1, {"plan": "x"}, "")], {"plan": {"pro": 6, OTHER: 6}}),
        ([(9, {"plan": "pro"}, ""), (9, {}, "")], {}),  # no two values
        ([(1, {"ticket": f"T{n}"}, "") for n in range(30)], {}),  # nearly all distinct
    ],
)  # fmt: skip
def test_a_value_is_shown_where_enough_customers_share_it(groups: list[Group], offered: dict[str, dict[str, int]]) -> None:
    assert values(columns_of(*groups)) == offered


def test_fields_and_values_are_bounded() -> None:
    many = [(20 - n, {"shop": f"s{n}"}, "") for n in range(15)]
    (found,) = values(columns_of(*many)).values()
    assert (len(found), list(found)[-1]) == (MOST_SHOWN + 1, OTHER)
    wide = [(6, {f"f{n}": value for n in range(20)}, "") for value in "ab"]
    assert len(values(columns_of(*wide))) == MOST_OFFERED


def test_of_a_field_with_too_many_values_none_is_held_however_the_rows_came() -> None:
    kept = [replace(one, segments={"plan": "ab"[at % 2], "ticket": f"T{at}"}) for at, one in enumerate(rows(MOST_VALUES + 200))]
    packed = [(one.id, pack(one, order=at)) for at, one in enumerate(kept)]
    columns = Columns.of(TAXONOMY, packed[:700]).changed(packed[700:]).changed(packed[:10])
    assert list(columns.own.codes["ticket"].names) == ["\0"]
    assert list(values(columns)) == ["plan"]


@pytest.mark.parametrize("places", [1, 2_400_000])  # 1: each part is cut by itself
@pytest.mark.parametrize("ends", [(0, 47), (0, 35, 47), (0, 35, 40, 47)])
def test_of_many_fields_those_held_are_told_by_all_their_rows(monkeypatch: pytest.MonkeyPatch, places: int, ends: tuple[int, ...]) -> None:
    monkeypatch.setattr(segments, "_MOST_PLACES", places)
    often: list[dict[str, str]] = [{"plan": "pro"} | {f"a{n}": "x" for n in range(20)}] * 30
    seldom = [{"plan": "pro"} | {f"b{at}{n}": "x" for n in range(20)} for at in range(9)]  # in more different contexts than the others
    told = seldom + often + [{"plan": "free"} | {f"c{n}": "x" for n in range(5)}] * 8
    packed = [(f"r{at}", pack(row(at, segments=fields), order=at)) for at, fields in enumerate(told)]
    columns = Columns.joined([Columns.of(TAXONOMY, packed[first:last]) for first, last in pairwise(ends)])
    held = {name: int(np.count_nonzero(codes.codes >= 0)) for name, codes in columns.own.codes.items()}
    assert held == {name: sum(name in fields for fields in told) for name in held}
    assert (columns.told["plan"], held["a0"]) == ({"pro": 39, "free": 8}, 30)
    assert len(held) <= MOST_FIELDS and (places == 1 or len(held) == MOST_FIELDS)


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        (Fields(hidden=frozenset({"plan"})), {"region"}),
        (Fields(held=frozenset({"plan", "gone"})), {"plan"}),
        (Fields(hidden=frozenset({"plan"}), held=frozenset({"plan"})), set()),
    ],
)
def test_fields_that_do_not_count_are_not_held_of_later_rows_either(fields: Fields, held: set[str]) -> None:
    packed = [(f"r{at}", pack(row(at, segments={"plan": "pro", "region": "n"}), order=at)) for at in range(6)]
    columns = Columns.joined([Columns.of(TAXONOMY, (), fields=fields), Columns.of(TAXONOMY, packed[:3], fields=fields)])
    for seen in (columns, columns.changed(packed[3:]), columns.taken(np.arange(3) > 0).changed(packed[3:])):
        assert set(seen.own.codes) == held


def test_nothing_stays_of_a_value_that_is_gone() -> None:
    columns = columns_of((6, {"plan": "pro"}, ""), (6, {"plan": "secret"}, ""))
    later = [(f"r{at}", pack(row(at, segments={"plan": "free"}, id=f"r{at}"), order=at)) for at in range(6, 12)]
    assert values(columns.changed(later)) == {"plan": {"free": 6, "pro": 6}}
    assert "secret" not in columns.changed(later).own.codes["plan"].names


def test_a_frame_has_the_segment_that_is_asked_for() -> None:
    columns = columns_of((6, {"plan": "pro", "region": "n"}, ""), (6, {"plan": "free", "region": "s"}, ""))
    mask = np.arange(12) > 3
    assert list(columns.frame(mask).segments) == []
    found = columns.frame(mask, segments=["plan"]).segments
    assert {name: codes.counts().tolist() for name, codes in found.items()} == {"plan": [6, 2]}
