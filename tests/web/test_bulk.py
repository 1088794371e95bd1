"""Tests of acts on several records at once: what is done, what is left, undo, roles, and views kept under a name."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from vocservice.store import audit, schema
from web.storing import ELSEWHERE, WORKSPACE
from web.test_page import HOSTILE
from web.visiting import Browser, Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def rows(office: Office, table: Any) -> list[Any]:
    with office.database.read() as connection:
        return list(connection.execute(select(table)).all())


def act(browser: Browser, action: str, picked: list[str], *, path: str = "/desk", **more: object):  # type: ignore[no-untyped-def]
    return browser.send(path, "/desk/bulk", {"action": action, "pick": picked, **more})


def taken_back(browser: Browser, answer: Any):  # type: ignore[no-untyped-def]
    return browser.send(answer.location, "/desk/bulk/")


@pytest.mark.parametrize(("action", "decision"), [("confirm", "confirm"), ("dismiss", "dismiss")])
def test_several_are_decided_at_once_and_that_is_undone_at_once(office: Office, action: str, decision: str) -> None:
    records = [office.record() for _ in range(3)]
    browser = office.browser()
    answer = act(browser, action, records[:2])
    assert answer.status_code == 303
    assert "2 records." in browser.page(answer.location).words and "1 waiting, 2 decided" in browser.page("/desk").words
    assert [(row.decision, row.labels["needs_review"]) for row in rows(office, schema.annotations)] == [(decision, action == "confirm")] * 2
    undone = taken_back(browser, answer)
    assert undone.status_code == 303 and "undone." in browser.page(undone.location).words
    assert "3 waiting, 0 decided" in browser.page("/desk").words
    assert all(row.undone_at for row in rows(office, schema.annotations))
    with office.database.read() as connection:
        assert audit.first_broken(connection) is None
        assert {"bulk.undo", f"bulk.{action}"} <= set(connection.scalars(select(schema.audit.c.action)))


def test_what_somebody_decided_meanwhile_is_left_as_it_is(office: Office) -> None:
    records = [office.record() for _ in range(3)]
    first, second = office.browser(name="Ada"), office.browser(name="Grace")
    form = second.page("/desk").form("/desk/bulk")
    first.send(f"/desk/{records[0]}", f"/desk/{records[0]}", {"decision": "dismiss"})
    with office.database.write() as connection:
        changed = schema.records.c.id == records[1]
        connection.execute(update(schema.records).where(changed).values(revision=2))
    answer = second.post(form, {"action": "confirm", "pick": records})
    words = " ".join(second.page(answer.location).words.split())
    assert "Confirmed: 1 record. 2 left unchanged" in words
    assert sorted(row.decision for row in rows(office, schema.annotations)) == ["confirm", "dismiss"]


def test_what_somebody_else_has_open_is_not_decided_with_the_rest_but_may_be_assigned(office: Office) -> None:
    records = [office.record() for _ in range(3)]
    ada, grace = office.browser(name="Ada"), office.browser(name="Grace")
    ada.page(f"/desk/{records[0]}")
    grace.page(f"/desk/{records[1]}")
    words = " ".join(grace.page(act(grace, "confirm", records).location).words.split())
    assert "Confirmed: 2 records. 1 left unchanged: somebody else has decided or has the record open" in words
    assert {row.record_id for row in rows(office, schema.annotations)} == {*records[1:]}
    assert "Assigned: 1 record." in grace.page(act(grace, f"assign:{grace.user.id}", records[:1]).location).words


def test_the_same_form_sent_twice_is_one_act(office: Office) -> None:
    records, browser = [office.record() for _ in range(2)], office.browser()
    form = browser.page("/desk").form("/desk/bulk")
    answers = [browser.post(form, {"action": "confirm", "pick": records}).location for _ in range(3)]
    assert len(set(answers)) == 1 and len(rows(office, schema.annotations)) == 2


def test_an_undo_leaves_what_another_decided_after(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    answer = act(ada, "confirm", [record])
    assert grace.send(f"/desk/{record}", f"/desk/{record}", {"decision": "dismiss"}).status_code == 303
    taken_back(ada, answer)
    assert [row.undone_at for row in rows(office, schema.annotations)] == [None, None]


def test_records_are_given_to_somebody_and_found_by_that(office: Office) -> None:
    record, other = office.record(), office.record()
    ada, grace = office.browser(name="Ada"), office.browser(name="Grace")
    answer = act(ada, f"assign:{grace.user.id}", [record])
    for browser, query, count in ((grace, "owner=mine", 1), (ada, "owner=others", 1), (ada, "owner=free", 1), (ada, "owner=mine", 0)):
        lines = [link for link in browser.page(f"/desk?{query}").all("a") if "data-line" in link]
        assert len(lines) == count, query
    assert "assigned to Grace" in ada.page(f"/desk/{record}").words
    act(ada, f"assign:{ada.user.id}", [record, other])
    taken_back(ada, answer)
    assert [row.user_id for row in rows(office, schema.assignments)] == [ada.user.id]  # the undo put the state before the first act back


def test_records_that_come_back_later_are_out_of_the_queue_until_then(office: Office) -> None:
    record, browser = office.record(), office.browser()
    answer = act(browser, "snooze:3", [record], path=f"/desk/{record}")
    assert answer.location.startswith(f"/desk/{record}?done=")
    assert not [link for link in browser.page("/desk").all("a") if "data-line" in link]
    assert browser.client.get("/desk/next").location == "/desk"
    page = browser.page("/desk?state=later")
    assert "1 waiting, 1 of them postponed" in page.words and [link for link in page.all("a") if "data-line" in link]
    with office.database.write() as connection:
        connection.execute(update(schema.snoozes).values(until=1))
    assert browser.client.get("/desk/next").location == f"/desk/{record}"


def test_tags_are_put_found_and_taken_away(office: Office) -> None:
    record, browser = office.record(), office.browser()
    office.record()
    act(browser, "tag", [record], tag="  Refund  LATE ")
    assert [row.tag for row in rows(office, schema.tags)] == ["refund late"]
    assert len([link for link in browser.page("/desk?tag=refund+late").all("a") if "data-line" in link]) == 1
    answer = act(browser, "untag", [record], tag="refund late")
    assert rows(office, schema.tags) == []
    taken_back(browser, answer)
    assert len(rows(office, schema.tags)) == 1


UNUSABLE = [
    ({"action": "confirm", "pick": []}, 400),
    ({"action": ""}, 422),
    ({"action": "explode"}, 422),
    ({"action": "snooze:0"}, 400),
    ({"action": "snooze:9999"}, 400),
    ({"action": "assign:usr_nobody"}, 400),
    ({"action": "tag", "tag": " "}, 400),
    ({"action": "tag", "tag": "x" * 41}, 400),
    ({"action": "confirm", "submission": "short"}, 400),
]


@pytest.mark.parametrize(("fields", "status"), UNUSABLE, ids=lambda value: str(value)[:40])
def test_an_act_that_makes_no_sense_changes_nothing(office: Office, fields: dict[str, object], status: int) -> None:
    record, browser = office.record(), office.browser()
    assert browser.send("/desk", "/desk/bulk", {"pick": [record], **fields}).status_code == status
    for table in (schema.annotations, schema.assignments, schema.snoozes, schema.tags, schema.bulks):
        assert rows(office, table) == []


def test_another_workspace_is_never_reached(office: Office) -> None:
    own, foreign = office.record(), office.record(workspace=ELSEWHERE)
    browser, stranger = office.browser(), office.user(workspace=ELSEWHERE)
    for action in ("confirm", "dismiss", "snooze:1", "tag", "assign:"):
        act(browser, action, [own, foreign], path=f"/desk/{own}", tag="x", **{f"seen.{foreign}": "1.0.fake-1"})
    assert act(browser, f"assign:{stranger.id}", [own], path=f"/desk/{own}").status_code == 400
    for table in (schema.annotations, schema.assignments, schema.snoozes, schema.tags, schema.bulk_steps):
        assert foreign not in {row.record_id for row in rows(office, table)}


def test_nobody_undoes_another_s_act(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    form = ada.page(act(ada, "confirm", [record]).location).form("/desk/bulk/")
    token = dict(grace.page("/preferences").form("/preferences")["fields"])["token"]
    assert grace.post(form, {"token": token}).status_code == 400
    assert rows(office, schema.annotations)[0].undone_at is None


def test_a_link_to_another_s_act_shows_the_page_without_it(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    location = act(ada, "snooze:1", [record]).location
    for path in (location, location.replace("/desk", f"/desk/{record}")):
        assert "Postponed:" in ada.page(path).words and "Postponed:" not in grace.page(path).words


def test_an_erased_record_takes_everything_along(office: Office) -> None:
    from vocservice.store.received import records

    record, browser = office.record(), office.browser()
    for action in (f"assign:{browser.user.id}", "snooze:1", "tag"):
        act(browser, action, [record], path=f"/desk/{record}", tag="x")
    browser.send(f"/desk/{record}", f"/desk/{record}", {"note": "secret"})
    with office.database.write() as connection:
        records.erase_by_id(connection, office.door.vault, WORKSPACE, record, reason="test")
    for table in (schema.assignments, schema.snoozes, schema.tags, schema.drafts, schema.bulk_steps, schema.reviews):
        assert rows(office, table) == []


def test_a_view_is_one_s_own_or_shared(office: Office) -> None:
    ada, grace, admin = office.browser(name="Ada"), office.browser(name="Grace"), office.browser("admin")
    ada.send("/desk?channel=chat&owner=mine", "/desk/views?", {"name": "My chats"})
    ada.send("/desk?state=later", "/desk/views?", {"name": "All later", "shared": "1"})
    assert "/desk?channel=chat&owner=mine" in {link["href"] for link in ada.page("/desk").all("a")}
    current = [link["href"] for link in ada.page("/desk?channel=chat&owner=mine").all("a") if link.get("aria-current") == "page"]
    assert "/desk?channel=chat&owner=mine" in current
    words = grace.page("/desk").words
    assert "All later" in words and "My chats" not in words
    shared = next(row for row in rows(office, schema.views) if row.is_shared)
    form = grace.page("/desk").form("/desk/views")
    assert grace.post({**form, "action": f"/desk/views/{shared.id}/delete"}).status_code == 400
    assert admin.send("/desk", f"/desk/views/{shared.id}/delete").status_code == 303
    ada.send("/desk?channel=phone", "/desk/views?", {"name": "My chats"})
    assert [row.filters for row in rows(office, schema.views)] == [{"channel": "phone"}]
    assert "My chats" not in office.browser(workspace=ELSEWHERE).page("/desk").words


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_tag_and_a_view_are_never_markup(office: Office, text: str) -> None:
    record, browser = office.record(), office.browser()
    act(browser, "tag", [record], tag=text[:40])
    browser.send("/desk", "/desk/views", {"name": text[:80], "shared": "1"})
    for path in ("/desk", f"/desk/{record}"):
        page = browser.page(path)
        assert not any(attribute.startswith("on") for _, attributes in page.elements for attribute in attributes)
        assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object", "style"} and "\u202e" not in page.words
