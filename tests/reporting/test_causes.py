"""Tests of the change split four ways: what was put in comes out, the parts sum to the change, and what cannot be told is not."""

from collections.abc import Sequence

import numpy as np
import pytest

from vocservice.reporting.causes import MIN_ANCHORS, NAMES, Anchors, Fourfold, anchors_of, fourfold
from vocservice.reporting.followed import followed
from vocservice.reporting.measures import is_own
from vocservice.reporting.rows import Row, Score

from .made import TAXONOMY, frame, row, rows

OLD, NEW = ("m-1", TAXONOMY.id), ("m-2", TAXONOMY.id)
OTHER = "voc/9.0.0"


def people(count: int, mood: float, *, start: int, version: tuple[str, str] = OLD, chats: float = 0.5, kinder: float = 0.0) -> list[Row]:
    """Customers of a mood, less or more by e-mail; a model may read them as kinder than they are."""
    draw = np.random.default_rng(start)
    moods = draw.normal(mood, 0.2, count)
    return [
        row(start + at, "use", model=version[0], taxonomy=version[1], level=0, scope="neither", sentiment=float(moods[at]) + kinder,
            channel="chat" if draw.random() < chats else "email", score=Score("nps", 7, 10))
        for at in range(count)
    ]  # fmt: skip


def anchor_rows(kinder: dict[tuple[str, str], float], count: int = 60) -> list[Row]:
    """The same texts read by each version."""
    return [row(at, "use", model=model, taxonomy=taxonomy, level=0, scope="neither", sentiment=at / 100 + more)
            for (model, taxonomy), more in kinder.items() for at in range(count)]  # fmt: skip


def anchor_set(kinder: dict[tuple[str, str], float], count: int = 60) -> Anchors:
    made = anchor_rows(kinder, count)
    return anchors_of(frame(made), made)


def split(before: Sequence[Row], after: Sequence[Row], anchors: Anchors | None) -> Fourfold:
    return split_all(before, after, anchors)[0]


def split_all(before: Sequence[Row], after: Sequence[Row], anchors: Anchors | None = None) -> tuple[Fourfold, ...]:
    sides = frame(before), frame(after)
    return fourfold(*sides, anchors, followed(*sides))


def parts(found: Fourfold) -> dict[str, float | None]:
    return {cause.name: cause.part.value for cause in found.causes}


def test_what_a_new_model_did_is_told_from_what_people_say() -> None:
    found = split(people(800, 0.0, start=0), people(800, 0.2, start=5000, version=NEW, kinder=0.1), anchor_set({OLD: 0.0, NEW: 0.1}))
    assert parts(found)["model version"] == pytest.approx(0.1)
    assert parts(found)["customers"] == pytest.approx(0.2, abs=0.03)
    assert sum(value or 0 for value in parts(found).values()) == pytest.approx(found.change.value)
    assert tuple(parts(found)) == NAMES and found.anchors == 60


def test_the_same_version_on_both_sides_did_nothing_and_needs_no_anchors() -> None:
    found = split(people(200, 0.0, start=0), people(200, 0.0, start=5000), None)
    assert parts(found)["model version"] == parts(found)["taxonomy version"] == 0
    assert found.untold is None
    assert found.causes[0].part.low is not None and found.causes[0].part.low <= 0 <= (found.causes[0].part.high or 0)


def test_the_channels_have_a_part_of_their_own() -> None:
    before = people(400, 0.0, start=0, chats=1.0) + people(100, 0.8, start=1000, chats=0.0)
    after = people(100, 0.0, start=5000, chats=1.0) + people(400, 0.8, start=6000, chats=0.0)
    found = parts(split(before, after, None))
    assert found["channel mix"] == pytest.approx(0.48, abs=0.03) and found["customers"] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    "anchors",
    [None, anchor_set({OLD: 0.0}), anchor_set({OLD: 0.0, NEW: 0.1}, count=MIN_ANCHORS - 1)],
    ids=["none", "of one version", "too few"],
)
def test_without_a_usable_anchor_set_customers_and_versions_are_not_told_apart(anchors: Anchors | None) -> None:
    found = split(people(200, 0.0, start=0), people(200, 0.1, start=5000, version=NEW), anchors)
    assert [parts(found)[name] for name in ("customers", "model version", "taxonomy version")] == [None] * 3
    assert found.untold and found.untold.value == pytest.approx(0.1, abs=0.06) and "anchor set" in found.causes[0].note


