"""A database in, its schema migrated or described out: `voc db`; also `voc backup` and `voc restore`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vocservice.cli.failures import FAULT, OK
from vocservice.settings import load_settings

if TYPE_CHECKING:
    from vocservice.store.database import Database


@click.group()
def db() -> None:
    """Show or migrate the schema of the store, or re-encrypt its contents."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Show the schema version of the database and the one required.

    Exit codes: 0 they are equal, 1 they differ.
    """
    from vocservice.store import migrate

    with opened() as database:
        found, wanted = migrate.current(database), migrate.head()
    if as_json:
        click.echo(json.dumps({"step": found, "needed": wanted}))
    else:
        click.echo(f"at step {found or 'nothing'}, needed {wanted}")
    return OK if found == wanted else FAULT


@db.command()
@click.option("--to", default="head", show_default=True, help="Version to migrate to.")
def upgrade(to: str) -> None:
    """Migrate the database to the newest version; data are kept. Stop the service and make a backup first."""
    from vocservice.store import migrate

    with opened() as database:
        click.echo(f"at step {migrate.upgrade(database, to)}")


@db.command()
@click.argument("step")
def downgrade(step: str) -> None:
    """Migrate the database back to STEP, for an older release; `base` drops the tables with their contents."""
    from vocservice.store import migrate

    with opened() as database:
        click.echo(f"at step {migrate.downgrade(database, step)}")


@db.command()
def reseal() -> None:
    """Re-encrypt everything with the newest key; older keys can then be removed from store.keys."""
    from vocservice.store import resealing
    from vocservice.store.opened import open_store

    store = open_store(load_settings().store)
    try:
        click.echo(f"{resealing.reseal(store.database, store.vault.sealer)} values sealed under the newest key")
    finally:
        store.database.close()


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Back up the store to FILE while the service runs. The encryption keys are not in it: keep them elsewhere."""
    from vocservice.store import backups, migrate

    with opened() as database:
        migrate.check(database)
        click.echo(f"{file}: {backups.backup(database, file)} bytes; the keys are not in it", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Drop the present contents of the database.")
def restore(file: Path, replace: bool) -> None:
    """Restore the backup FILE into the database. Stop the service first; repeat erasures made since the backup."""
    from vocservice.store import backups, migrate

    with opened() as database:
        backups.restore(database, file, replaces=replace)
        click.echo(f"restored, at step {migrate.current(database)}; reading it needs the encryption keys in use when it was made", err=True)
        migrate.check(database)


@contextmanager
def opened() -> "Iterator[Database]":
    """Open the database at any schema step."""
    from vocservice.store.database import Database

    settings = load_settings().store
    database = Database(settings.url.get_secret_value(), busy_seconds=settings.busy_seconds)
    try:
        yield database
    finally:
        database.close()
