"""A database in, its tables at another step, or what it is at, out: `voc db`; and `voc backup` and `voc restore`."""

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
    """The tables of the store: where they are, up, down, and everything sealed under the newest key."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Show the step of the tables and the one that this program needs.

    Exit codes: 0 they are the same, 1 they are not.
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
@click.option("--to", default="head", show_default=True, help="The step to go to.")
def upgrade(to: str) -> None:
    """Bring the tables to the newest step; data are kept. Stop the service before, and make a backup."""
    from vocservice.store import migrate

    with opened() as database:
        click.echo(f"at step {migrate.upgrade(database, to)}")


@db.command()
@click.argument("step")
def downgrade(step: str) -> None:
    """Take the tables back to STEP, for an older program; `base` drops them with everything in them."""
    from vocservice.store import migrate

    with opened() as database:
        click.echo(f"at step {migrate.downgrade(database, step)}")


@db.command()
def reseal() -> None:
    """Seal everything under the newest key, after which older keys can be taken out of store.keys."""
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
    """Write all of the store to FILE while it goes on working. The keys are not in it: keep them elsewhere."""
    from vocservice.store import backups, migrate

    with opened() as database:
        migrate.check(database)
        click.echo(f"{file}: {backups.backup(database, file)} bytes; the keys are not in it", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Drop what the database holds now.")
def restore(file: Path, replace: bool) -> None:
    """Put the backup FILE into the database. Stop the service before; what was erased since must be erased again."""
    from vocservice.store import backups, migrate

    with opened() as database:
        backups.restore(database, file, replaces=replace)
        click.echo(f"restored, at step {migrate.current(database)}; it can be read with the keys of when it was made", err=True)
        migrate.check(database)


@contextmanager
def opened() -> "Iterator[Database]":
    """The database alone, whatever step it is at."""
    from vocservice.store.database import Database

    settings = load_settings().store
    database = Database(settings.url.get_secret_value(), busy_seconds=settings.busy_seconds)
    try:
        yield database
    finally:
        database.close()
