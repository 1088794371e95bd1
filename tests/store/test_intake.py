"""Tests of `store.received.intake` and `store.received.records`: duplicates, the order of arrival, erasing, what may not come back."""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest.sending import only

from store.bench import Bench, keep, load, said, take, work_off
from vocservice.ingest.events import Emptied, Erase, Event, Fetch, Skipped
from vocservice.records import RawTurn, RawVerbatim
from vocservice.store.received import intake, records, sources, verbatims
from vocservice.store.received.intake import Arrival, Parcel, Receipt
from vocservice.store.received.records import Applied, Origin
from vocservice.store.schema import analyses, inbox, jobs, tombstones
from vocservice.store.schema import records as record_table

ODD = ("nul\0id", "half \ud83d of a pair", "ünïcödé/✓", "x" * 5000, "a/" + "y" * 300, "%_'\"", "sha256:" + "0" * 64)


def texts(bench: Bench) -> dict[str, str | None]:
    """The words of every record that waits for its analysis, by the sender's id."""
    return {job_task.verbatim.id: job_task.verbatim.text for job_task in (load(bench, job) for job in take(bench, limit=1000))}


def test_twenty_deliveries_of_the_same_at_once_are_one(bench: Bench) -> None:
    with ThreadPoolExecutor(20) as pool:
        receipts = list(pool.map(lambda _: bench.deliver(said("r-1", "Fine."), key="same"), range(20)))
    assert len({receipt.id for receipt in receipts}) == 1
    assert sum(not receipt.is_duplicate for receipt in receipts) == 1
    assert [len(bench.rows(table)) for table in (inbox, record_table, jobs)] == [1, 1, 1]


def test_twenty_deliveries_of_one_record_at_once_are_one_record(bench: Bench) -> None:
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: bench.deliver(said("r-1", f"Version {number}", version=f"{number:04}"), key=f"k{number}"), range(20)))
    assert texts(bench) == {"r-1": "Version 19"}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([("0001", "A"), ("0002", "B"), ("0003", "A"), ("0004", "C"), ("0005", "A")]))
def test_any_order_of_versions_ends_in_the_newest(bench: Bench, order: list[tuple[str, str]]) -> None:
    name = f"r-{bench.delivered}"
    for version, words in order:
        bench.deliver(said(name, words, version=version))
    assert bench.rows(record_table, source_record=name)[0]["source_version"] == "0005"
    assert texts(bench)[name] == "A"


_REVIEW = {"id": "one", "title": "", "stars": 2, "createdAt": "2025-05-01T10:00:00Z"}
_ANSWERS = {"token": "one", "landed_at": "2025-05-01T10:00:00Z", "definition": {"fields": []}}


def _review(kind: str, words: str) -> Any:
    return {"events": [{"eventName": f"service-review-{kind}", "eventData": _REVIEW | {"text": words}}]}


def _answer(kind: str, words: str, **more: str) -> Any:
    answer = {"type": "text", "text": words, "field": {"ref": "why", "type": "long_text"}}
    return {"event_type": kind, "event_id": kind, "form_response": {**_ANSWERS, **more, "answers": [answer]}}


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(
    ("name", "older", "newer"),
    [
        ("trustpilot", _review("created", "Old."), _review("updated", "New.")),
        ("typeform", _answer("form_response_partial", "Old."), _answer("form_response", "New.", submitted_at="2025-05-01T10:05:00Z")),
    ],
)
def test_senders_that_tell_no_time_of_change_end_in_the_newest_text(
    bench: Bench, name: str, older: Any, newer: Any, *, is_late: bool
) -> None:
    for payload in (newer, older) if is_late else (older, newer):
        bench.deliver(only(name, payload))
    assert list(texts(bench).values()) == ["New."]


def test_what_most_records_do_not_have_changes_no_hash_of_theirs() -> None:
    plain = RawVerbatim("r", "Fine.")
    assert b"author" not in verbatims.to_bytes(plain) and b"warnings" not in verbatims.to_bytes(plain)
    told = RawVerbatim("r", "Fine.", author="Jane Roe", warnings=("speaker_unknown",))
    assert [verbatims.from_bytes(verbatims.to_bytes(one)) for one in (plain, told)] == [plain, told]


def test_the_bytes_of_a_record_are_the_same_as_ever() -> None:
    told = RawVerbatim("r", turns=(RawTurn("customer", "Hi"),), metadata={"b": 1, "a": {"z": ""}}, row={"own": 1})
    assert verbatims.to_bytes(told) == (
        b'{"channel":null,"created_at":null,"id":"r","language":null,"metadata":{"a":{"z":""},"b":1},"question":null,"row":null,'
        b'"score":null,"subject":null,"text":null,"turns":[{"at":null,"author":null,"speaker":"customer","text":"Hi"}]}'
    )


