"""Tests of `store.backups` on both databases: what was kept comes back, and a damaged backup takes nothing away."""

import shutil
import stat
from pathlib import Path

import pytest

from store.bench import Bench, said, work_off
from vocservice.errors import InputError, OutputError, VocError
from vocservice.store import backups, migrate
from vocservice.store.database import POSTGRESQL
from vocservice.store.schema import analyses, records


@pytest.fixture
def kept(bench: Bench, tmp_path: Path) -> Path:
    """A backup of a store with two analysed records, to which a third came since."""
    if bench.database.kind == POSTGRESQL and not shutil.which("pg_dump"):
        pytest.skip("the client tools of PostgreSQL are not on the path")
    bench.deliver(said("a", "First"), said("b", "Second"))
    work_off(bench)
    path = tmp_path / "backup"
    assert backups.backup(bench.database, path) == path.stat().st_size
    bench.deliver(said("c", "Since"))
    return path


def names(bench: Bench) -> list[str]:
    return sorted(row["source_record"] for row in bench.rows(records))


def test_what_was_kept_comes_back_in_place_of_what_is_there(bench: Bench, kept: Path) -> None:
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="--replace"):
        backups.restore(bench.database, kept)
    assert names(bench) == ["a", "b", "c"]
    backups.restore(bench.database, kept, replaces=True)
    assert (names(bench), len(bench.rows(analyses)), migrate.current(bench.database)) == (["a", "b"], 2, migrate.head())
    bench.deliver(said("d", "Later"))
    assert names(bench) == ["a", "b", "d"]


def test_an_empty_database_is_restored_into(bench: Bench, kept: Path) -> None:
    migrate.downgrade(bench.database, migrate.NOTHING)
    backups.restore(bench.database, kept)
    assert names(bench) == ["a", "b"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_backup_that_is_cut_off_takes_nothing_away(bench: Bench, kept: Path, share: float) -> None:
    whole = kept.read_bytes()
    kept.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(VocError):
        backups.restore(bench.database, kept, replaces=True)
    assert names(bench) == ["a", "b", "c"]


def test_a_backup_leaves_nothing_beside_it_and_overwrites_none(bench: Bench, kept: Path) -> None:
    with pytest.raises(OutputError, match="there already"):
        backups.backup(bench.database, kept)
    backups.restore(bench.database, kept, replaces=True)
    assert [path.name for path in kept.parent.iterdir() if path.name.startswith("backup")] == ["backup"]
