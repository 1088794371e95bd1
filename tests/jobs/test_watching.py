"""Tests of watches: what a digest says, anomalies told once, quiet hours and cool-downs, a worker that dies; no word of a customer."""

import gc
from datetime import UTC, datetime, time, timedelta
from typing import Any
from weakref import ReferenceType, ref

import pytest
from builders import CANARY, analysis, piece
from sqlalchemy import insert, select, update

from vocservice.records import Factor, Label, Scope, Sentiment
from vocservice.reporting.columns import Columns
from vocservice.settings import Settings
from vocservice.store import schema
from vocservice.store.accounts.users import User
from vocservice.store.analysed import endpoints, outbound, own, packed, watches
from vocservice.store.analysed.reading import Selection
from vocservice.store.analysed.table import Held, Table
from vocservice.store.analysed.watches import NOW, WATCH, Watch, Wish
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.opened import Store
from vocservice.store.review.timing import Timing

from .mailing import URL, Server, mailed, person
from .stores import WORKSPACE, job_states, make_due, worker_of

TEXT = f"It crashed, {CANARY}."
DIGEST = Timing(digest_at=time(8, 30), days=(0,))


@pytest.fixture
def settings(settings: Settings, server: Server) -> Settings:
    return mailed(settings, server)


@pytest.fixture
def reader(store: Store) -> User:
    return person(store, "ada@example.org", "analyst")


def watch(store: Store, by: User, **changes: Any) -> Watch:
    values = {"segment": "", "filters": {}, "selection": Selection(), "timing": Timing(), "readers": (by.id,), "tells_endpoints": False}
    with store.database.write() as connection:
        made = watches.create(connection, by, Wish("Monday", **{**values, **changes}))
        earlier = now(connection) - timedelta(days=40)
        connection.execute(update(schema.watches).values(since=earlier))
    return made


def say(store: Store, days_ago: int, count: int, *, is_bad: bool = False, channel: str = "chat") -> None:
    """Records of one day; bad ones are negative service complaints of different customers that blame one factor at one stage."""
    told = (piece(TEXT, "crashed"),)
    bad = {
        "stages": (Label("use", 0.9, told),),
        "factors": (Factor("technology", "-", 0.9, told),),
        "scope": Scope("service_complaint", 0.9, "x", told),
    }
    good = {"stages": (), "factors": (), "scope": None, "sentiment": Sentiment(1, 0.5, {})}
    result = analysis(TEXT, **(bad if is_bad else good)).to_dict()  # type: ignore[arg-type]
    with store.database.write() as connection:
        at = now(connection)
        day = datetime.combine(at.date() - timedelta(days=days_ago), time(12), UTC)
        for number in range(count):
            record = new_id("rec")
            own = {"id": record, "source_key": "api", "source_record": record, "revision": 1, "status": "analysed", "channel": channel}
            seen = {"is_transcript": False, "subject_hash": f"{days_ago:04d}{number:060d}", "received_at": day, "created_at": day}
            connection.execute(insert(schema.records).values(**own, **seen, workspace_id=WORKSPACE))
            made = {
                "id": new_id("ana"),
                "record_id": record,
                "revision": 1,
                "bundle": "fake-1",
                "taxonomy": "voc/1.0.0",
                "is_current": True,
            }
            connection.execute(insert(schema.analyses).values(**made, workspace_id=WORKSPACE, result=result, created_at=at))


def steady(store: Store, *, channel: str = "chat") -> None:
    """Twelve good records on one day of each of ten weeks, and twenty bad ones on that of the last."""
    for days_ago in range(9, 80, 7):
        say(store, days_ago, 12, channel=channel)
    say(store, 2, 20, is_bad=True, channel=channel)


def turn(store: Store, settings: Settings) -> None:
    make_due(store)
    worker_of(store, settings, errands={}).run(once=True)


def test_a_digest_says_what_moved_with_n_and_links_and_no_word_of_a_customer(
    store: Store, settings: Settings, server: Server, reader: User
) -> None:
    steady(store)
    made = watch(store, reader, timing=DIGEST, filters={"channel": "chat"}, selection=Selection(channel="chat"), segment="Chat")
    say(store, 2, 50, channel="phone")
    turn(store, settings)
    ((to, message),) = server.got
    (text,) = server.texts
    assert to == [reader.email] and "Monday" in message["Subject"] and CANARY not in message.as_string()
    wanted = (
        "Records: the segment Chat.",
        "n = 20 records.",
        "Negative sentiment: 100 % (84 to 100), n = 20; before 0 %",
        "up beyond chance, q < 0.0001",
        "Technology at Use. Blamed before: 0 %",
        "Negative sentiment, day ",
        "Candidates for an experience issue, in all records up to yesterday:",
        "not known: too few records that no factor explains (n = 0)",
        f"{URL}/workbench?channel=chat&before_since=",
        f"{URL}/workbench?channel=chat#trends",
        f"{URL}/workbench/new-themes?channel=chat&before_since=",
        f"Change it at {URL}/workbench/watches/{made.id}",
    )
    assert [part for part in wanted if part not in text] == []
    with store.database.read() as connection:
        due = connection.execute(select(schema.jobs.c.due_at).where(schema.jobs.c.kind == WATCH)).scalar_one()
    assert (due.weekday(), due.hour, due.minute) == (0, 8, 30)