OLDER = ("m-0", TAXONOMY.id)


@pytest.mark.parametrize("count", [1, 40], ids=["one text", "some texts"])
def test_a_version_that_labelled_neither_set_is_not_asked_for(count: int) -> None:
    """What an older bundle left in the anchor set neither hides the split nor narrows it to the texts that it labelled."""
    made = anchor_rows({OLD: 0.0, NEW: 0.1}) + anchor_rows({OLDER: -0.5}, count)
    found = split(people(400, 0.0, start=0), people(400, 0.0, start=5000, version=NEW, kinder=0.1), anchors_of(frame(made), made))
    assert parts(found)["model version"] == pytest.approx(0.1) and found.anchors == 60


def test_a_version_that_tells_no_model_from_taxonomy_is_passed_over() -> None:
    last, between = ("m-2", OTHER), ("m-2", TAXONOMY.id)
    made = anchor_rows({OLD: 0.0, last: 0.3}) + anchor_rows({("m-0", "voc/0.1.0"): -0.5}, 50) + anchor_rows({between: 0.1}, 40)
    found = split(people(300, 0.0, start=0), people(300, 0.3, start=5000, version=last), anchors_of(frame(made), made))
    assert parts(found)["model version"] == pytest.approx(0.1) and found.anchors == 40


@pytest.mark.parametrize(
    ("between", "is_known"), [((), False), ((("m-2", TAXONOMY.id),), True)], ids=["together", "one version between them"]
)
def test_model_and_taxonomy_are_told_apart_where_a_version_changes_one_alone(between: tuple[tuple[str, str], ...], is_known: bool) -> None:
    last = ("m-2", OTHER)
    anchors = anchor_set({OLD: 0.0, last: 0.3} | dict.fromkeys(between, 0.1))
    found = parts(split(people(300, 0.0, start=0), people(300, 0.3, start=5000, version=last), anchors))
    assert (found["model version"] is not None) is is_known
    if is_known:
        assert found["model version"] == pytest.approx(0.1) and found["taxonomy version"] == pytest.approx(0.2)


def test_a_score_is_the_customers_whatever_the_model() -> None:
    found = split_all(people(100, 0.0, start=0), people(100, 0.0, start=5000, version=NEW))
    scores = [one for one in found if is_own(one.figure)]
    assert len(scores) == 1 and all(parts(one)["model version"] == 0 and one.causes[3].note for one in scores)


def test_what_clearly_moved_is_followed_too_and_nothing_else_is() -> None:
    """Blame of fulfilment at the purchase rises, that of technology stays; nobody gives an NPS."""
    before = rows(60, "purchase", "technology-", level=1) + rows(20, "purchase", "fulfilment-", start=100, level=-1)
    after = rows(60, "purchase", "technology-", start=500, level=1) + rows(80, "purchase", "fulfilment-", start=700, level=-1)
    found = {one.figure: one for one in split_all(before, after)}
    assert {"share of negative sentiment", "fulfilment-", "stage purchase-"} <= found.keys()
    assert not {"courtesy-", "stage use-", "NPS, \u22121 to +1"} & found.keys()
    assert found["fulfilment-"].change.value == pytest.approx(80 / 140 - 0.25)
    assert sum(cause.part.value or 0 for cause in found["stage purchase-"].causes) == pytest.approx(80 / 140 - 0.25)


def test_few_records_are_not_split() -> None:
    assert split_all(people(4, 0.0, start=0), people(100, 0.0, start=5000)) == ()
