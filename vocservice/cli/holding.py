"""Settings in, a store and workspace, or one transaction on it, out: shared by the commands on sources and keys."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from vocservice.errors import InputError
from vocservice.settings import Settings, load_settings

if TYPE_CHECKING:
    from vocservice.store.database import Database
    from vocservice.store.vault import Vault

ACTOR = "command line"  # actor of commands in the audit log


@dataclass(frozen=True, slots=True)
class Opened:
    """A store and the chosen workspace, for commands that manage their own transactions."""

    database: "Database"
    vault: "Vault"
    workspace_id: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Held:
    """What a command works with."""

    connection: Any
    vault: "Vault"
    workspace_id: str
    settings: Settings


@contextmanager
def opened(workspace: str | None) -> Iterator[Opened]:
    """Open the store.

    Raises:
        ConfigError: the settings are wrong, or there is no key.
        StoreError: the store does not exist or does not answer.
        InputError: there is no such workspace.
    """
    from vocservice.store import chosen
    from vocservice.store.opened import open_store

    settings = load_settings()
    store = open_store(settings.store)
    try:
        with store.database.read() as connection:
            workspace_id = chosen.workspace_id(connection, workspace)
        yield Opened(store.database, store.vault, workspace_id, settings)
    finally:
        store.database.close()


@contextmanager
def held(workspace: str | None) -> Iterator[Held]:
    """Open one write transaction, committed as a whole or not at all. It blocks other writers, so never wait for a person in it.

    Raises:
        ConfigError, StoreError, InputError: as in `opened`.
    """
    with opened(workspace) as here, here.database.write() as connection:
        yield Held(connection, here.vault, here.workspace_id, here.settings)


def in_workspace(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names a workspace."""
    return click.option("--workspace", help="Name of the workspace; the only one by default.")(command)


def secret_of(given: str) -> str:
    """The given secret, or a line of standard input for `-`, which keeps it out of shell history and process lists.

    Raises:
        InputError: standard input is empty.
    """
    if given != "-":
        return given
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise InputError("there is no secret on standard input")
    return line
