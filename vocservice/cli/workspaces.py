"""Names in, workspaces out: `voc workspace add`, `list` and `originals`."""

import click

from vocservice.cli.holding import ACTOR, held, in_workspace
from vocservice.settings import load_settings


@click.group()
def workspace() -> None:
    """Manage workspaces."""


@workspace.command()
@click.argument("name")
def add(name: str) -> None:
    """Create a workspace."""
    from vocservice.store.accounts import workspaces
    from vocservice.store.opened import open_store

    store = open_store(load_settings().store)
    try:
        with store.database.write() as connection:
            made = workspaces.create(connection, name, actor=ACTOR)
    finally:
        store.database.close()
    click.echo(f"{made.id} {made.name}")


@workspace.command(name="list")
def list_workspaces() -> None:
    """List the workspaces, what they keep and for how long."""
    from vocservice.store.accounts import workspaces
    from vocservice.store.opened import open_store

    store = open_store(load_settings().store)
    try:
        with store.database.read() as connection:
            found = workspaces.listed(connection)
    finally:
        store.database.close()
    for one in found:
        originals = "originals are kept, encrypted" if one.keeps_originals else "originals are dropped after their analysis"
        kept = f"for {one.retention_days} days" if one.retention_days else "for ever"
        click.echo(f"{one.id}  {one.name}: {originals}; records are kept {kept}")


@workspace.command()
@click.option("--keep/--drop", required=True, help="From now on, keep unredacted texts encrypted, or drop them after analysis.")
@in_workspace
def originals(keep: bool, workspace: str | None) -> None:
    """Set whether unredacted texts are kept."""
    from vocservice.store.accounts import workspaces

    with held(workspace) as here:
        one = workspaces.get(here.connection, here.workspace_id)
        workspaces.set_keeps_originals(here.connection, one, keep, actor=ACTOR)
    click.echo(f"{one.name}: originals are {'kept, encrypted' if keep else 'dropped after their analysis'} from now on")
