"""The audit log in, whether it is intact out: `voc audit verify`."""

import click

from vocservice.cli.failures import FAULT, OK
from vocservice.settings import load_settings


@click.group()
def audit() -> None:
    """Verify the audit log."""


@audit.command()
def verify() -> int:
    """Verify the hash chain of the audit log.

    Record the number of rows and the last hash elsewhere: rows cut off at the end leave no other trace.

    Exit codes: 0 the chain is intact, 1 a row was changed, removed or inserted.
    """
    from vocservice.store import audit as log
    from vocservice.store.opened import open_store

    store = open_store(load_settings().store)
    try:
        with store.database.read() as connection:
            chain = log.verify(connection)
    finally:
        store.database.close()
    if chain.broken_at is not None:
        click.echo(f"BROKEN at row {chain.broken_at}, after {chain.rows} rows intact")
        return FAULT
    click.echo(f"whole: {chain.rows} rows, last hash {chain.last_hash}")
    return OK
