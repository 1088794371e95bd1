"""Tests of alerts: what they gather, when they speak, to whom, what they say and never say; over a mail server on this machine."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from builders import CANARY
from pydantic import SecretStr, ValidationError
from sqlalchemy import insert, select, update

from vocservice.errors import InputError
from vocservice.jobs.alerting import MAX_ATTEMPTS, SHOWN, Alerting
from vocservice.jobs.errands import Errand
from vocservice.settings import MailSettings, Settings
from vocservice.store import audit, jobs, schema
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.database import now
from vocservice.store.opened import Store
from vocservice.store.received import deadletters, records
from vocservice.store.review import alerts, rules
from vocservice.store.review.alerts import ALERT, TRY, Alert, Wish
from vocservice.store.review.rules import Draft
from vocservice.store.review.timing import Timing
from vocservice.taxonomy import load_taxonomy

from .mailing import Server, mailed, person
from .stores import WORKSPACE, add, add_transcript, job_states, make_due, worker_of

KNOWN = ("needs_review", "flags.churn_risk", "rules.loud")
NAME = "Angry and leaving"


@pytest.fixture
def settings(settings: Settings, server: Server) -> Settings:
    return mailed(settings, server)


@pytest.fixture
def lead(store: Store) -> User:
    return person(store, "lead@example.org", "support_lead")


def alert(store: Store, by: User, *, readers: Sequence[User] | None = None, **changes: Any) -> Alert:
    to = (by,) if readers is None else readers
    values = {"labels": (), "least_urgency": 0, "timing": Timing(), "tells_endpoints": False, **changes}
    wish = Wish(NAME, readers=tuple(user.id for user in to), **values)
    with store.database.write() as connection:
        return alerts.create(connection, by, wish, known=KNOWN)


def turn(store: Store, settings: Settings) -> None:
    worker_of(store, settings).run(once=True)


def decide(store: Store, record_id: str) -> None:
    with store.database.write() as connection:
        chosen = schema.reviews.c.record_id == record_id
        connection.execute(update(schema.reviews).where(chosen).values(decided_at=now(connection)))


def test_readers_are_told_how_many_why_and_where_and_no_word_of_a_customer(
    store: Store, settings: Settings, server: Server, lead: User
) -> None:
    alert(store, lead)
    record = add_transcript(store, f"{CANARY} it crashed", "Sorry.")
    turn(store, settings)
    ((to, message),) = server.got
    assert to == [lead.email] and message["Subject"] == f"1 record to review: {NAME}" and message["Auto-Submitted"] == "auto-generated"
    (text,) = server.texts
    assert f"https://voc.example.org/desk/{record}" in text and "needs review" in text and "1 waiting, 0 of them overdue" in text
    assert text.startswith(f'1 new record matches the alert "{NAME}" since it was created (') and ", UTC)." in text
    assert CANARY not in message.as_string() and lead.email not in message.as_string()
    assert job_states(store, ALERT) == []


def test_what_does_not_come_to_the_desk_is_no_matter(store: Store, settings: Settings, server: Server, lead: User) -> None:
    alert(store, lead)
    add(store, "poison")
    turn(store, settings)
    assert server.got == [] and job_states(store, ALERT) == []


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, True),
        ({"labels": ("needs_review",)}, True),
        ({"labels": ("flags.churn_risk", "needs_review")}, True),
        ({"labels": ("rules.loud",)}, False),
        ({"least_urgency": 1}, True),
        ({"least_urgency": 1000}, False),
    ],
    ids=str,
)
def test_an_alert_reports_its_labels_from_its_urgency_on(
    changes: dict[str, Any], is_told: bool, store: Store, settings: Settings, server: Server, lead: User
) -> None:
    alert(store, lead, **changes)
    add_transcript(store, "it crashed", "Sorry.")
    turn(store, settings)
    assert bool(server.got) is is_told


def test_a_record_is_told_once_whatever_is_analysed_again(store: Store, settings: Settings, server: Server, lead: User) -> None:
    alert(store, lead)
    record = add_transcript(store, "it crashed", "Sorry.")
    turn(store, settings)
    with store.database.write() as connection:
        assert alerts.gather(connection, WORKSPACE, record) == 0
    turn(store, settings)
    assert len(server.got) == 1


def test_an_alert_is_silent_on_records_older_than_itself(store: Store, settings: Settings, server: Server, lead: User) -> None:
    record = add_transcript(store, "it crashed", "Sorry.")
    turn(store, settings)
    alert(store, lead)
    with store.database.write() as connection:
        assert alerts.gather(connection, WORKSPACE, record) == 0
    assert server.got == []


def test_what_comes_within_a_cool_down_is_told_together_after_it(store: Store, settings: Settings, server: Server, lead: User) -> None:
    made = alert(store, lead, timing=Timing(cool_down=60))
    add_transcript(store, "it crashed", "Sorry.")
    turn(store, settings)
    on_desk(store, 3)
    make_due(store)
    turn(store, settings)
    assert len(server.got) == 1 and [state for state, *_ in job_states(store, ALERT)] == ["queued"]
    spoke_earlier(store, made, hours=2)
    make_due(store)
    turn(store, settings)
    assert [message["Subject"] for _, message in server.got] == [f"1 record to review: {NAME}", f"3 records to review: {NAME}"]


def spoke_earlier(store: Store, made: Alert, *, hours: int) -> None:
    with store.database.write() as connection:
        earlier = now(connection) - timedelta(hours=hours)
        connection.execute(update(schema.alerts).where(schema.alerts.c.id == made.id).values(last_sent_at=earlier))


def on_desk(store: Store, count: int, *, urgency: int = 400, hours: int = 0) -> list[str]:
    """Records that came to the desk just now, gathered as a worker would."""
    ids = add(store, *(f"text {number}" for number in range(count)), name="desk")
    with store.database.write() as connection:
        connection.execute(update(schema.records).where(schema.records.c.id.in_(ids)).values(status="analysed"))
        connection.execute(schema.jobs.delete().where(schema.jobs.c.target.in_(ids)))
        for number, record_id in enumerate(ids):
            values = {"record_id": record_id, "workspace_id": WORKSPACE, "revision": 1, "urgency": urgency + number}
            connection.execute(insert(schema.reviews).values(**values, entered_at=now(connection) - timedelta(hours=hours)))
            alerts.gather(connection, WORKSPACE, record_id)
    return ids


def test_a_long_list_is_cut_and_says_so_the_most_urgent_first(store: Store, settings: Settings, server: Server, lead: User) -> None:
    alert(store, lead)
    ids = on_desk(store, SHOWN + 5)
    turn(store, settings)
    (text,) = server.texts
    assert "... and 5 less urgent." in text and ids[-1] in text and ids[0] not in text
    assert text.index(ids[-1]) < text.index(ids[-2])


def test_what_was_decided_meanwhile_is_not_told(store: Store, settings: Settings, server: Server, lead: User) -> None:
    alert(store, lead)
    first, second = on_desk(store, 2)
    decide(store, first)
    turn(store, settings)
    (text,) = server.texts
    assert second in text and first not in text
    decide(store, second)
    make_due(store)
    turn(store, settings)
    assert len(server.got) == 1


def test_a_digest_waits_for_its_time_and_for_the_next_one_after(store: Store, settings: Settings, server: Server, lead: User) -> None:
    with store.database.read() as connection:
        at = now(connection)
    alert(store, lead, timing=Timing(digest_at=(at + timedelta(hours=3)).time().replace(second=0, microsecond=0)))
    on_desk(store, 2)
    turn(store, settings)
    assert server.got == [] and len(job_states(store, ALERT)) == 1
    make_due(store)
    turn(store, settings)
    assert [message["Subject"] for _, message in server.got] == [f"2 records to review: {NAME}"]
    assert [state for state, *_ in job_states(store, ALERT)] == ["queued"]
    make_due(store)
    turn(store, settings)
    assert len(server.got) == 1  # nothing new, nothing overdue


def test_a_digest_reminds_of_what_is_overdue(store: Store, settings: Settings, server: Server, lead: User) -> None:
    alert(store, lead, timing=Timing(digest_at=now_time(store)))
    on_desk(store, 1, hours=30)
    make_due(store)
    turn(store, settings)
    make_due(store)
    turn(store, settings)
    first, second = server.texts
    assert first.startswith("1 new record matches ") and second.startswith("No new records match ") and "since its last mail (" in second
    assert all("1 waiting, 1 of them overdue" in text for text in server.texts)
    assert [message["Subject"] for _, message in server.got] == [f"1 record to review: {NAME}", f"No new records, 1 overdue: {NAME}"]


def now_time(store: Store) -> time:
    with store.database.read() as connection:
        return now(connection).time().replace(second=0, microsecond=0)


def test_a_server_that_is_ill_is_tried_again_and_readers_do_not_see_each_other(
    store: Store, settings: Settings, server: Server, lead: User
) -> None:
    other = person(store, "other@example.org", "admin")
    alert(store, lead, readers=[lead, other])
    on_desk(store, 1)
    server.is_ill = True
    turn(store, settings)
    assert job_states(store, ALERT) == [("queued", 1, "mail_failed")] and server.got == []
    server.is_ill = False
    make_due(store)
    turn(store, settings)
    ((to, message),) = server.got
    assert sorted(to) == [lead.email, other.email] and "@example.org" not in message["To"]


def test_one_address_that_is_refused_does_not_keep_it_from_the_others(store: Store, settings: Settings, server: Server, lead: User) -> None:
    other = person(store, "other@example.org", "admin")
    alert(store, lead, readers=[lead, other])
    server.refuses = {lead.email}
    on_desk(store, 1)
    turn(store, settings)
    assert [to for to, _ in server.got] == [[other.email]] and job_states(store, ALERT) == []


def test_whoever_left_or_may_no_longer_read_it_gets_no_mail(store: Store, settings: Settings, server: Server, lead: User) -> None:
    other = person(store, "other@example.org", "admin")
    alert(store, lead, readers=[lead, other])
    with store.database.write() as connection:
        users.set_role(connection, lead, "analyst", actor="test")
    on_desk(store, 1)
    turn(store, settings)
    assert [to for to, _ in server.got] == [[other.email]]


def test_a_mail_said_again_has_the_same_id(store: Store, settings: Settings, server: Server, lead: User) -> None:
    made = alert(store, lead)
    on_desk(store, 1)
    with store.database.read() as connection:
        letter = alerts.letter(connection, made.id)
    assert letter is not None
    sender = Alerting(store, settings)
    for _ in range(2):
        sender._mail(letter, "x", "y")
    first, second = (message["Message-ID"] for _, message in server.got)
    assert first == second and first.endswith("@example.org>")


def test_endpoints_get_an_event_a_record_that_goes_with_it(store: Store, settings: Settings, lead: User) -> None:
    with store.database.write() as connection:
        endpoint, _ = endpoints.create(connection, store.vault, WORKSPACE, url="http://127.0.0.1:9/", events=["alert.raised"], actor="test")
    made = alert(store, lead, readers=[], tells_endpoints=True)
    first, second = on_desk(store, 2)
    kinds = {ALERT: Errand(MAX_ATTEMPTS, Alerting(store, settings).run)}
    worker_of(store, settings, errands=kinds).run(once=True)
    with store.database.write() as connection:
        told = {one.payload["data"]["id"]: one.payload["data"] for one in outbound.log_of(connection, endpoint)}
        assert told.keys() == {first, second} and told[first]["alert"] == made.id and told[first]["urgency"] == 40.0
        records.wipe(connection, first)
        assert [one.payload["data"]["id"] for one in outbound.log_of(connection, endpoint)] == [second]
        assert first not in set(connection.scalars(select(schema.alert_matters.c.record_id)))


def test_an_alert_on_a_rule_rings_when_it_holds_and_goes_on_under_its_new_name(
    store: Store, settings: Settings, server: Server, lead: User
) -> None:
    draft = Draft(name="loud", owner="Digital", expression='text mentions "crashed"', reason="Something of ours is broken")
    with store.database.write() as connection:
        endpoint, _ = endpoints.create(connection, store.vault, WORKSPACE, url="http://127.0.0.1:9/", events=["alert.raised"], actor="test")
        rule = rules.create(connection, WORKSPACE, draft, load_taxonomy(), is_enabled=True, actor="test")
    made = alert(store, lead, labels=("needs_review", "rules.loud"), tells_endpoints=True)
    other = alert(store, lead, labels=("needs_review",))
    kinds = {ALERT: Errand(MAX_ATTEMPTS, Alerting(store, settings).run)}
    (first,) = add(store, "it crashed", name="first")
    worker_of(store, settings, errands=kinds).run(once=True)
    with store.database.write() as connection:
        rules.change(connection, rule, replace(draft, name="Very loud"), load_taxonomy(), actor="test")
        assert alerts.get(connection, WORKSPACE, made.id).labels == ("needs_review", "rules.Very loud")
        assert alerts.get(connection, WORKSPACE, other.id).labels == other.labels
    (second,) = add(store, "it crashed", name="second")
    worker_of(store, settings, errands=kinds).run(once=True)
    with store.database.read() as connection:
        told = {one.payload["data"]["id"]: one.payload["data"]["labels"] for one in outbound.log_of(connection, endpoint)}
    assert told.keys() == {first, second} and "rules.loud" in told[first] and "rules.Very loud" in told[second]
    before, after = server.texts
    assert first in before and "rule loud" in before and second in after and "rule Very loud" in after


def test_endpoints_are_not_told_of_what_was_erased_while_the_mail_was_sent(store: Store, settings: Settings, lead: User) -> None:
    with store.database.write() as connection:
        endpoint, _ = endpoints.create(connection, store.vault, WORKSPACE, url="http://127.0.0.1:9/", events=["alert.raised"], actor="test")
    made = alert(store, lead, tells_endpoints=True)
    first, second = on_desk(store, 2)
    with store.database.write() as connection:
        letter = alerts.letter(connection, made.id)
        assert letter is not None and len(letter.matters) == 2
        records.erase_by_id(connection, store.vault, WORKSPACE, first, reason="api")
        alerts.said(connection, letter)
        assert [one.payload["data"]["id"] for one in outbound.log_of(connection, endpoint)] == [second]


@pytest.mark.parametrize("is_digest", [False, True])
def test_an_alert_is_sent_again_after_its_mail_became_a_dead_letter(
    is_digest: bool, store: Store, settings: Settings, server: Server, lead: User
) -> None:
    alert(store, lead, timing=Timing(digest_at=now_time(store)) if is_digest else Timing())
    on_desk(store, 1)
    with store.database.write() as connection:
        dead = {"state": "dead", "error_code": "mail_failed"}
        connection.execute(update(schema.jobs).where(schema.jobs.c.kind == ALERT).values(**dead))
        assert [(letter.what, letter.code) for letter in deadletters.listed(connection, WORKSPACE)] == [(ALERT, "mail_failed")]
        assert jobs.counts(connection)[ALERT, "dead"] == 1
    add_transcript(store, "it crashed", "Sorry.")
    turn(store, settings)
    make_due(store)
    turn(store, settings)
    assert [message["Subject"] for _, message in server.got] == [f"2 records to review: {NAME}"]


def test_a_silenced_alert_forgets_and_a_deleted_one_is_gone(store: Store, settings: Settings, server: Server, lead: User) -> None:
    made = alert(store, lead)
    on_desk(store, 2)
    with store.database.write() as connection:
        alerts.set_enabled(connection, made, False, actor="test")
    turn(store, settings)
    assert server.got == [] and job_states(store, ALERT) == []
    with store.database.write() as connection:
        alerts.set_enabled(connection, made, True, actor="test")
        alerts.remove(connection, made, actor="test")
        with pytest.raises(InputError):
            alerts.get(connection, WORKSPACE, made.id)
        assert audit.first_broken(connection) is None


def test_trying_out_mails_at_once_and_says_that_nothing_happened(store: Store, settings: Settings, server: Server, lead: User) -> None:
    made = alert(store, lead, timing=Timing(cool_down=600))
    spoke_earlier(store, made, hours=0)
    with store.database.write() as connection:
        alerts.ask_try(connection, made)
    turn(store, settings)
    ((to, message),) = server.got
    assert to == [lead.email] and message["Subject"] == f"Test: {NAME}" and job_states(store, TRY) == []


def test_without_a_mail_server_the_alert_is_kept_for_later(store: Store, settings: Settings, lead: User) -> None:
    alert(store, lead)
    on_desk(store, 1)
    worker_of(store, settings.model_copy(update={"mail": MailSettings()})).run(once=True)
    assert job_states(store, ALERT) == [("queued", 1, "mail_failed")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"labels": ("flags.none",)}, "label_unknown"),
        ({"least_urgency": 1001}, "urgency_invalid"),
        ({"readers": []}, "alert_silent"),
        ({"readers": ["usr_of_another_house"]}, "reader_unknown"),
    ],
    ids=str,
)
def test_an_alert_that_cannot_be_is_refused(changes: dict[str, Any], code: str, store: Store, lead: User) -> None:
    given = {"labels": (), "least_urgency": 0, "timing": Timing(), "tells_endpoints": False, "readers": [lead.id], **changes}
    readers, values = tuple(given["readers"]), {name: value for name, value in given.items() if name != "readers"}
    with store.database.write() as connection, pytest.raises(InputError) as refused:
        alerts.create(connection, lead, Wish(NAME, readers=readers, **values), known=KNOWN)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "mail.example.org"},
        {"user": "voc"},
        {"password": SecretStr("x")},
        {"host": "mail.example.org", "sender": "voc@example.org", "user": "voc", "password": SecretStr("x"), "security": "none"},
        {"security": "ssl"},
        {"port": 0},
    ],
    ids=str,
)
def test_mail_settings_that_cannot_work_stop_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MailSettings(**wrong)
