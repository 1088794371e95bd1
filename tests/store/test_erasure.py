"""Tests of `store.received.erasure` and its neighbours: what goes, what stays, and what comes back."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from builders import analysis
from sqlalchemy import insert, update

from store.bench import Bench, keep, load, said, take, work_off
from vocservice.errors import IdempotencyError, InputError, RequestBusyError
from vocservice.ingest.events import Upsert
from vocservice.records import Rejected
from vocservice.store import jobs
from vocservice.store.accounts import keys, workspaces
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.database import now
from vocservice.store.received import deadletters, erasure, idempotency, intake, retention, subjects
from vocservice.store.received.batches import BATCH
from vocservice.store.received.erasure import ERASE_FILES, Erased
from vocservice.store.received.idempotency import Answer, claim_of
from vocservice.store.received.intake import Arrival
from vocservice.store.received.records import erase_by_id
from vocservice.store.schema import analyses, audit, batches, deliveries, inbox, records
from vocservice.store.schema import idempotency as answers
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import subjects as subject_table

CANARY = "zanzibar-canary-3318"


def erase(bench: Bench, subject: str, *, is_dry: bool = False) -> Erased:
    with bench.database.write() as connection:
        return erasure.by_subject(connection, bench.vault, bench.workspace, subject, actor="test", is_dry=is_dry)


def quarantined(bench: Bench, body: bytes, key: str) -> None:
    with bench.database.write() as connection:
        arrival = Arrival(bench.workspace, bench.source, key, body, "application/json")
        intake.quarantine(connection, bench.vault, arrival, code="body_unusable")


def api_key(bench: Bench, workspace: str | None = None) -> str:
    with bench.database.write() as connection:
        made, _ = keys.create(connection, workspace or bench.workspace, name="forms", scopes=["feedback:write"], actor="test")
    return made.id


def settled(bench: Bench, name: str, body: dict[str, object], status: int = 201, *, key: str = "key_1") -> None:
    claim = claim_of(key, "/v1/feedback", name, b"{}")
    with bench.database.write() as connection:
        assert idempotency.reserve(connection, claim) is None
        idempotency.settle(connection, claim, Answer(status, body))


def key_of(bench: Bench, delivery: str) -> str:
    return bench.vault.hash("delivery", bench.source, delivery)


def test_no_row_names_what_the_sender_called_a_delivery_and_its_replay_is_still_known(bench: Bench) -> None:
    name = f"message of {CANARY}"
    first = bench.deliver(said("a", "Mine", subject=CANARY), key=name)
    erase(bench, CANARY)
    assert CANARY not in str(bench.rows(inbox))
    again = bench.deliver(said("a", "Mine", subject=CANARY), key=name)
    assert (again.is_duplicate, again.id) == (True, first.id)


def test_everything_of_a_customer_goes_and_nothing_of_another(bench: Bench) -> None:
    bench.sql("UPDATE workspaces SET keeps_originals = :yes", yes=True)
    mine = bench.deliver(said("a", "Mine", subject=CANARY), key="a", body=b"Mine")
    bench.deliver(said("b", "Mine too", subject=CANARY.upper()), said("c", "Other", subject="other"), key="b", body=b"both")
    work_off(bench)
    bench.deliver(said("d", "Waits", subject=CANARY))
    quarantined(bench, f'{{"broken, of {CANARY}'.encode(), "q1")
    quarantined(bench, b"of nobody", "q2")
    key = api_key(bench)
    settled(bench, "k1", {"id": "a", "record": mine.applied[0].record_id}, key=key)
    settled(bench, "k2", {"id": "other", "record": "rec_other"}, key=key)
    wanted = Erased(records=3, bodies=1, answers=1)
    assert erase(bench, CANARY, is_dry=True) == wanted
    assert len(bench.rows(records, status="erased")) == 0
    assert erase(bench, CANARY) == wanted
    assert erase(bench, CANARY) == Erased(0, 0, 0)
    assert {row["source_record"] for row in bench.rows(records) if row["status"] != "erased"} == {"c"}
    assert (len(bench.rows(analyses)), bench.rows(job_table), [row["name"] for row in bench.rows(answers)]) == (1, [], ["k2"])
    assert {row["delivery_key"] for row in bench.rows(inbox) if row["body_sealed"]} == {key_of(bench, "q2")}
    told = bench.rows(audit, action="subject_erased")
    assert (told[0]["details"], CANARY in str(told)) == ({"records": 3, "bodies": 1, "answers": 1, "batches_to_search": 0}, False)


def exported(bench: Bench, subject: str) -> list[str]:
    with bench.database.read() as connection:
        return [found["source_record"] for found in subjects.export(connection, bench.vault, bench.workspace, subject)]


KEYS = {
    "left out": [("1", CANARY), ("2", None)],
    "left out of what comes first": [("2", None), ("1", CANARY)],
    "left out of the same version": [("1", CANARY), ("1", None)],
    "changed": [("1", CANARY), ("2", "customer-4711")],
    "changed back": [("1", "customer-4711"), ("2", CANARY), ("3", "customer-4711")],
}


@pytest.mark.parametrize("is_worked_off", [True, False])
@pytest.mark.parametrize("told", KEYS.values(), ids=KEYS)
def test_a_record_is_found_by_every_key_that_a_version_of_it_named(
    bench: Bench, told: list[tuple[str, str | None]], *, is_worked_off: bool
) -> None:
    bench.deliver(said("b", "Other", subject="other"))
    for number, (version, subject) in enumerate(told):
        bench.deliver(said("a", f"Words {number}", version=version, subject=subject))
        if is_worked_off:
            work_off(bench)
    for key in {key for _, key in told if key}:
        assert exported(bench, key) == ["a"]
        assert erase(bench, key, is_dry=True) == Erased(1, 0, 0)
    assert erase(bench, CANARY) == Erased(1, 0, 0)
    assert [row["source_record"] for row in bench.rows(records) if row["status"] != "erased"] == ["b"]
    assert len(bench.rows(analyses)) == int(is_worked_off)
    assert (exported(bench, CANARY), exported(bench, "customer-4711"), len(bench.rows(subject_table))) == ([], [], 1)


@pytest.mark.parametrize("source", ["forms", "id"])
def test_a_record_without_a_key_goes_by_its_source_and_its_id(bench: Bench, source: str) -> None:
    told = bench.deliver(*(said(name, "Words") for name in ("91", "91/q7", "910")))
    work_off(bench)
    key = api_key(bench)
    settled(bench, "k1", {"id": "91/q7", "record": told.applied[1].record_id}, key=key)
    settled(bench, "k2", {"id": "910", "record": told.applied[2].record_id}, key=key)

    def gone(record: str, *, is_dry: bool = False) -> Erased:
        named = bench.source if source == "id" else source
        with bench.database.write() as connection:
            return erasure.by_record(connection, bench.vault, bench.workspace, named, record, actor="test", is_dry=is_dry)

    assert gone("91", is_dry=True) == Erased(2, 0, 1) and len(bench.rows(analyses)) == 3
    assert gone("91") == Erased(2, 0, 1)
    assert [row["source_record"] for row in bench.rows(records) if row["status"] != "erased"] == ["910"]
    assert (len(bench.rows(analyses)), [row["name"] for row in bench.rows(answers)]) == (1, ["k2"])
    (act,) = bench.rows(audit, action="record_erased")
    assert (act["target"], act["details"]["records"]) == (told.applied[0].record_id, 2)
    assert bench.deliver(said("91/q8", "Newer")).applied[0].outcome == "erased"
    for record in ("91", "q7"):
        with pytest.raises(InputError) as caught:
            gone(record)
        assert caught.value.code == "record_unknown"


def test_the_customer_of_a_record_stays_where_a_later_version_names_none(bench: Bench) -> None:
    """So that it still counts as one customer in figures, and stands beside the others on the desk."""
    for version, subject in (("1", CANARY), ("2", None)):
        bench.deliver(said("a", f"Words {version}", version=version, subject=subject))
    (row,) = bench.rows(records)
    assert (row["revision"], row["subject_hash"]) == (2, bench.vault.subject_hash(bench.workspace, CANARY))


@pytest.mark.parametrize(
    "body",
    [
        b"responseId=R_1&subject=J%C3%BCrgen%2F%22%F0%9F%98%80%22+Other%40example.org&comment=x",
        rb'{"id": 1, "subject": "J\u00fcrgen\/\"\ud83d\uDE00\" Other@example.org", "text": "broken',
        b"MSG=%7B%22subject%22%3A%22J%5Cu00fcrgen%5C%2F%5C%22%5Cud83d%5Cude00%5C%22%20Other%40example.org%22%7D",
    ],
    ids=["form", "json", "json in a form"],
)
def test_a_body_that_names_the_customer_in_escapes_goes(sqlite_bench: Bench, body: bytes) -> None:
    quarantined(sqlite_bench, body, "escaped")
    quarantined(sqlite_bench, rb"\ud83d %FF \ a body of nobody \u00", "nobody")
    assert erase(sqlite_bench, 'j\u00fcrgen/"\U0001f600" other@Example.org') == Erased(0, 1, 0)


BELOW = ("91", "91/q7", "91/q7/a", "910", "91-q7")


@pytest.mark.parametrize("way", ["id", "subject"])
def test_what_is_below_an_erased_record_goes_along(bench: Bench, way: str) -> None:
    """Also where it names no customer: its tombstone would keep every newer version of it out."""
    told = bench.deliver(said("91", "Mine", subject=CANARY), *(said(name, "Words") for name in BELOW[1:]))
    work_off(bench)
    if way == "subject":
        assert erase(bench, CANARY, is_dry=True) == erase(bench, CANARY) == Erased(3, 0, 0)
    else:
        with bench.database.write() as connection:
            assert erase_by_id(connection, bench.vault, bench.workspace, told.applied[0].record_id or "", reason="api")
    assert {row["source_record"] for row in bench.rows(records) if row["status"] != "erased"} == {"910", "91-q7"}
    assert len(bench.rows(analyses)) == 2
    again = bench.deliver(*(said(name, "Newer", version="2") for name in BELOW))
    assert [one.outcome for one in again.applied] == ["erased"] * 3 + ["updated"] * 2


def test_retention_erases_what_is_below_an_old_record_at_its_own_time(bench: Bench) -> None:
    bench.deliver(said("91", "Old"))
    bench.sql("UPDATE records SET received_at = received_at - 864000000000")
    bench.deliver(said("91/q7", "New"))
    with bench.database.write() as connection:
        workspaces.set_retention(connection, workspaces.get(connection, bench.workspace), 9, actor="test")
        kept = workspaces.get(connection, bench.workspace)
    assert retention.sweep(bench.database, bench.vault, kept, actor="test").records == 1
    assert [row["source_record"] for row in bench.rows(records, status="pending")] == ["91/q7"]


def test_a_customer_erased_during_a_run_is_not_in_what_comes_out(bench: Bench) -> None:
    bench.deliver(said("a", "Mine", subject=CANARY), said("b", "Other"))
    tasks = [load(bench, job) for job in take(bench)]
    erase(bench, CANARY)
    assert [keep(bench, task) for task in tasks] == [False, True]
    assert bench.deliver(said("a", "Mine", subject=CANARY)).applied[0].outcome == "erased"


def test_erased_words_are_not_in_the_files(sqlite_bench: Bench, tmp_path: Path) -> None:
    from builders import analysis

    sqlite_bench.deliver(said("a", "Mine", subject="customer"))
    (job,) = take(sqlite_bench)
    keep(sqlite_bench, load(sqlite_bench, job), analysis(f"{CANARY} crashed"))
    assert any(CANARY.encode() in path.read_bytes() for path in tmp_path.glob("voc.db*"))
    erase(sqlite_bench, "customer")
    sqlite_bench.database.overwrite_log()
    assert not any(CANARY.encode() in path.read_bytes() for path in tmp_path.glob("voc.db*"))


def test_what_is_older_than_is_kept_goes_by_the_time_of_receipt(bench: Bench) -> None:
    bench.deliver(said("old", "Old", created_at="2099-01-01T00:00:00Z"))
    quarantined(bench, b"old", "q")
    bench.sql("UPDATE records SET received_at = received_at - 864000000000")
    bench.sql("UPDATE inbox SET received_at = received_at - 864000000000")
    bench.deliver(said("new", "New", created_at="1999-01-01T00:00:00Z"))
    with bench.database.write() as connection:
        workspaces.set_retention(connection, workspaces.get(connection, bench.workspace), 9, actor="test")
        kept = workspaces.get(connection, bench.workspace)
    with bench.database.read() as connection:
        assert retention.due(connection, kept) == retention.Swept(1, 2)
    swept = retention.sweep(bench.database, bench.vault, kept, actor="test")
    assert (swept.records, retention.sweep(bench.database, bench.vault, kept, actor="test")) == (1, retention.Swept(0, 0))
    assert [row["source_record"] for row in bench.rows(records, status="pending")] == ["new"]
    assert {row["status"] for row in bench.rows(inbox) if row["body_sealed"] is None} == {"accepted", "discarded"}


def test_what_a_watch_found_goes_by_its_own_age(bench: Bench) -> None:
    with bench.database.write() as connection:
        endpoints.create(connection, bench.vault, bench.workspace, url="https://voc.example.org/", actor="test")
        outbound.tell_found(connection, bench.workspace, {"watch": "old"})
    bench.sql("UPDATE deliveries SET created_at = created_at - 864000000000")
    with bench.database.write() as connection:
        outbound.tell_found(connection, bench.workspace, {"watch": "new"})
    for days, left in ((None, ["new", "old"]), (9, ["new"])):
        with bench.database.write() as connection:
            workspaces.set_retention(connection, workspaces.get(connection, bench.workspace), days, actor="test")
            kept = workspaces.get(connection, bench.workspace)
        retention.sweep(bench.database, bench.vault, kept, actor="test")
        assert sorted(row["payload"]["data"]["watch"] for row in bench.rows(deliveries)) == left


ANSWERS = {
    "by ours": {"id": "own_1", "record": "MINE", "status": "accepted"},
    "by theirs": {"results": [{"id": "x", "record": "rec_x"}, {"id": 'id"\u00e9%', "status": "rejected", "error": {"code": "empty_text"}}]},
    "of another record": {"id": "x", "record": "rec_x", "outcome": "created", "warnings": ['id"\u00e9%']},
    "without one": {"code": "empty_text", "message": "there is no text"},
}


def test_kept_answers_go_where_they_name_the_record_and_in_its_workspace_only(bench: Bench) -> None:
    """Whatever a sender calls its records: `id` and `accepted` stand in every answer."""
    names = ("id", "record", "accepted", "created", 'id"\u00e9%')
    told = bench.deliver(*(said(name, "Mine", subject=CANARY) for name in names))
    with bench.database.write() as connection:
        other = workspaces.create(connection, "other", actor="test").id
    for key, owner in ((api_key(bench), "ours"), (api_key(bench, other), "theirs")):
        for name, body in ANSWERS.items():
            settled(bench, f"{owner}, {name}", {**body, **({"record": told.applied[0].record_id} if name == "by ours" else {})}, key=key)
    assert erase(bench, CANARY) == Erased(len(names), 0, 2)
    left = {row["name"] for row in bench.rows(answers)}
    assert left == {"ours, of another record", "ours, without one", *(f"theirs, {name}" for name in ANSWERS)}


def test_the_first_answer_is_given_again(bench: Bench) -> None:
    settled(bench, "k", {"id": "rec_1"}, status=201)
    with bench.database.write() as connection:
        assert idempotency.reserve(connection, claim_of("key_1", "/v1/feedback", "k", b"{}")) == Answer(201, {"id": "rec_1"})
        assert idempotency.reserve(connection, claim_of("key_2", "/v1/feedback", "k", b"{}")) is None
        assert idempotency.reserve(connection, claim_of("key_1", "/v1/other", "k", b"{}")) is None
        with pytest.raises(IdempotencyError) as caught:
            idempotency.reserve(connection, claim_of("key_1", "/v1/feedback", "k", b"{ }"))
    assert (caught.value.code, caught.value.status) == ("idempotency_mismatch", 422)


def test_a_second_request_beside_the_first_is_told_to_wait(bench: Bench) -> None:
    claim = claim_of("key_1", "/v1/feedback", "k\0" + "x" * 900, b"{}")
    with bench.database.write() as connection:
        assert idempotency.reserve(connection, claim) is None
    with pytest.raises(RequestBusyError) as caught, bench.database.write() as connection:
        idempotency.reserve(connection, claim)
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == ("idempotency_busy", 409, 1)
    bench.sql("UPDATE idempotency SET created_at = created_at - 301000000")
    with bench.database.write() as connection:
        assert idempotency.reserve(connection, claim) is None


@pytest.mark.parametrize(
    ("status", "is_kept"), [(200, True), (202, True), (422, True), (404, True), (500, False), (503, False), (302, False)]
)
def test_only_answers_that_are_final_are_kept(bench: Bench, status: int, is_kept: bool) -> None:
    settled(bench, "k", {"n": 1}, status)
    assert bool(bench.rows(answers)) is is_kept


def test_answers_are_dropped_after_three_days(bench: Bench) -> None:
    settled(bench, "old", {})
    bench.sql("UPDATE idempotency SET created_at = created_at - 86400000000 * 4")
    settled(bench, "new", {})
    with bench.database.write() as connection:
        assert idempotency.prune(connection) == 1
    assert [row["name"] for row in bench.rows(answers)] == ["new"]


def test_dead_letters_are_given_up_with_what_was_said_but_for_what_is_owed(bench: Bench) -> None:
    bench.deliver(said("job", "Words"), said("record", "Words"), said("newer", "Words"), said("fine", "Words"))
    for job, found in zip(take(bench), (None, Rejected("record", "analysis_failed", "no"), None, analysis("***")), strict=True):
        if found is not None:
            keep(bench, load(bench, job), found)
    with bench.database.write() as connection:
        for kind in (ERASE_FILES, BATCH, "preview"):
            jobs.enqueue(connection, bench.workspace, kind, "batch")
        values = {"id": "batch", "workspace_id": bench.workspace, "name": "Q1.csv", "status": "running", "input_format": "csv"}
        values |= {"input_bytes": 1, "mapping": {}, "options": {}, "created_by": "test", "created_at": now(connection)}
        connection.execute(insert(batches).values(**values))
    bench.sql("UPDATE jobs SET state = 'dead', error_code = 'worker_lost'")
    bench.deliver(said("newer", "Other words"))
    quarantined(bench, b"<never>", "never")
    with bench.database.write() as connection:
        ids = [letter.id for letter in deadletters.listed(connection, bench.workspace)]
        assert deadletters.discard(connection, "ws_other", ids) == deadletters.Discarded()
        assert deadletters.discard(connection, bench.workspace, ids) == deadletters.Discarded(5, 2)
        assert {letter.what for letter in deadletters.listed(connection, bench.workspace)} == {ERASE_FILES, BATCH}
        connection.execute(update(batches).values(status="failed"))
        assert deadletters.discard(connection, bench.workspace, ids) == deadletters.Discarded(1, 1)
    found = {row["source_record"]: (row["status"], row["error_code"], bool(row["original_sealed"])) for row in bench.rows(records)}
    assert found["job"] == ("rejected", "worker_lost", False) and found["record"] == ("rejected", "analysis_failed", False)
    assert found["newer"] == ("pending", None, True) and found["fine"][0] == "analysed"
    assert work_off(bench) == 1


def test_a_record_that_is_given_up_takes_what_its_earlier_version_was_along(bench: Bench) -> None:
    bench.deliver(said("r", "Words"))
    work_off(bench)
    bench.deliver(said("r", "Other words"))
    bench.sql("UPDATE jobs SET state = 'dead', error_code = 'worker_lost'")
    with bench.database.write() as connection:
        (letter,) = deadletters.listed(connection, bench.workspace)
        assert (letter.kind, letter.what, letter.source) == ("job", "analyse", "forms")
        deadletters.discard(connection, bench.workspace, [letter.id])
    assert [(row["status"], row["clean"]) for row in bench.rows(records)] == [("rejected", None)]
    assert not any(row["is_current"] for row in bench.rows(analyses)) and not bench.rows(job_table)
    bench.deliver(said("r", "Newer words"))
    assert work_off(bench) == 1


def test_dead_letters_are_of_one_workspace_and_each_comes_back_once(bench: Bench) -> None:
    bench.deliver(said("job", "Words"), said("record", "Words"))
    first, second = take(bench)
    from store.bench import WORKER
    from vocservice.store.analysed.analyses import give_up

    with bench.database.write() as connection:
        jobs.bury(connection, WORKER, first.id, code="worker_lost")
        give_up(connection)
    keep(bench, load(bench, second), Rejected("record", "analysis_failed", "no"))
    quarantined(bench, b'{"id": "fine", "text": "Readable after all"}', "q")
    quarantined(bench, b"<never>", "never")
    with bench.database.write() as connection:
        assert deadletters.listed(connection, "ws_other") == []
        assert {letter.kind for letter in deadletters.listed(connection, bench.workspace)} == {"job", "record", "delivery"}
        assert deadletters.retry(connection, bench.vault, bench.workspace) == deadletters.Retried(3, 1)
        assert [letter.code for letter in deadletters.listed(connection, bench.workspace)] == ["body_unusable"]
    assert {row["status"] for row in bench.rows(records)} == {"pending"}
    assert work_off(bench) == 3


def redacted(version: str | None, words: str = "Sorry. It crashed.") -> Upsert:
    return replace(said("c", words, version=version), redactions=1)


SPOKEN = f"It crashed, call me: {CANARY}."


@pytest.mark.parametrize("is_worked_off", [True, False])
@pytest.mark.parametrize(
    "later", [[], [("2", f"{SPOKEN} Today.")], [("3", "It crashed.")]], ids=["first", "same", "stale"]
)  # it is redacted at 2
def test_what_was_redacted_goes_from_every_version(bench: Bench, later: list[tuple[str, str]], *, is_worked_off: bool) -> None:
    bench.sql("UPDATE workspaces SET keeps_originals = :yes", yes=True)
    for number, (version, words) in enumerate([("1", SPOKEN), *later]):
        bench.deliver(said("c", words, version=version), body=words.encode())
        for job in take(bench) if is_worked_off or number == 0 else ():
            assert keep(bench, load(bench, job), analysis(words))
    bench.deliver(redacted("2"))
    (row,) = bench.rows(records)
    assert CANARY not in str(bench.rows(analyses)) + repr(row["clean"])
    assert CANARY.encode() not in bench.vault.sealer.open(row["original_sealed"])
    assert not any(body and CANARY.encode() in bench.vault.sealer.open(body) for body in (one["body_sealed"] for one in bench.rows(inbox)))
    is_stale = later and later[0][0] == "3"
    assert (row["revision"], len(bench.rows(analyses))) == (1 + len(later) + (not is_stale), int(bool(is_stale and is_worked_off)))


def test_a_later_message_of_a_redacted_conversation_forgets_nothing_more(bench: Bench) -> None:
    bench.deliver(said("c", SPOKEN, version="1"))
    bench.deliver(redacted("2"))
    for job in take(bench):
        assert keep(bench, load(bench, job), analysis("Sorry. It crashed."))
    bench.deliver(redacted("3", "Sorry. It crashed. And today?"))
    assert len(bench.rows(analyses)) == 1
    bench.deliver(replace(redacted("4", "Sorry."), redactions=2))
    assert bench.rows(analyses) == []


def test_a_replay_of_the_same_version_brings_nothing_back(bench: Bench) -> None:
    for name, events in enumerate(permutations([said("c", SPOKEN, version="2"), redacted("2")])):
        for event in events:
            bench.deliver(replace(event, record_id=f"c{name}"))
    bench.deliver(said("c0", SPOKEN, version="2"))
    assert all(CANARY.encode() not in bench.vault.sealer.open(row["original_sealed"]) for row in bench.rows(records))
    bench.deliver(said("c0", "It works again.", version="3"))
    assert b"again" in bench.vault.sealer.open(bench.rows(records, source_record="c0")[0]["original_sealed"])
