"""Tests of the review desk: the queue, decisions that overwrite nothing, undo, leases, and texts that try to become markup."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from builders import conversation, piece
from sqlalchemy import event, select, update

from vocservice.records import Factor, Label, Scope
from vocservice.store import audit, schema
from vocservice.store.database import now
from vocservice.store.review import annotations, reviews
from vocservice.store.review.reviews import Choice
from vocservice.taxonomy import load_taxonomy
from web.storing import ELSEWHERE
from web.test_page import HOSTILE
from web.visiting import Browser, Office, Page, talk


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def decided(browser: Browser, record: str, decision: str = "confirm", **fields: object):  # type: ignore[no-untyped-def]
    return browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": decision, **fields})


def taken_over(browser: Browser, record: str) -> None:
    answer = browser.send(f"/desk/{record}", f"/desk/{record}/take")
    assert (answer.status_code, answer.location) == (303, f"/desk/{record}")


def holds(browser: Browser, record: str) -> bool:
    """Whether the page has the form of a decision."""
    return any(form["action"] == f"/desk/{record}" for form in browser.page(f"/desk/{record}").forms)


def rows(office: Office, table):  # type: ignore[no-untyped-def]
    with office.database.read() as connection:
        return connection.execute(select(table)).all()


def test_the_queue_shows_what_waits_the_most_urgent_first(office: Office) -> None:
    office.record(text="All fine.", flags=(), scope=None)
    mild = office.record(text="It crashed, I may leave.")
    urgent = office.record()
    page = office.browser("analyst").page("/desk")
    links = [str(link["href"]) for link in page.all("a") if "data-line" in link]
    assert links == [f"/desk/{urgent}", f"/desk/{mild}"]
    assert "2 waiting, 0 decided" in page.words
    assert "Reason: " in page.words and "Needs review" in page.words


@pytest.mark.parametrize("is_open", [False, True], ids=["queue", "record"])
def test_the_list_of_keys_has_every_key_of_the_page(office: Office, is_open: bool) -> None:
    record, ada = office.record(), office.browser(name="Ada")
    decided(ada, office.record())  # which can be undone
    page = ada.client.get(f"/desk/{record}" if is_open else "/desk").text
    keys = {key for key in re.findall(r'data-key="(.)"', page) if key not in "2345678"}  # between the first and the ninth
    (told,) = re.findall(r"Keyboard shortcuts <kbd>.</kbd></summary>(.*?)</details>", page, re.DOTALL)
    assert len(keys) > 3 and keys <= set(re.findall(r"<kbd>(.)</kbd>", told))


def test_a_decision_that_is_undone_is_told_so_until_the_next(office: Office) -> None:
    record, ada = office.record(), office.browser(name="Ada")
    decided(ada, record)
    ada.send(f"/desk/{record}", f"/desk/{record}/undo", {})
    assert "Confirmed: undone." in ada.page(f"/desk/{record}").words
    assert "undone." not in office.browser(name="Grace").page(f"/desk/{record}").words
    decided(ada, record, "dismiss")
    assert "undone." not in ada.page(f"/desk/{record}").words


@pytest.mark.parametrize(("outcome", "is_told"), [("resolved", False), ("unresolved", True)])
def test_an_outcome_is_told_as_a_cause_only_where_it_counts(office: Office, outcome: str, is_told: bool) -> None:
    said = conversation(("customer", "It crashed."), ("agent", "Sorry."))
    office.record(text="It crashed.", conversation=replace(said, outcome=Label(outcome, 0.9)))
    (why,) = re.findall(r'data-label="Why">(.*?)</td>', office.browser().client.get("/desk").text)
    assert "Repeat contact" in why and ("Outcome: " in why) is is_told


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("label=flags.churn_risk", 2),
        ("label=needs_review", 1),
        ("label=flags.none", 0),
        ("scope=experience_issue", 1),
        ("channel=chat", 2),
        ("channel=phone", 0),
        ("state=decided", 0),
        ("assignee=free", 2),
        ("assignee=mine", 0),
        ("assignee=x&state=y&cursor=z", 2),
        ("cursor=99999.%00", 2),
        ("sort=oldest&cursor=999999999999999999.x", 2),
        ("channel=chat%00", 2),
        ("done=%00", 2),
    ],
)
def test_the_queue_is_filtered(office: Office, query: str, count: int) -> None:
    office.record(text="It crashed, I may leave.")
    office.record()
    page = office.browser().page(f"/desk?{query}")
    assert len([link for link in page.all("a") if "data-line" in link]) == count


def test_pages_follow_each_other_without_gaps(office: Office) -> None:
    made = {office.record(text="It crashed.") for _ in range(30)}
    browser, path, seen = office.browser(), "/desk", []
    for _ in range(3):
        page = browser.page(path)
        seen += [str(link["href"]).removeprefix("/desk/") for link in page.all("a") if "data-line" in link]
        more = [str(link["href"]) for link in page.all("a") if "cursor=" in str(link["href"])]
        if not more:
            break
        path = more[0]
    assert len(seen) == 30 and set(seen) == made


def test_a_record_shows_why_it_is_there_with_its_evidence(office: Office) -> None:
    record = office.record()
    page = office.browser().page(f"/desk/{record}")
    assert "A person" not in page.words and "recommends that a person reads this (80%)" in page.words
    assert [mark["class"] for mark in page.all("mark")] == ["flag"] and "cancel [Flag: Churn risk]" in page.words
    assert [svg["role"] for svg in page.all("svg")] == ["img"] and len(page.all("circle")) == 2
    pressed = {str(key["data-key"]) for _, key in page.elements if "data-key" in key}
    assert pressed >= set("axsceno?/") and "between turns with j and k" in page.words
    assert {str(key["data-key"]) for _, key in office.browser("analyst").page("/desk").elements if "data-key" in key} >= set("/?")


def test_evidence_is_marked_by_its_kind_and_the_kinds_are_explained(office: Office) -> None:
    text = "It crashed at the till, staff, lovely box, never again, call me back"
    on = {
        words: (piece(text, words),)
        for words in ("at the till", "crashed at the till", "staff", "lovely box", "never again", "call me back")
    }
    record = office.record(
        text=text,
        stages=(Label("purchase", 0.9, on["at the till"]),),
        factors=(
            Factor("technology", "-", 0.9, on["crashed at the till"]),
            Factor("product_quality", "+", 0.9, on["lovely box"]),
            Factor("courtesy", "~", 0.9, on["staff"]),
        ),
        flags=(Label("churn_risk", 0.9, on["never again"]),),
        scope=Scope("both", 0.9, "head:scope", on["call me back"]),
    )
    page = office.browser("analyst").page(f"/desk/{record}")
    assert [mark["class"] for mark in page.all("mark")] == ["bad", "stage bad", "mixed", "good", "flag", "scope"]
    assert "at the till [Stage: Purchase; Factor: Technology, negative]" in page.words
    legend = page.words.partition("What was written")[2].partition("It crashed")[0].strip()
    assert legend == "FlagExperience factor, positiveExperience factor, negativeExperience factor, mixedScopeJourney stage"


@pytest.mark.parametrize("decision", ["confirm", "dismiss", "correct"])
def test_a_decision_is_added_beside_the_model_s_labels(office: Office, decision: str) -> None:
    record, browser = office.record(), office.browser()
    before = rows(office, schema.analyses)
    answer = decided(browser, record, decision, **{"scope": "both", "factors.courtesy": "-", "note": " rude "})
    assert (answer.status_code, answer.location) == (303, f"/desk/next?after={record}")
    assert rows(office, schema.analyses) == before
    (kept,) = rows(office, schema.annotations)
    assert (kept.decision, kept.note, kept.user_id, kept.revision) == (decision, "rude", browser.user.id, 1)
    assert kept.labels["needs_review"] == (decision != "dismiss")
    assert kept.labels["factors"] == ([{"key": "courtesy", "polarity": "-"}] if decision == "correct" else [])
    assert "0 waiting, 1 decided" in browser.page("/desk").words
    with office.database.read() as connection:
        assert audit.first_broken(connection) is None
        assert f"review.{decision}" in connection.scalars(select(schema.audit.c.action)).all()
        assert "rude" not in repr(connection.execute(select(schema.audit.c.details)).all())


def test_two_who_decide_the_same_do_not_overwrite_each_other(office: Office) -> None:
    record = office.record()
    first, second = office.browser(name="Ada"), office.browser(name="Grace")
    late = second.page(f"/desk/{record}").form(f"/desk/{record}")
    taken_over(first, record)
    assert decided(first, record, "dismiss").status_code == 303
    answer = second.post(late, {"decision": "confirm", "note": "mine"})
    assert answer.status_code == 409
    assert "not a problem" in answer.text and "Ada" in answer.text and "mine" in answer.text
    assert [row.decision for row in rows(office, schema.annotations)] == ["dismiss"]


def test_the_same_form_sent_twice_is_one_decision(office: Office) -> None:
    record, browser = office.record(), office.browser()
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    answers = [browser.post(form, {"decision": "confirm"}).status_code for _ in range(3)]
    assert answers == [303, 303, 303]
    assert len(rows(office, schema.annotations)) == 1


def test_a_new_revision_comes_back_and_an_old_form_is_refused(office: Office) -> None:
    record, browser = office.record(), office.browser()
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    with office.database.write() as connection:
        connection.execute(update(schema.records).values(revision=2))
        connection.execute(update(schema.analyses).values(is_current=False))
        office.analyse(connection, record, talk(), revision=2)
    assert browser.post(form, {"decision": "confirm"}).status_code == 409
    assert decided(browser, record).status_code == 303


def test_undo_puts_a_record_back_and_keeps_what_was_decided(office: Office) -> None:
    record, browser = office.record(), office.browser()
    decided(browser, record)
    stale = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    answer = browser.send(f"/desk/{record}", f"/desk/{record}/undo")
    assert answer.status_code == 303
    (kept,) = rows(office, schema.annotations)
    assert kept.undone_at is not None
    assert "1 waiting, 0 decided" in browser.page("/desk").words
    assert browser.post(stale, {"decision": "dismiss"}).status_code == 409


def test_decisions_on_one_record_are_undone_one_after_the_other(office: Office) -> None:
    record, browser = office.record(), office.browser()
    decided(browser, record)
    decided(browser, record)
    assert browser.send("/desk", f"/desk/{record}/undo").status_code == 303
    assert browser.send("/desk", f"/desk/{record}/undo").status_code == 303
    assert all(row.undone_at for row in rows(office, schema.annotations)) and len(rows(office, schema.annotations)) == 2


def test_nobody_undoes_another_s_decision(office: Office) -> None:
    record, browser, other = office.record(), office.browser(), office.browser()
    decided(browser, record)
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}/undo")
    token = dict(other.page(f"/desk/{record}").form(f"/desk/{record}")["fields"])["token"]
    assert other.post(form, {"token": token}).status_code == 400
    assert rows(office, schema.annotations)[0].undone_at is None


def test_two_leads_get_different_records_however_close_they_press(office: Office) -> None:
    records = {office.record() for _ in range(3)}
    first, second = office.browser(), office.browser(name="Grace")
    taken = [following(browser) for browser in (first, second, first)]
    assert len({*taken[:2]}) == 2 and taken[0] == taken[2]  # claimed before either opened its own
    assert "Ada has this open" in second.page(f"/desk/{taken[0]}").words
    first.send(f"/desk/{taken[0]}", f"/desk/{taken[0]}", {"decision": "confirm"})
    (third,) = records - {*taken}
    assert (following(second), following(second, after=taken[1])) == (taken[1], third)


def test_the_queue_says_who_has_a_record_open_and_calls_the_reader_you(office: Office) -> None:
    office.record()
    ada, grace = office.browser(name="Ada"), office.browser(name="Grace")
    following(ada)
    assert "You have it open" in ada.page("/desk").words and "Ada has it open" not in ada.page("/desk").words
    assert "Ada has it open" in grace.page("/desk").words and "You have it open" not in grace.page("/desk").words


def test_what_another_has_open_is_read_and_taken_over_by_a_button(office: Office) -> None:
    record, ada, grace, admin = office.record(), office.browser(name="Ada"), office.browser(name="Grace"), office.browser("admin")
    assert holds(ada, record)
    (held,) = rows(office, schema.claims)
    page = grace.page(f"/desk/{record}")
    assert f"Ada has this open until {held.lease_until:%H:%M}" in page.words
    assert [one["data-key"] for one in page.all("button") if "Take over" in page.words and one.get("data-key")] == ["t"]
    assert not holds(grace, record) and not holds(admin, record)
    assert {form["action"] for form in page.forms} >= {f"/desk/{record}/take", "/desk/bulk"}  # to assign it, or have it come back later
    taken_over(grace, record)
    assert holds(grace, record) and not holds(ada, record) and "Grace has this open" in ada.page(f"/desk/{record}").words
    taken_over_again = grace.post(
        {"action": f"/desk/{record}/take", "fields": grace.page(f"/desk/{record}").form(f"/desk/{record}")["fields"]}
    )
    assert taken_over_again.status_code == 303
    with office.database.read() as connection:
        acts = connection.execute(select(schema.audit.c.actor, schema.audit.c.action, schema.audit.c.details)).all()
        assert audit.first_broken(connection) is None
    assert [(act.actor, act.details) for act in acts if act.action == "review.take_over"] == [(grace.user.actor, {"from": ada.user.id})]


def test_only_who_may_decide_takes_over_and_only_what_is_theirs_to_see(office: Office) -> None:
    record, foreign = office.record(), office.record(workspace=ELSEWHERE)
    lead, analyst = office.browser(), office.browser("analyst")
    form = lead.page(f"/desk/{record}").form(f"/desk/{record}")
    token = dict(analyst.page("/preferences").form("/preferences")["fields"])["token"]
    for act in ("take", "claim"):
        assert analyst.post({**form, "action": f"/desk/{record}/{act}"}, {"token": token}).status_code == 403
        assert lead.post({**form, "action": f"/desk/{record}/{act}"}, {"token": "of another site"}).status_code == 403
        assert lead.post({**form, "action": f"/desk/{foreign}/{act}"}).status_code == 404
    assert [(row.record_id, row.user_id) for row in rows(office, schema.claims)] == [(record, lead.user.id)]


def test_a_decision_on_what_another_took_over_is_refused_and_kept_as_a_draft(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    form = ada.page(f"/desk/{record}").form(f"/desk/{record}")
    taken_over(grace, record)
    for fields in ({"decision": "confirm"}, {"decision": "correct", "stages": ["use", "purchase", "advocacy", "discovery"]}):
        answer = ada.post(form, {"note": "mine", "scope": "both", "draft_version": len(rows(office, schema.drafts)), **fields})
        page = Page(answer.text)
        assert answer.status_code == (409 if fields["decision"] == "confirm" else 422)
        assert "your choices are saved as a draft" in page.words and "Grace has this open" in page.words and "mine" in page.words
        assert f"/desk/{record}" not in {one["action"] for one in page.forms}
    late = ada.post(form, {"decision": "confirm", "note": "older"})  # from a window that knows of no draft
    assert late.status_code == 409 and "you saved a newer draft" in late.text and "older" in late.text
    assert rows(office, schema.annotations) == [] and [row.note for row in rows(office, schema.drafts)] == ["mine"]
    taken_over(ada, record)
    back = ada.page(f"/desk/{record}").form(f"/desk/{record}")
    assert ("scope", "both") in back["fields"]
    assert ada.post(back, {"decision": "correct", "stages": ["use"]}).status_code == 303


def test_a_decision_on_a_record_without_a_claim_is_accepted(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    form = ada.page(f"/desk/{record}").form(f"/desk/{record}")
    taken_over(grace, record)
    with office.database.write() as connection:
        connection.execute(update(schema.claims).values(lease_until=now(connection)))
    assert ada.post(form, {"decision": "confirm"}).status_code == 303
    assert [row.user_id for row in rows(office, schema.annotations)] == [ada.user.id]


def test_an_open_page_renews_its_claim_and_is_told_who_has_it_now_without_lengthening_the_session(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    page = ada.page(f"/desk/{record}")
    form = page.form(f"/desk/{record}")
    (data,) = (one for one in page.all("form") if "data-claim" in one)
    assert (data["data-claim"], data["data-seconds"]) == (f"/desk/{record}/claim", "200.0")
    with office.database.write() as connection:
        soon = now(connection) + timedelta(seconds=30)
        connection.execute(update(schema.claims).values(lease_until=soon))
        connection.execute(update(schema.sessions).values(seen_at=now(connection) - timedelta(minutes=50)))
    before = {row.seen_at for row in rows(office, schema.sessions)}
    assert ada.post({**form, "action": data["data-claim"]}).get_json() == {"holder": ""}
    assert {row.seen_at for row in rows(office, schema.sessions)} == before
    assert rows(office, schema.claims)[0].lease_until > soon
    taken_over(grace, record)
    assert ada.post({**form, "action": data["data-claim"]}).get_json() == {"holder": "Grace"}
    assert rows(office, schema.claims)[0].user_id == grace.user.id


def following(browser: Browser, **query: str) -> str:
    """The record that comes next; blank for the queue."""
    location = browser.client.get("/desk/next", query_string=query).location
    return str(location).partition("?")[0].removeprefix("/desk").removeprefix("/")


@pytest.mark.parametrize("filters", [{}, {"sort": "oldest"}, {"label": "flags.churn_risk", "channel": "chat"}], ids=str)
def test_next_goes_through_the_queue_in_its_order_and_round(office: Office, filters: dict[str, str]) -> None:
    for urgent in (0.5, 0.9, 0.7):
        office.record(text="It crashed.", flags=(Label("churn_risk", urgent),))
    browser = office.browser()
    lines = browser.page("/desk?" + urlencode(filters)).all("a")
    queue = [str(link["href"]).partition("?")[0].removeprefix("/desk/") for link in lines if "data-line" in link]
    walk = [queue[0]]
    for _ in range(3):
        walk.append(following(browser, after=walk[-1], **filters))
    assert walk == [*queue, queue[0]]
    decided(browser, queue[1])
    assert following(browser, after=queue[1], **filters) == queue[2]  # from the place that it left
    decided(browser, queue[2])
    assert following(browser, after=queue[0], **filters) == ""  # the only one is no next one


@pytest.mark.parametrize("after", ["rec_nobodys", "", "x\0y", "ELSEWHERE"])
def test_after_what_is_on_no_desk_of_theirs_the_queue_begins(office: Office, after: str) -> None:
    first, browser = office.record(), office.browser()
    other = office.record(workspace=ELSEWHERE)
    assert following(browser, after=other if after == "ELSEWHERE" else after) == first


def test_skip_releases_the_record_and_continues_with_the_filters(office: Office) -> None:
    record, other, first = office.record(), office.record(), office.browser()
    form = first.page(f"/desk/{record}?channel=chat").form(f"/desk/{record}")
    answer = first.post({**form, "action": f"/desk/{record}/skip?channel=chat"})
    assert (answer.status_code, answer.location) == (303, f"/desk/next?channel=chat&after={record}")
    assert rows(office, schema.claims) == []
    assert first.client.get(answer.location).location == f"/desk/{other}?channel=chat"
    onward = [link["href"] for link in first.page(f"/desk/{other}?channel=chat").all("a") if link.get("data-key") == "n"]
    assert onward == [f"/desk/next?channel=chat&after={other}"]


def test_who_writes_keeps_the_record(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(), office.browser(name="Grace")
    form = ada.page(f"/desk/{record}").form(f"/desk/{record}")
    with office.database.write() as connection:
        connection.execute(update(schema.claims).values(lease_until=now(connection)))  # eleven minutes later
    assert ada.post({**form, "action": f"/desk/{record}/draft"}, {"note": "still at it"}).status_code == 303
    assert following(grace) == ""


@pytest.mark.parametrize("page", ["/desk", "/desk/OTHER"])
def test_the_last_decision_is_taken_back_from_wherever_one_is(office: Office, page: str) -> None:
    record, browser = office.record(), office.browser()
    path = page.replace("OTHER", office.record())
    assert 'data-key="u"' not in browser.client.get(path).text
    decided(browser, record)
    assert [button["data-key"] for button in browser.page(path).all("button") if button.get("data-key") == "u"] == ["u"]
    answer = browser.send(path, f"/desk/{record}/undo")
    assert (answer.status_code, answer.location) == (303, f"/desk/{record}")
    assert [row.undone_at is None for row in rows(office, schema.annotations)] == [False]
    assert "Undo my last" not in browser.page(path).words


def test_an_analyst_looks_and_does_not_decide(office: Office) -> None:
    record, analyst, lead = office.record(), office.browser("analyst"), office.browser()
    assert "Decide" not in analyst.page(f"/desk/{record}").words
    form = lead.page(f"/desk/{record}").form(f"/desk/{record}")
    token = dict(analyst.page("/preferences").form("/preferences")["fields"])["token"]
    assert analyst.post(form, {"token": token, "decision": "confirm"}).status_code == 403


def test_another_workspace_s_record_is_not_there(office: Office) -> None:
    record, browser = office.record(workspace=ELSEWHERE), office.browser()
    own = office.record()
    form = browser.page(f"/desk/{own}").form(f"/desk/{own}")
    assert browser.client.get(f"/desk/{record}").status_code == 404
    for path in (f"/desk/{record}", f"/desk/{record}/undo", f"/desk/{record}/skip"):
        assert browser.post({**form, "action": path}, {"decision": "confirm"}).status_code == 404
    assert record not in browser.client.get("/desk").text


def test_the_customer_s_other_records_are_shown(office: Office) -> None:
    first, second, other = office.record(subject="s1"), office.record(subject="s1"), office.record(subject="s2")
    text = office.browser().client.get(f"/desk/{second}").text
    assert f"/desk/{first}" in text and f"/desk/{other}" not in text


@pytest.mark.parametrize("change", [{"decision": "x"}, {"submission": ""}, {"revision": "x"}, {"steps": ""}])
def test_a_form_that_is_incomplete_changes_nothing(office: Office, change: dict[str, str]) -> None:
    record, browser = office.record(), office.browser()
    assert decided(browser, record, **{"decision": "confirm", **change}).status_code == 400
    assert rows(office, schema.annotations) == []


def test_labels_that_the_taxonomy_has_not_count_for_nothing(office: Office) -> None:
    record, browser = office.record(), office.browser()
    decided(browser, record, "correct", stages=["use", "nonsense"], scope="nonsense", sentiment="7", workspace_id="ws_two")
    (kept,) = rows(office, schema.annotations)
    assert (kept.labels["stages"], kept.labels["scope"], kept.labels["sentiment"], kept.workspace_id) == (["use"], None, -1, "ws_one")


def test_what_the_model_did_not_give_is_not_made_up_by_a_correction(office: Office) -> None:
    record, browser = office.record(text="It crashed.", sentiment=None, scope=None), office.browser()
    assert decided(browser, record, "correct", stages=["use"]).status_code == 303
    assert decided(browser, record, "correct", scope="both", sentiment="2").status_code == 303
    assert decided(browser, record, "correct", scope="").status_code == 303
    kept = [[row.labels[name] for name in ("stages", "sentiment", "scope")] for row in rows(office, schema.annotations)]
    assert kept == [[["use"], None, None], [["use"], 2, "both"], [["use"], 2, None]]


def test_a_taxonomy_without_sentiment_asks_for_none(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    record, browser, whole = office.record(), office.browser(), load_taxonomy()
    without = replace(whole, sets=tuple(one for one in whole.sets if one.name != "sentiment"))
    monkeypatch.setattr("vocservice.web.state.Model.taxonomy", lambda _: without)
    assert "sentiment" not in dict(browser.page(f"/desk/{record}").form(f"/desk/{record}")["fields"])
    decided(browser, record, "correct", sentiment="2")
    assert [row.labels["sentiment"] for row in rows(office, schema.annotations)] == [-1]


def test_too_many_stages_are_refused_and_the_choice_is_kept(office: Office) -> None:
    record, browser = office.record(), office.browser()
    answer = decided(browser, record, "correct", stages=["use", "purchase", "advocacy", "discovery"])
    assert (answer.status_code, "at most 3" in answer.text) == (422, True)
    assert rows(office, schema.annotations) == []


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_text_a_note_and_a_name_are_never_markup(office: Office, text: str) -> None:
    record = office.record(text=text, flags=(Label("churn_risk", 0.9),))
    name = text[:80] if text[:80].isprintable() else "Ada"
    browser = office.browser(name=name)
    decided(browser, record, note=text)
    for path in (f"/desk/{record}", "/desk", "/desk?state=decided", "/preferences"):
        page = browser.page(path)
        assert not any(attribute.startswith("on") for _, attributes in page.elements for attribute in attributes)
        assert {str(script["src"]) for script in page.all("script")} <= {"/static/keys.js", "/static/drafts.js"}
        assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object", "style"}
        assert len(page.all("h1")) == 1 and "\u202e" not in page.words


def test_what_is_exported_is_the_last_decision_that_stands(office: Office) -> None:
    record, browser = office.record(), office.browser()
    decided(browser, record, "confirm")
    decided(browser, record, "dismiss")
    with office.database.read() as connection:
        assert [example.annotation.decision for example in annotations.examples(connection, "ws_one")] == ["dismiss"]
        assert list(annotations.examples(connection, ELSEWHERE)) == []


TALKS = {
    "5,000 turns": [("customer" if number % 2 else "agent", f"Turn {number}.") for number in range(5000)],
    "one giant turn": [("customer", "a" * 100_000)],
    "empty turns": [("customer", ""), ("agent", " "), ("customer", "It crashed.")],
    "the same again and again": [("customer", "It crashed.")] * 50,
    "right to left": [
        ("customer", "\u0627\u0644\u062a\u0637\u0628\u064a\u0642 \u202e crashed"),
        ("agent", "\u05e1\u05dc\u05d9\u05d7\u05d4"),
    ],
}


@pytest.mark.parametrize("turns", TALKS.values(), ids=TALKS)
def test_a_strange_transcript_is_shown_whole_and_decided(office: Office, turns: list[tuple[str, str]]) -> None:
    record, browser = office.record(text="crashed", conversation=conversation(*turns)), office.browser()
    page = browser.page(f"/desk/{record}")
    shown = [part for part in page.all("p") if str(part.get("id", "")).startswith("turn-")]
    assert len(shown) == len(turns) and "\u202e" not in page.words
    assert len(page.all("text")) <= 21  # numbers under the line of sentiment that can be told apart
    assert decided(browser, record).status_code == 303


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (
            ["2026-03-04T23:59:05Z", None, "2026-03-05T00:00:07+00:00", "2026-03-05T00:01:00.5Z", "yesterday"],
            ["04 Mar 2026 23:59:05", "", "05 Mar 2026 00:00:07", "00:01:00", ""],
        ),
        (["00:00:01.250", "00:00:09", "26:00:00", None, None], ["00:00:01", "00:00:09", "26:00:00", "", ""]),
    ],
    ids=["of a day", "since the start"],
)
def test_each_turn_tells_when_it_was_said(office: Office, at: list[str | None], told: list[str]) -> None:
    turns = zip(("agent", "customer", "agent", "customer", "agent"), ("Hello.", "It crashed.", "Oh.", "Twice.", "Oh."), strict=True)
    said = conversation(*turns, at=at)
    page = office.browser().page(f"/desk/{office.record(text='It crashed. Twice.', conversation=said)}")
    for number, time in enumerate(told, 1):
        speaker = "customer, negative" if number in (2, 4) else "agent"
        named = speaker.replace(",", f", {time},", 1) if "," in speaker else f"{speaker}, {time}"
        assert f"{number} {named if time else speaker}" in opened(page)
    assert all(opened(page).count(time) == 1 for time in told if time)


def opened(page: Page) -> str:
    """The words of a page, white space as one."""
    return " ".join(page.words.split())


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("It crashed.\n\nTwice   today.", "It crashed. Twice today."),
        ("word " * 40, f"{' '.join(['word'] * 17)}…"),
        ("x" * 200, f"{'x' * 90}…"),
    ],
)
def test_a_line_of_the_queue_shows_the_first_words_on_one_line(office: Office, text: str, begins: str) -> None:
    record = office.record(text=text, factors=(), stages=())
    page = opened(office.browser("analyst").page("/desk"))
    assert f"{begins}Text {record[-8:]}" in page


def test_a_line_of_a_transcript_shows_the_customers_first_words_and_one_without_words_says_so(office: Office) -> None:
    talk, empty = office.record(), office.record()
    with office.database.write() as connection:
        bare = {"id": empty, "flags": [], "turns": []}
        connection.execute(update(schema.analyses).where(schema.analyses.c.record_id == empty).values(result=bare))
    page = opened(office.browser("analyst").page("/desk"))
    assert f"Your app crashed again, I want to cancel.Transcript {talk[-8:]}" in page
    assert f"No textTranscript {empty[-8:]}" in page


def test_a_line_of_a_transcript_passes_over_the_greeting_and_tells_it_where_the_customer_says_nothing(office: Office) -> None:
    for turns, begins in (
        ([("agent", "Welcome."), ("customer", " "), ("customer", "It broke.")], "It broke."),
        ([("system", "Joined."), ("agent", "Hello?")], "Joined. Hello?"),
    ):
        record = office.record()
        result = {"text": "\n".join(text for _, text in turns), "turns": [{"speaker": who, "text": text} for who, text in turns]}
        with office.database.write() as connection:
            connection.execute(update(schema.analyses).where(schema.analyses.c.record_id == record).values(result=result))
        assert f"{begins}Transcript {record[-8:]}" in opened(office.browser("analyst").page("/desk"))


@pytest.mark.parametrize("text", HOSTILE)
def test_first_words_are_never_markup(office: Office, text: str) -> None:
    office.record(text=text, factors=(), stages=())
    browser = office.browser("analyst")
    plain = [name for name, _ in browser.page("/desk").elements]
    with office.database.write() as connection:
        connection.execute(update(schema.analyses).values(result={"text": "calm"}))
    assert [name for name, _ in browser.page("/desk").elements] == plain


def test_a_page_of_the_queue_asks_no_more_for_many_lines_than_for_one(office: Office) -> None:
    def asked() -> int:
        statements: list[str] = []
        with office.database.read() as connection:
            event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
            reviews.page(connection, user, Choice())
        return len(statements)

    user = office.user("analyst")
    office.record()
    one = asked()
    for _ in range(9):
        office.record()
    assert asked() == one


def test_what_waits_for_its_scope_alone_names_the_scope(office: Office) -> None:
    scope = Scope("service_complaint", 0.9, "head:scope")
    office.record(text="Rude.", flags=(), scope=scope, factors=(), stages=())
    assert "Scope: Service complaint" in office.browser("analyst").page("/desk").words


def test_what_was_withheld_is_said_in_words(office: Office) -> None:
    record = office.record()
    words = office.browser("analyst").page(f"/desk/{record}").words
    assert "stages.advocacy" not in words and "Stage: Advocacy" in words.partition("Withheld")[2]
