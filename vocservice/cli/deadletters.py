"""A workspace in, its failed work listed, retried or discarded: `voc dead-letter list`, `retry` and `discard`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from vocservice.cli.holding import ACTOR, held, in_workspace
from vocservice.cli.listing import print_all

if TYPE_CHECKING:
    from vocservice.store.received.deadletters import DeadLetter


@click.group(name="dead-letter")
def dead_letter() -> None:
    """Manage jobs that failed too often, records that failed on our side, and deliveries that could not be read."""


@dead_letter.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_letters(as_json: bool, workspace: str | None) -> None:
    """List them with their reasons, oldest first."""
    from vocservice.store.received import deadletters

    with held(workspace) as here:
        found = deadletters.listed(here.connection, here.workspace_id)
    rows = (asdict(one) | {"at": one.at.isoformat()} for one in found)
    print_all("dead_letters", rows, map(_line, found), as_json=as_json)


@dead_letter.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "takes_all", is_flag=True, help="Retry everything in the workspace.")
@in_workspace
def retry(ids: tuple[str, ...], takes_all: bool, workspace: str | None) -> None:
    """Queue the given IDS again, or all; a delivery goes through its adapter again."""
    from vocservice.store import audit
    from vocservice.store.received import deadletters

    if bool(ids) == takes_all:
        raise click.UsageError("name ids, or give --all")
    with held(workspace) as here:
        done = deadletters.retry(here.connection, here.vault, here.workspace_id, ids=None if takes_all else ids)
        audit.write(here.connection, here.workspace_id, audit.Act(ACTOR, "dead_letter.retry", here.workspace_id, asdict(done)))
    click.echo(f"{done.sent_back} sent back, {done.unusable} deliveries as unusable as before")


@dead_letter.command()
@click.argument("ids", nargs=-1, required=True)
@in_workspace
def discard(ids: tuple[str, ...], workspace: str | None) -> None:
    """Discard the given IDS for good. File searches for erased customers and open batches stay."""
    from vocservice.store import audit
    from vocservice.store.received import deadletters

    with held(workspace) as here:
        done = deadletters.discard(here.connection, here.workspace_id, ids)
        audit.write(here.connection, here.workspace_id, audit.Act(ACTOR, "dead_letter.discard", here.workspace_id, asdict(done)))
    click.echo(f"{done.gone} discarded" + (f"; {done.owed} cannot be discarded: retry" if done.owed else ""))


def _line(one: "DeadLetter") -> str:
    source = f" from {one.source}" if one.source not in ("", one.what) else ""
    return f"{one.id}  {one.kind} {one.what}{source}  {one.code}  {one.at:%Y-%m-%d %H:%M} UTC  {one.message}".rstrip()
