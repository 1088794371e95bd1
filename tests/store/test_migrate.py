"""Tests of `store.migrate`: the migrated tables are those of the schema, up and down, and what does not fit is refused."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, insert, inspect, select, text, update

from store.bench import Bench
from vocservice.errors import InputError, StoreError
from vocservice.store import migrate, migrations
from vocservice.store.database import Database
from vocservice.store.schema import audit, keys, metadata, packed, records, subjects, workspaces
from vocservice.store.types import UtcTime

FILLED = {"JSON": {}, "BigInteger": 1, "Integer": 1, "Float": 1.0, "Boolean": True, "LargeBinary": b"x", "String": "x", "Text": "x"}
ALLOWED = {("inbox", "status"): "accepted", ("records", "status"): "pending", ("jobs", "state"): "queued", ("users", "role"): "admin"}
ALLOWED |= {("rule_versions", "effect"): "review"}
ALLOWED |= {("deliveries", "state"): "queued", ("annotations", "decision"): "confirm", ("batches", "status"): "queued"}
ALLOWED |= {("issues", "status"): "open"}


def constraints(connection: Connection) -> dict[str, Any]:
    """What Alembic does not compare: checks, and conditions of indexes."""
    found = inspect(connection)
    return {
        table: (
            sorted((check["name"], check["sqltext"]) for check in found.get_check_constraints(table)),
            sorted((str(index["name"]), index["unique"], conditions(index)) for index in found.get_indexes(table)),
        )
        for table in metadata.tables
    }


def is_ours(name: str | None, *_: object) -> bool:
    """Whether the schema says it: the index of words is made by `store.searching`."""
    return not (name or "").startswith(("said_words", "ix_said_words"))


def triggers(connection: Connection) -> list[Any]:
    """The triggers, and the index of words on SQLite, that the database holds, as it holds them."""
    if connection.dialect.name == "sqlite":
        found = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' OR name = 'said_words'"
    else:
        found = "SELECT tgname, pg_get_triggerdef(t.oid), prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal"
    return sorted(tuple(row) for row in connection.execute(text(found)))


def conditions(index: Any) -> list[str]:
    return sorted(str(condition) for condition in index.get("dialect_options", {}).values())


def row(table: Any) -> dict[str, Any]:
    """A row of a table whose every column holds something."""
    return {
        column.name: ALLOWED.get((table.name, column.name), 1 if isinstance(column.type, UtcTime) else FILLED[type(column.type).__name__])
        for column in table.columns
    }


def test_the_migrated_tables_are_those_of_the_schema(database: Database) -> None:
    migrate.upgrade(database)
    with database.read() as connection:
        assert (
            compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_ours}), metadata) == []
        )
        migrated = constraints(connection), triggers(connection)
    migrate.downgrade(database, "base")
    with database.write() as connection:
        metadata.create_all(connection)
        assert (constraints(connection), triggers(connection)) == migrated
    assert len(migrated[1]) >= 10


def test_a_step_rests_on_nothing_that_may_change_after_it() -> None:
    steps = list(Path(migrations.__path__[0]).glob("m*.py"))
    assert len(steps) >= 17 and not [step.name for step in steps if "vocservice" in step.read_text()]


def test_down_and_up_again_with_rows_in_every_table(database: Database) -> None:
    migrate.upgrade(database)
    with database.write() as connection:
        for table in metadata.sorted_tables:
            connection.execute(insert(table).values(**row(table)))
    assert migrate.upgrade(database) == migrate.head()
    assert migrate.downgrade(database, "base") == "base"
    assert not migrate.has_tables(database)
    assert migrate.upgrade(database) == migrate.current(database) == migrate.head()


def test_issues_of_before_stand_for_all_of_their_cell_and_those_of_one_cause_are_no_longer_open_on_the_way_down(database: Database) -> None:
    migrate.upgrade(database, "0012")
    issue = "INSERT INTO issues (id, workspace_id, stage, factor, title, owner, status, evidence, opened_by, opened_at, changed_at{more}) "
    values = "VALUES (:id, 'w', 'use', 'brand', 't', 'o', 'open', '{{}}', 'u', 1, 1{more})"
    with database.write() as connection:
        connection.execute(text("INSERT INTO workspaces (id, name, keeps_originals, created_at) VALUES ('w', 'w', false, 1)"))
        connection.execute(text((issue + values).format(more="")), {"id": "old"})
    migrate.upgrade(database)
    with database.write() as connection:
        for number, cause in enumerate(("late", "wet")):
            made = issue.format(more=", cause") + values.format(more=", :cause")
            connection.execute(text(made), {"id": f"new{number}", "cause": cause})
        assert connection.execute(text("SELECT cause, status FROM issues WHERE id = 'old'")).one() == ("", "open")
    migrate.downgrade(database, "0012")
    with database.read() as connection:
        found = connection.execute(text("SELECT id, status FROM issues ORDER BY id")).all()
    assert found == [("new0", "dismissed"), ("new1", "dismissed"), ("old", "open")]


def test_the_step_of_own_fields_packs_those_records_again_that_tell_any(database: Database) -> None:
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(insert(workspaces).values(**row(workspaces)))
        for name, details in (("a", {"plan": "pro"}), ("b", None), ("c", {})):
            made = {"id": name, "source_record": name, "source_id": None, "details": details}
            connection.execute(insert(records).values(**row(records) | made))
            connection.execute(insert(packed).values(**row(packed) | {"record_id": name}))
    for step in (lambda: migrate.downgrade(database, "0011"), lambda: migrate.upgrade(database, "0012")):
        step()
        with database.write() as connection:
            assert list(connection.scalars(select(packed.c.record_id).where(packed.c.fixed.is_(None)))) == ["a"]
            connection.execute(update(packed).values(fixed=b"x"))


def test_the_step_of_sketches_packs_everything_again_and_the_way_down_leaves_working_triggers(database: Database) -> None:
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(insert(workspaces).values(**row(workspaces)))
        connection.execute(insert(records).values(**row(records) | {"source_id": None}))
        for name in ("x", "gone"):
            connection.execute(insert(packed).values(**row(packed) | {"record_id": name}))
        connection.execute(update(packed).where(packed.c.record_id == "gone").values(fixed=b""))
        connection.execute(update(records).values(needs_review=True))
        assert connection.execute(text("SELECT sketch, fixed FROM packed WHERE record_id = 'x'")).one() == (None, None)
        connection.execute(update(packed).values(fixed=b"x"))
    migrate.downgrade(database, "0023")
    with database.write() as connection:
        connection.execute(text("UPDATE records SET channel = 'mail'"))
        assert connection.scalar(text("SELECT count(*) FROM packed WHERE fixed IS NULL")) == 1
    migrate.upgrade(database)
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM packed WHERE fixed IS NULL")) == 2


def test_the_step_of_customers_takes_over_whom_each_record_is_of(database: Database) -> None:
    migrate.upgrade(database, "0015")
    with database.write() as connection:
        connection.execute(insert(workspaces).values(**row(workspaces)))
        for name, subject in (("a", "0" * 64), ("b", None)):
            made = {"id": name, "source_record": name, "source_id": None, "subject_hash": subject}
            connection.execute(insert(records).values(**row(records) | made))
    for step in ("head", "0015", "head"):
        (migrate.downgrade if step == "0015" else migrate.upgrade)(database, step)
    with database.read() as connection:
        assert connection.execute(select(subjects)).all() == [("a", "0" * 64, "x")]


def test_the_step_of_rotated_keys_takes_over_what_the_audit_log_knows(database: Database) -> None:
    migrate.upgrade(database, "0018")
    noted = row(audit) | {"workspace_id": "x", "action": "key.rotate", "target": "old", "at": 7}
    with database.write() as connection:
        connection.execute(insert(workspaces).values(**row(workspaces)))
        for name in ("old", "new"):
            made = {"id": name, "workspace_id": "x", "name": name, "prefix": name, "secret_hash": "x", "scopes": [], "created_at": 1}
            connection.execute(insert(keys).values(**made))
        connection.execute(insert(audit).values(**noted))
    migrate.upgrade(database)
    with database.read() as connection:
        found = connection.execute(text("SELECT id, rotated_at FROM keys ORDER BY id")).all()
    assert found == [("new", None), ("old", 7)]


def test_a_migration_that_fails_leaves_nothing_behind(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE workspaces (id INTEGER)"))
    with pytest.raises(Exception, match="workspaces"):
        migrate.upgrade(database)
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) == {"workspaces"}


@pytest.mark.parametrize("statements", [1, 8, 40])
@pytest.mark.parametrize(("at", "told"), [("base", "voc init"), ("0001", "voc db upgrade")])
def test_35_a_migration_killed_midway_leaves_the_tables_as_they_were(database: Database, at: str, told: str, statements: int) -> None:
    if at != "base":
        migrate.upgrade(database, at)
    url = database.url.render_as_string(hide_password=False)
    database.close()
    killed = get_context("fork").Process(target=upgrade_until, args=(url, statements))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    with pytest.raises(StoreError, match=told) as caught:
        migrate.check(database)
    assert caught.value.code == "schema_mismatch"
    assert (migrate.current(database) or "base", migrate.has_tables(database)) == (at, at != "base")
    assert migrate.upgrade(database) == migrate.head()
    migrate.check(database)


def upgrade_until(url: str, statements: int) -> None:
    """Upgrade, and be killed after so many statements that make or change tables."""
    database, seen = Database(url), []

    @event.listens_for(database.engine, "after_cursor_execute")
    def _count(_: object, __: object, statement: str, *___: object) -> None:
        seen.extend([statement] if statement.lstrip().startswith(("CREATE", "ALTER")) else [])
        if len(seen) >= statements:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate.upgrade(database)


def test_what_fits_is_let_in(bench: Bench) -> None:
    migrate.check(bench.database)


@pytest.mark.parametrize(("step", "told"), [("0000", "does not know"), ("9999", "install the newer version")])
def test_a_newer_database_is_refused(bench: Bench, step: str, told: str) -> None:
    bench.sql("UPDATE alembic_version SET version_num = :step", step=step)
    for act in (migrate.check, migrate.upgrade):
        with pytest.raises(StoreError, match=told if act is migrate.check else "does not know") as caught:
            act(bench.database)
        assert caught.value.code == "schema_mismatch"


def test_an_older_database_is_refused_with_the_remedy(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(database)
    monkeypatch.setattr(migrate, "head", lambda: "9999")
    with pytest.raises(StoreError, match="voc db upgrade") as caught:
        migrate.check(database)
    assert caught.value.code == "schema_mismatch"


def test_an_empty_database_is_refused_with_the_remedy(database: Database) -> None:
    with pytest.raises(StoreError, match="voc init") as caught:
        migrate.check(database)
    assert caught.value.code == "schema_mismatch"


def test_a_step_that_is_not_there_is_no_way_down(database: Database) -> None:
    migrate.upgrade(database)
    with pytest.raises(InputError, match="no way to step"):
        migrate.downgrade(database, "0815")
