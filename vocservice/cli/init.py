"""Settings in, a ready store out: `voc init` creates the missing parts of key, tables and workspace, and reports them."""

import os
from pathlib import Path
from typing import Any

import click

from vocservice.cli.holding import ACTOR
from vocservice.errors import OutputError
from vocservice.settings import Settings, load_settings


@click.command()
def init() -> None:
    """Create the store: an encryption key, the tables, a workspace.

    Existing parts are left as they are, so you can run it again at any time.
    """
    from vocservice.store.opened import open_store

    settings = load_settings()
    click.echo(_key(settings))
    click.echo(_tables(settings))
    store = open_store(settings.store)
    try:
        with store.database.write() as connection:
            click.echo(_workspace(connection))
    finally:
        store.database.close()


def _key(settings: Settings) -> str:
    from vocservice.store.sealing import new_key

    if settings.store.keys:
        return "key: set in the settings"
    path = Path(settings.store.key_file)
    if path.exists():
        return f"key: {path} is there"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as stream:
            stream.write(new_key() + "\n")
    except OSError as error:
        raise OutputError(f"cannot write the key file {path}: {error.strerror}") from None
    return f"key: made {path}; keep a copy of it elsewhere: without it no text can be decrypted"


def _tables(settings: Settings) -> str:
    from vocservice.store import migrate
    from vocservice.store.database import Database

    database = Database(settings.store.url.get_secret_value(), busy_seconds=settings.store.busy_seconds)
    try:
        before = migrate.current(database)
        after = migrate.upgrade(database)
    finally:
        database.close()
    return f"tables: at step {after}" if before == after else f"tables: migrated from {before or 'nothing'} to step {after}"


def _workspace(connection: Any) -> str:
    from vocservice.store.accounts import workspaces

    found = workspaces.listed(connection)
    if found:
        return f"workspace: {', '.join(workspace.name for workspace in found)}"
    return f"workspace: made {workspaces.create(connection, workspaces.MAIN, actor=ACTOR).name}"
