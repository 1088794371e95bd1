"""Tests of acts on several records: beside somebody who decides on one of them, and beside a text that changes."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from sqlalchemy import Connection, insert, select

from store.bench import Bench, said, work_off
from vocservice.store import audit, schema
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.review import annotations, bulks
from vocservice.store.review.bulks import Bulk, Wish


def ada(connection: Connection, workspace: str) -> User:
    return users.add(
        connection, workspace, email="ada@example.org", name="Ada", role="support_lead", password="a long password", actor="test"
    )


def test_a_text_that_nobody_saw_is_not_decided_on(bench: Bench) -> None:
    """The list shows the analysis of the text before, while the new one waits to be analysed."""
    for record in ("r-1", "r-2"):
        bench.deliver(said(record, "It crashed.", version="1"))
    work_off(bench)
    changed = bench.deliver(said("r-1", "It is fine now.", version="2")).applied[0].record_id
    with bench.database.write() as connection:
        user = ada(connection, bench.workspace)
        seen = annotations.seen(connection, bench.workspace, [row["id"] for row in bench.rows(schema.records)])
        done = bulks.do(connection, user, seen, Wish("confirm", "a-form-of-the-tests"))
    assert (done.done, done.left, len(seen)) == (1, 1, 2)
    assert changed not in {row["record_id"] for row in bench.rows(schema.annotations)}


def test_an_act_beside_a_decision_on_one_of_its_records_waits_for_it_and_not_it_for_the_act(bench: Bench) -> None:
    for record in ("r-1", "r-2"):
        bench.deliver(said(record, "It crashed."))
    work_off(bench)
    ids = sorted(row["id"] for row in bench.rows(schema.records))
    with bench.database.write() as connection:
        user = ada(connection, bench.workspace)
        connection.execute(schema.reviews.delete())
        waits = {"workspace_id": bench.workspace, "revision": 1, "urgency": 1, "entered_at": now(connection)}
        connection.execute(insert(schema.reviews), [waits | {"record_id": record_id} for record_id in ids])
        seen = annotations.seen(connection, bench.workspace, ids)

    def act() -> Bulk:
        with bench.database.write() as connection:
            return bulks.do(connection, user, seen, Wish("confirm", "a-form-of-the-tests"))

    with ThreadPoolExecutor(1) as pool, bench.database.write() as connection:
        connection.execute(select(schema.records.c.id).where(schema.records.c.id == ids[1]).with_for_update())
        doing = pool.submit(act)
        sleep(0.5)  # by now the act has the first record
        audit.write(connection, bench.workspace, Act("user:other", "review.confirm", ids[1], {}))
    assert (doing.result().done, doing.result().left) == (2, 0)