def test_every_order_of_writing_and_erasing_ends_erased(bench: Bench) -> None:
    events: list[Event] = [said("r", "One", version="1"), said("r", "Two", version="2"), Erase("r", "3", "deleted")]
    for number, order in enumerate(permutations(events)):
        for event in order:
            named = f"r-{number}"
            bench.deliver(
                Erase(named, event.version, "deleted") if isinstance(event, Erase) else said(named, "Words", version=event.version)
            )
    assert {row["status"] for row in bench.rows(record_table)} == {"erased"}
    assert bench.rows(jobs) == []


def parcel(bench: Bench, key: str, *events: Event) -> Parcel:
    return intake.packed(bench.vault, Arrival(bench.workspace, bench.source, key, key.encode(), "application/json"), events)


def together(bench: Bench, *parcels: Parcel) -> list[Receipt]:
    with bench.database.write() as connection:
        return intake.accept_all(connection, bench.vault, parcels)


def test_deliveries_of_one_transaction_come_out_as_each_by_itself(bench: Bench) -> None:
    bench.deliver(said("there", "Old", version="1"), said("f", "F"), key="before")
    work_off(bench)
    bench.deliver(Erase("gone", None, "deleted"))
    given: dict[str, tuple[Event, ...]] = {
        "two records": (said("a", "A"), said("b", "B")),
        "before": (said("never", "A duplicate's"),),
        "nothing": (Skipped("ping"),),
        "newer": (said("there", "New", version="2"),),
        "older": (said("there", "Older", version="0"),),
        "buried": (said("gone/below", "Secret"),),
        "one record twice": (said("c", "One", version="1"), said("c", "Two", version="2")),
        "to fetch": (Fetch("later", None, {"response_id": "later"}), said("d", "D")),
        "takes back": (Erase("d", None, "deleted"),),
        "blank, and new": (Emptied("e", None),),
        "new, and blank": (said("e", "E"),),
        "blank": (Emptied("f", None),),
    }
    receipts = dict(zip(given, together(bench, *(parcel(bench, key, *events) for key, events in given.items())), strict=True))
    outcomes = {key: [done.outcome for done in receipt.applied] for key, receipt in receipts.items()}
    assert outcomes == {
        "two records": ["created", "created"],
        "before": [],
        "nothing": ["skipped"],
        "newer": ["updated"],
        "older": ["stale"],
        "buried": ["erased"],
        "one record twice": ["created", "updated"],
        "to fetch": ["waiting", "created"],
        "takes back": ["erased"],
        "blank, and new": ["skipped"],
        "new, and blank": ["created"],
        "blank": ["emptied"],
    }
    assert [key for key, receipt in receipts.items() if receipt.is_duplicate] == ["before"]
    assert texts(bench) == {"a": "A", "b": "B", "there": "New", "c": "Two", "e": "E"}
    bodies = {row["delivery_key"]: row["body_sealed"] is not None for row in bench.rows(inbox)}
    assert {key for key in given if bodies[bench.vault.hash("delivery", bench.source, key)]} == {
        "two records",
        "newer",
        "one record twice",
        "new, and blank",
    }
    with bench.database.read() as connection:
        assert sources.get(connection, bench.workspace, bench.source).health.received == 2 + len(given) - 1


def test_the_same_delivery_twice_in_one_transaction_is_a_duplicate(bench: Bench) -> None:
    first, second = together(bench, parcel(bench, "same", said("r", "Words")), parcel(bench, "same", said("r", "Words")))
    assert sorted([first.is_duplicate, second.is_duplicate]) == [False, True] and first.id == second.id
    assert [len(bench.rows(table)) for table in (inbox, record_table, jobs)] == [1, 1, 1]


def test_records_of_one_transaction_are_received_in_the_order_given(bench: Bench) -> None:
    names = [f"r-{number * 7 % 40}" for number in range(40)]
    together(bench, parcel(bench, "k", *(said(name, "Words") for name in names)))
    assert [row["source_record"] for row in sorted(bench.rows(record_table), key=lambda row: row["id"])] == names
    assert [load(bench, job).verbatim.id for job in take(bench, limit=40)] == names