def test_a_digest_without_records_says_that_nothing_is_known(store: Store, settings: Settings, server: Server, reader: User) -> None:
    watch(store, reader, timing=DIGEST)
    turn(store, settings)
    assert "no findings" in server.got[0][1]["Subject"] and "not known: too few records (n = 0" in server.texts[0]


def test_a_digest_on_a_hidden_field_says_why_it_has_no_record(store: Store, settings: Settings, server: Server, reader: User) -> None:
    steady(store)
    watch(store, reader, timing=DIGEST, selection=Selection(own=(("plan", "pro"),)), segment="Pro")
    own.set_hidden(store.database, WORKSPACE, "plan", True, actor="test")
    turn(store, settings)
    (text,) = server.texts
    assert "The segment uses plan, which an admin has hidden, so it has no records." in text and "n = 0 records" in text


def test_an_anomaly_is_told_once_and_the_next_one_after_the_cool_down(
    store: Store, settings: Settings, server: Server, reader: User
) -> None:
    steady(store)
    for days_ago in range(11, 80, 7):
        say(store, days_ago, 12)
    watch(store, reader, timing=Timing(cool_down=60))
    for _ in range(3):
        turn(store, settings)
        let_speak(store, hours=2)
    (text,) = server.texts
    assert "Negative sentiment, day " in text and "n = 20" in text and "; high, q <" in text and "Tracked figures" not in text
    say(store, 4, 20, is_bad=True)
    let_speak(store, hours=0)
    turn(store, settings)
    assert len(server.got) == 1 and len(job_states(store, WATCH)) == 1  # within its cool-down
    let_speak(store, hours=2)
    turn(store, settings)
    assert len(server.got) == 2 and server.texts[1] != text


def let_speak(store: Store, *, hours: int) -> None:
    """As if it had spoken so many hours ago."""
    with store.database.write() as connection:
        spoke = schema.watches.c.last_sent_at.is_not(None)
        connection.execute(update(schema.watches).where(spoke).values(last_sent_at=now(connection) - timedelta(hours=hours)))


def test_what_ended_before_a_watch_was_made_is_no_news(store: Store, settings: Settings, server: Server, reader: User) -> None:
    steady(store)
    watch(store, reader)
    with store.database.write() as connection:
        connection.execute(update(schema.watches).values(since=now(connection) + timedelta(days=7)))  # the week goes on
    turn(store, settings)
    assert server.got == [] and [state for state, *_ in job_states(store, WATCH)] == ["queued"]


def test_in_quiet_hours_and_while_records_of_yesterday_wait_it_is_silent(
    store: Store, settings: Settings, server: Server, reader: User
) -> None:
    steady(store)
    with store.database.read() as connection:
        at = now(connection)
    around = tuple((at + timedelta(hours=hours)).time().replace(second=0, microsecond=0) for hours in (-2, 2))
    made = watch(store, reader, timing=Timing(quiet=around))  # type: ignore[arg-type]
    turn(store, settings)
    assert server.got == [] and len(job_states(store, WATCH)) == 1
    with store.database.write() as connection:
        connection.execute(update(schema.watches).values(quiet_from=None, quiet_to=None))
        yesterday = datetime.combine(at.date(), time(), UTC) - timedelta(hours=1)
        late = {"id": "rec_late", "source_key": "api", "source_record": "late", "revision": 1, "status": "waiting", "is_transcript": False}
        connection.execute(insert(schema.records).values(**late, workspace_id=WORKSPACE, received_at=yesterday))
    turn(store, settings)
    assert server.got == [] and [state for state, *_ in job_states(store, WATCH)] == ["queued"] and made.is_enabled
    with store.database.write() as connection:
        connection.execute(
            update(schema.records).where(schema.records.c.id == "rec_late").values(received_at=yesterday - timedelta(days=2))
        )
    turn(store, settings)
    assert len(server.got) == 1


