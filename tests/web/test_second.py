"""Tests of double reading: who is asked, what they do not see, who settles, and the kappas of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from vocservice.reporting.agreement import agreements, kappa
from vocservice.store import schema
from vocservice.store.review import sampling, second
from vocservice.taxonomy import load_taxonomy
from web.storing import ELSEWHERE
from web.visiting import Browser, Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch, second_share=1)


def readings(office: Office) -> list[Any]:
    with office.database.read() as connection:
        return list(connection.execute(select(schema.second_readings)).all())


def decide(browser: Browser, record: str, decision: str = "confirm", **fields: object):  # type: ignore[no-untyped-def]
    return browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": decision, **fields})


def lines(browser: Browser) -> list[str]:
    return [str(link["href"]) for link in browser.page("/desk/second").all("a") if "data-line" in link]


def test_the_share_that_is_read_twice_is_chosen_by_the_record_alone() -> None:
    ids = [f"rec_{number}" for number in range(4000)]
    chosen = [one for one in ids if sampling.is_chosen(one, 0.05)]
    assert 140 < len(chosen) < 260 and chosen == [one for one in ids if sampling.is_chosen(one, 0.05)]
    assert not any(sampling.is_chosen(one, 0) for one in ids) and all(sampling.is_chosen(one, 1) for one in ids)


def test_the_second_reader_does_not_see_the_first_and_changes_no_decision(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    decide(ada, record, "correct", note="told by the boss", scope="both")
    assert lines(ada) == [] and lines(grace) == [f"/desk/{record}"]
    page = grace.page(f"/desk/{record}")
    assert "Second reading:" in page.words and "told by the boss" not in page.words and "by Ada" not in page.words
    assert ("scope", "both") not in page.form(f"/desk/{record}")["fields"]
    assert decide(grace, record, "confirm").location == "/desk/second"
    with office.database.read() as connection:
        assert connection.execute(select(schema.claims)).all() == []
    assert "told by the boss" in grace.page(f"/desk/{record}").words and lines(grace) == []
    with office.database.read() as connection:
        assert [row.user_id for row in connection.execute(select(schema.annotations))] == [ada.user.id]


def test_a_form_sent_twice_is_one_reading(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    decide(ada, record)
    form = grace.page(f"/desk/{record}").form(f"/desk/{record}")
    assert [grace.post(form, {"decision": "confirm"}).status_code for _ in range(2)] == [303, 303]
    with office.database.read() as connection:
        assert len(connection.execute(select(schema.annotations)).all()) == len(readings(office)) == 1


def test_a_third_person_settles_what_two_differ_on(office: Office) -> None:
    record = office.record()
    ada, grace, joan = office.browser(name="Ada"), office.browser(name="Grace"), office.browser(name="Joan")
    decide(ada, record, "confirm")
    decide(grace, record, "dismiss", note="all is well")
    assert [row.is_agreed for row in readings(office)] == [False]
    assert lines(ada) == lines(grace) == [] and lines(joan) == [f"/desk/{record}"]
    words = joan.page(f"/desk/{record}").words
    assert "Two readers disagree" in words and "all is well" in words and "Repeat contact" in words
    decide(joan, record, "dismiss")
    assert readings(office)[0].settled_by is not None and lines(joan) == []
    assert "Two readers disagree" not in joan.page(f"/desk/{record}").words


def test_an_undone_decision_asks_for_no_second_reading(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    decide(ada, record)
    form = grace.page(f"/desk/{record}").form(f"/desk/{record}")
    ada.send(f"/desk/{record}", f"/desk/{record}/undo")
    assert readings(office) == [] and lines(grace) == []
    assert grace.post(form, {"decision": "confirm"}).status_code == 409


def test_of_two_who_read_in_the_same_moment_the_first_counts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    record, ada, grace, joan = office.record(), *(office.browser(name=name) for name in ("Ada", "Grace", "Joan"))
    decide(ada, record)
    form = joan.page(f"/desk/{record}").form(f"/desk/{record}")
    with office.database.read() as connection:
        before = second._waits_for(connection, joan.user, record)
    grace.send(f"/desk/{record}", f"/desk/{record}/take")
    decide(grace, record)
    monkeypatch.setattr(second, "_waits_for", lambda *_: before)
    assert joan.post(form, {"decision": "dismiss"}).status_code == 409
    assert [(row.user_id, row.is_agreed) for row in readings(office)] == [(grace.user.id, True)]


def test_a_second_reading_of_what_another_holds_is_refused(office: Office) -> None:
    record, ada, grace, joan = office.record(), *(office.browser(name=name) for name in ("Ada", "Grace", "Joan"))
    decide(ada, record)
    form = joan.page(f"/desk/{record}").form(f"/desk/{record}")
    grace.send(f"/desk/{record}", f"/desk/{record}/take")
    answer = joan.post(form, {"decision": "dismiss"})
    assert answer.status_code == 409 and "another person has this record open" in answer.text.lower()
    assert [row.user_id for row in readings(office)] == [None]
    decide(grace, record)
    assert [row.user_id for row in readings(office)] == [grace.user.id]


def test_nobody_reads_another_workspace_s_records(office: Office) -> None:
    record = office.record()
    decide(office.browser(), record)
    stranger = office.browser(workspace=ELSEWHERE)
    assert lines(stranger) == [] and stranger.client.get(f"/desk/{record}").status_code == 404
    assert "Nothing has been read twice yet" in stranger.page("/desk/agreement").words


def test_the_page_shows_kappas_of_readers_beside_the_model_s(office: Office) -> None:
    ada, grace = office.browser(name="Ada"), office.browser(name="Grace")
    for number in range(6):
        record = office.record()
        decide(ada, record, "dismiss" if number % 2 else "confirm")
        decide(grace, record, "dismiss" if number % 2 else "confirm")
    page = office.browser("analyst").page("/desk/agreement")
    assert "over 6 records" in page.words and "6 read twice, 0 waiting, 0 disputed" in " ".join(page.words.split())
    assert "1.00" in page.words and "Needs review" in page.words


TABLES = [
    ([[20, 5], [10, 15]], False, 0.4),
    ([[10, 0], [0, 10]], False, 1.0),
    ([[5, 5], [5, 5]], False, 0.0),
    ([[4, 0, 0], [0, 4, 0], [2, 0, 4]], True, 0.6111),
]


@pytest.mark.parametrize(("table", "is_ordered", "value"), TABLES, ids=str)
def test_kappa_is_as_in_the_books(table: list[list[int]], is_ordered: bool, value: float) -> None:
    assert kappa(np.array(table, dtype=float), is_ordered=is_ordered) == pytest.approx(value, abs=1e-3)


@dataclass(frozen=True)
class Pair:
    first: dict[str, Any]
    second: dict[str, Any]
    model: dict[str, Any] = field(default_factory=dict)


def test_a_label_that_nobody_varies_on_has_no_kappa_and_one_that_nobody_gives_no_line() -> None:
    pairs = [Pair({"flags": ["churn_risk"]}, {"flags": ["churn_risk"]}, {"flags": ["churn_risk"]}) for _ in range(5)]
    (found,) = agreements(pairs, load_taxonomy())
    assert (found.key, found.n, found.given, found.readers, found.model) == ("churn_risk", 5, 5, None, None)


@pytest.mark.parametrize(("n", "is_known"), [(4, False), (6, True)])
def test_of_fewer_than_five_texts_no_kappa_is_told(n: int, is_known: bool) -> None:
    both, neither = {"scope": "both"}, {"scope": "neither"}
    (found,) = agreements([Pair(both, both, both), Pair(neither, neither, neither)] * (n // 2), load_taxonomy())
    assert (found.n, found.given, found.readers is not None, found.model is not None) == (n, n, is_known, is_known)


def test_readers_who_give_a_factor_opposite_polarities_do_not_agree() -> None:
    said = {sign: {"factors": [{"key": "courtesy", "polarity": sign}]} for sign in "+-"}
    same, apart = Pair(said["+"], said["+"], said["+"]), Pair(said["+"], said["-"], said["-"])
    (found,) = agreements([same] * 4 + [apart] * 4 + [Pair({}, {}, {})] * 4, load_taxonomy())
    assert (found.set, found.key, found.given) == ("factors", "courtesy", 8)
    assert found.readers is not None and found.readers.value == pytest.approx(0.5, abs=0.02)


def test_intervals_hold_the_value_and_shrink_with_more_texts() -> None:
    some = [Pair({"scope": "both"}, {"scope": "both"}, {"scope": "both"}), Pair({"scope": "neither"}, {"scope": "both"}, {"scope": "both"})]
    some += [Pair({"scope": "neither"}, {"scope": "neither"}, {"scope": "neither"})]
    few, many = (next(iter(agreements(some * times, load_taxonomy()))).readers for times in (5, 50))
    assert few and many and few.low <= few.value <= few.high
    assert few.value == pytest.approx(many.value) and many.high - many.low < few.high - few.low