def test_transactions_with_the_same_deliveries_in_other_orders_do_not_wait_for_each_other_for_ever(bench: Bench) -> None:
    def deliver(thread: int) -> list[Receipt]:
        order = [f"{(number * 7 + thread * 11) % 20:02}" for number in range(20)]
        return together(bench, *(parcel(bench, key, said(f"r-{key}", f"By {thread}", version=str(thread))) for key in order))

    with ThreadPoolExecutor(6) as pool:
        receipts = [receipt for found in pool.map(deliver, range(6)) for receipt in found]
    assert sum(not receipt.is_duplicate for receipt in receipts) == 20
    assert [len(bench.rows(table)) for table in (inbox, record_table, jobs)] == [20, 20, 20]


def test_without_versions_the_last_to_arrive_counts(bench: Bench) -> None:
    for words in ("One", "Two", "Three"):
        bench.deliver(said("r", words))
    assert texts(bench) == {"r": "Three"}


def test_a_version_without_a_count_does_not_let_older_ones_in(bench: Bench) -> None:
    bench.deliver(said("r", "Newest", version="0005"))
    bench.deliver(said("r", "Unnumbered"))
    bench.deliver(said("r", "Old", version="0003"))
    assert texts(bench) == {"r": "Unnumbered"}


def test_the_same_again_queues_nothing(bench: Bench) -> None:
    bench.deliver(said("r", "Same", version="1"))
    work_off(bench)
    receipt = bench.deliver(said("r", "Same", version="2"))
    assert [done.outcome for done in receipt.applied] == ["unchanged"]
    assert bench.rows(jobs) == []


def test_what_was_erased_stays_erased_when_its_delivery_is_replayed(bench: Bench) -> None:
    bench.deliver(said("r", "Secret", version="1"), key="first")
    bench.deliver(Erase("r", "2", "redacted"))
    assert bench.deliver(said("r", "Secret", version="1"), key="first").is_duplicate
    again = bench.deliver(said("r", "Secret", version="9"), said("other", "Fine"), key="resent", body=b"Secret")
    assert [done.outcome for done in again.applied] == ["erased", "created"]
    assert [row["body_sealed"] for row in bench.rows(inbox)] == [None, None, None]
    row = bench.rows(record_table, status="erased")[0]
    assert row["source_record"].startswith("erased:")
    kept = {name for name, value in row.items() if value not in (None, False)}
    assert kept <= {"id", "workspace_id", "source_id", "source_key", "source_record", "revision", "status", "received_at"}


@pytest.mark.parametrize("comes_first", ["write", "erase"])
def test_erasing_takes_all_below_along(bench: Bench, comes_first: str) -> None:
    written = [said("resp/q1", "One"), said("resp/q2", "Two"), said("resp", "Whole"), said("Resp/q1", "Other"), said("resp2", "Other too")]
    erased = [Erase("resp", None, "deleted")]
    for event in (*written, *erased) if comes_first == "write" else (*erased, *written):
        bench.deliver(event)
    assert set(texts(bench)) == {"Resp/q1", "resp2"}


def test_erasing_takes_analyses_and_waiting_jobs_along(bench: Bench) -> None:
    bench.deliver(said("r", "Words", version="1"))
    work_off(bench)
    bench.deliver(said("r", "More words", version="2"))
    bench.deliver(Erase("r", "3", "deleted"))
    assert [bench.rows(table) for table in (analyses, jobs)] == [[], []]
    assert len(bench.rows(tombstones)) == 1


def test_an_erased_record_is_not_saved_by_a_worker_that_holds_it(bench: Bench) -> None:
    bench.deliver(said("r", "Words"))
    task = load(bench, take(bench)[0])
    bench.deliver(Erase("r", None, "deleted"))
    assert not keep(bench, task)
    assert bench.rows(analyses) == []


def test_a_fetch_waits_for_its_text(bench: Bench) -> None:
    bench.deliver(Fetch("r", None, {"response_id": "r"}))
    assert [row["status"] for row in bench.rows(record_table)] == ["waiting"]
    bench.deliver(said("r", "Fetched", version="1"))
    assert texts(bench) == {"r": "Fetched"}


def test_what_says_nothing_leaves_no_record_and_no_body(bench: Bench) -> None:
    receipt = bench.deliver(Skipped("ping"), body=b"ping")
    assert (receipt.applied, bench.rows(record_table)) == ((Applied(None, "skipped", "ping"),), [])
    assert bench.rows(inbox)[0]["body_sealed"] is None


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_odd_ids_are_kept_apart_found_again_and_erased(bench: Bench, name: str) -> None:
    first = bench.deliver(said(name, "One", version="1"), key=name)
    assert bench.deliver(said(name, "One", version="1"), key=name).is_duplicate
    second = bench.deliver(said(name, "Two", version="2"))
    assert second.applied[0].record_id == first.applied[0].record_id
    bench.deliver(Erase(name, None, "deleted"))
    assert bench.deliver(said(name, "Three", version="3")).applied[0].outcome == "erased"