def test_a_worker_that_dies_after_the_mail_says_the_same_mail_again_and_no_other(
    store: Store, settings: Settings, server: Server, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady(store)
    watch(store, reader)
    with monkeypatch.context() as patch:
        patch.setattr(watches, "said", lambda *_, **__: 1 / 0)
        turn(store, settings)
    turn(store, settings)
    turn(store, settings)
    first, second = (message["Message-ID"] for _, message in server.got)
    assert first == second


def test_a_watch_whose_mails_became_dead_letters_looks_again(store: Store, settings: Settings, server: Server, reader: User) -> None:
    steady(store)
    watch(store, reader)
    with store.database.write() as connection:
        connection.execute(update(schema.jobs).where(schema.jobs.c.kind == WATCH).values(state="dead"))
        watches.await_all(connection)
        watches.await_all(connection)
    assert sorted(state for state, *_ in job_states(store, WATCH)) == ["dead", "queued"]
    turn(store, settings)
    assert len(server.got) == 1


def test_a_look_tells_nothing_for_the_segment_chosen_during_it_and_of_a_watch_deleted_during_it_nothing(store: Store, reader: User) -> None:
    made = watch(store, reader, tells_endpoints=True)
    phone = Wish("Monday", made.timing, made.readers, True, "Phone", {"channel": "phone"}, Selection(channel="phone"))
    found = ["anomaly:day:2026-11-26:negative sentiment:high"]
    with store.database.write() as connection:
        endpoints.create(connection, store.vault, WORKSPACE, url="http://127.0.0.1:9/", actor="test")
        watches.change(connection, reader, made, phone)
        watches.said(connection, made, found, event=None)
        after = watches.get(connection, WORKSPACE, made.id)
        assert dict(after.told) == {}
        watches.said(connection, after, found, event=None)
        assert list(watches.get(connection, WORKSPACE, made.id).told) == found
        watches.remove(connection, reader, after)
        watches.said(connection, after, found, event={"watch": made.id})
    assert job_states(store, WATCH) == job_states(store, outbound.DELIVER) == []


@pytest.mark.parametrize(("role", "mails"), [("analyst", 1), (None, 0)], ids=["reader", "gone"])
def test_sent_now_it_goes_to_the_requester_only_and_does_not_count_as_told(
    role: str | None, mails: int, store: Store, settings: Settings, server: Server, reader: User
) -> None:
    steady(store)
    other = person(store, "lin@example.org", "analyst")
    made = watch(store, reader)
    with store.database.write() as connection:
        watches.ask_now(connection, other, made)
        connection.execute(schema.jobs.delete().where(schema.jobs.c.kind == WATCH))
        if role is None:
            connection.execute(update(schema.users).where(schema.users.c.id == other.id).values(is_active=False))
    turn(store, settings)
    assert [to for to, _ in server.got] == [[other.email]] * mails and job_states(store, NOW) == []
    with store.database.read() as connection:
        held = watches.get(connection, WORKSPACE, made.id)
    assert held.told == {} and held.last_sent_at is None


def test_endpoints_get_the_same_figures_as_an_event_of_no_record(store: Store, settings: Settings, server: Server, reader: User) -> None:
    steady(store)
    with store.database.write() as connection:
        endpoint, _ = endpoints.create(connection, store.vault, WORKSPACE, url="http://127.0.0.1:9/", events=["watch.found"], actor="test")
    made = watch(store, reader, readers=(), tells_endpoints=True, timing=DIGEST)
    turn(store, settings)
    with store.database.read() as connection:
        (sent,) = outbound.log_of(connection, endpoint)
    data = sent.payload["data"]
    assert sent.event == "watch.found" and (data["watch"], data["after"]["n"]) == (made.id, 20) and server.got == []
    assert {one["kind"] for one in data["found"]} >= {"figure", "change", "anomaly"} and CANARY not in str(sent.payload)
    assert all(one["said"] and one["url"].startswith(URL) for one in data["found"])


def test_looks_of_one_workspace_read_it_once_and_hold_nothing_after(
    store: Store, settings: Settings, server: Server, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[ReferenceType[Columns]] = []
    whole: list[bool] = []
    load, changes = Table.load, packed.changes

    def loading(table: Table) -> Held:
        found = load(table)
        held.append(ref(found.columns))
        return found

    monkeypatch.setattr(Table, "load", loading)
    monkeypatch.setattr(packed, "changes", lambda *given: (whole.append(given[2].first == 0), changes(*given))[1])
    steady(store)
    for _ in range(3):
        watch(store, reader, timing=DIGEST)
    make_due(store)
    worker = worker_of(store, settings, errands={})
    worker.run(once=True)
    assert len(server.got) == len(held) == 3 and whole == [True, False, False]
    gc.collect()
    assert [one() for one in held] == [None] * 3