def test_ids_that_differ_only_in_what_cannot_be_stored_stay_two(bench: Bench) -> None:
    bench.deliver(said("a\0", "One"), said("a\ufffd", "Two"), said("a\ud800", "Three"))
    assert len(bench.rows(record_table)) == 3


ODD_VALUES = {
    "text with half a pair": {"text": "half \ud83d", "channel": "chat"},
    "channel too long": {"text": "x", "channel": "c" * 500 + "\0"},
    "time before UTC begins": {"text": "x", "created_at": "0001-01-01T00:00:00+05:00"},
    "time at the end": {"text": "x", "created_at": "9999-12-31T23:59:59-05:00"},
    "no time": {"text": "x", "created_at": "yesterday"},
    "score that is none": {"text": "x", "score": {"kind": "k" * 99, "value": float("nan"), "scale": 10**400}},
    "score of words": {"text": "x", "score": {"kind": 7, "value": "ten", "scale": None}},
    "subject with half a pair": {"text": "x", "subject": "\udc00\0"},
    "metadata beyond 64 bits": {"text": "x", "metadata": {"n": 2**70, "s": "\0\ud800"}},
    "turns with NUL": {"turns": (RawTurn("customer", "nul \0 and \udfff", author="A\0"),)},
}


@pytest.mark.parametrize("values", ODD_VALUES.values(), ids=ODD_VALUES)
def test_odd_values_are_kept_and_come_back(bench: Bench, values: dict[str, object]) -> None:
    event = said("r", "x")
    odd = RawVerbatim(id="r", **values)  # type: ignore[arg-type]
    bench.deliver(type(event)("r", "v\0" * 400, odd))
    back = load(bench, take(bench)[0]).verbatim
    assert (back.text or back.turns[0].text).replace("\ufffd", "?").encode()


def test_odd_texts_in_results_are_the_same_in_both(bench: Bench) -> None:
    bench.deliver(said("r", "nul \0 here"))
    task = load(bench, take(bench)[0])
    assert task.verbatim.text == "nul \0 here"
    from builders import analysis

    assert keep(bench, task, analysis("nul \0 and \ud800 here", id="r\0"))
    result = bench.rows(analyses)[0]["result"]
    assert (result["text"], result["id"]) == ("nul \ufffd and \ufffd here", "r\ufffd")
    assert bench.rows(record_table)[0]["clean"]["text"] == "nul \ufffd and \ufffd here"


def test_13_a_nul_is_a_replacement_character_with_a_warning_in_both(bench: Bench) -> None:
    bench.deliver(only("generic", {"id": "r\0", "text": "nul \0 here", "metadata": {"a": "b\0"}, "subject": "jo\0"}))
    (row,) = bench.rows(record_table)
    assert (row["source_record"], row["warnings"]) == ("r\ufffd", ["nul_replaced"])
    task = load(bench, take(bench)[0])
    assert (task.verbatim.text, task.verbatim.metadata) == ("nul \ufffd here", {"a": "b\ufffd"})
    from builders import analysis

    assert keep(bench, task, analysis(task.verbatim.text or "", id=task.verbatim.id))
    assert bench.rows(analyses)[0]["result"]["text"] == bench.rows(record_table)[0]["clean"]["text"] == "nul \ufffd here"


def test_a_delivery_is_stored_whole_or_not_at_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr(records.jobs, "enqueue_all", fails)
    with pytest.raises(RuntimeError):
        bench.deliver(said("r", "Words"))
    assert [bench.rows(table) for table in (inbox, record_table, jobs)] == [[], [], []]


def test_records_of_our_own_api_need_no_source(bench: Bench) -> None:
    with bench.database.write() as connection:
        event = said("r", "Words")
        done = intake.apply(connection, bench.vault, Origin(bench.workspace), event)
    assert done is not None
    assert done.outcome == "created"
    assert bench.rows(record_table)[0]["source_key"] == "api"


def test_what_cannot_be_used_is_quarantined_once(bench: Bench) -> None:
    arrival = Arrival(bench.workspace, bench.source, "k", b"<broken>", "text/plain")
    for _ in range(2):
        with bench.database.write() as connection:
            receipt = intake.quarantine(connection, bench.vault, arrival, code="body_unusable")
    assert (receipt.is_duplicate, receipt.status) == (True, "quarantined")
    row = bench.rows(inbox)[0]
    assert bench.vault.sealer.open(row["body_sealed"]) == b"<broken>"
