"""A customer's key, a record or an age in, stored data erased or exported: `voc erase`, `voc export-subject` and `voc retention`."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vocservice.cli.holding import ACTOR, in_workspace, opened
from vocservice.errors import OutputError
from vocservice.settings import load_settings

_KEY = "The customer's key, as the senders give it (docs/intake.md); `-` reads it from standard input."


@click.command()
@click.option("--subject", help=_KEY)
@click.option("--record", nargs=2, metavar="SOURCE ID", help="One record: name or id of its source, or api, and the sender's id.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@in_workspace
def erase(subject: str | None, record: tuple[str, str] | None, dry_run: bool, workspace: str | None) -> None:
    """Erase everything about a customer, or one record. Sending a delivery again does not bring it back.

    A worker then searches the files of batches for the customer.
    """
    from vocservice.store.analysed import words
    from vocservice.store.received import erasure

    if (subject is None) == (record is None):
        raise click.UsageError("give either --subject or --record")
    key = _given(subject) if subject is not None else ""
    with opened(workspace) as here:
        with here.database.write() as connection:
            place = connection, here.vault, here.workspace_id
            if record:
                done = erasure.by_record(*place, *record, actor=ACTOR, is_dry=dry_run)
            else:
                done = erasure.by_subject(*place, key, actor=ACTOR, is_dry=dry_run)
        if not dry_run:
            words.forget(here.database)
            here.database.overwrite_log()
    word = "to erase" if dry_run else "erased"
    click.echo(f"{word}: {done.records} records, {done.bodies} quarantined deliveries, {done.answers} kept answers")
    if done.batches_to_search:
        click.echo(f"a worker {'would search' if dry_run else 'searches'} the files of {done.batches_to_search} batches")


@click.command(name="export-subject")
@click.option("--subject", required=True, help=_KEY)
@click.option("-o", "--output", default="-", show_default=True, help="JSON Lines file; `-` is standard output.")
@in_workspace
def export_subject(subject: str, output: str, workspace: str | None) -> None:
    """Export what is stored about a customer: redacted texts, analyses, people's decisions. Also list batches that name the customer."""
    from vocservice.jobs import erasing
    from vocservice.store import audit
    from vocservice.store.opened import Store
    from vocservice.store.received import subjects

    key = _given(subject)
    with opened(workspace) as here:
        with here.database.read() as connection:
            found = list(subjects.export(connection, here.vault, here.workspace_id, key))
        batches = erasing.told(Store(here.database, here.vault), here.settings.batches.folder, here.workspace_id, key)
        with here.database.write() as connection:
            act = audit.Act(ACTOR, "subject_exported", here.workspace_id, {"records": len(found), "batches": len(batches)})
            audit.write(connection, here.workspace_id, act)
    _write(output, found)
    click.echo(f"{len(found)} records", err=True)
    for batch in batches:
        known = "names the customer" if batch["names_customer"] else "waits for a worker and may name the customer"
        click.echo(f"batch {batch['id']} {known}", err=True)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option(
    "--days",
    type=click.IntRange(0),
    help="First set how many days the workspace keeps records, 0 for no limit; with --dry-run the number is used but not set.",
)
@click.option("--workspace", help="Name of the workspace; all of them by default.")
def retention(dry_run: bool, days: int | None, workspace: str | None) -> None:
    """Erase what is older than its workspace allows, by time of receipt. Workers do this daily."""
    from vocservice.store.opened import open_store
    from vocservice.store.received import retention as aging

    store = open_store(load_settings().store)
    try:
        for one in _workspaces(store, workspace, days, is_dry=dry_run):
            if dry_run:
                with store.database.read() as connection:
                    done = aging.due(connection, one)
            else:
                done = aging.sweep(store.database, store.vault, one, actor=ACTOR)
            kept = f"{one.retention_days} days" if one.retention_days else "for ever"
            word = "to erase" if dry_run else "erased"
            click.echo(
                f"{one.name} keeps {kept}; {word}: {done.records} records, {done.bodies} bodies of deliveries, {done.batches} batches"
            )
    finally:
        store.database.close()


def _workspaces(store: Any, name: str | None, days: int | None, *, is_dry: bool) -> list[Any]:
    """The chosen workspaces, after setting their days; in a dry run the days are set in memory only."""
    from vocservice.store import chosen
    from vocservice.store.accounts import workspaces

    with store.database.read() if is_dry else store.database.write() as connection:
        if not name and days is None:
            return workspaces.listed(connection)
        one = workspaces.get(connection, chosen.workspace_id(connection, name))
        if days is None:
            return [one]
        if is_dry:
            workspaces.check_retention(days or None)
        else:
            workspaces.set_retention(connection, one, days or None, actor=ACTOR)
        return [replace(one, retention_days=days or None)]


def _given(subject: str) -> str:
    return sys.stdin.readline().strip() if subject == "-" else subject


def _write(output: str, found: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in found)
    if output == "-":
        click.echo(lines, nl=False)
        return
    try:
        Path(output).write_text(lines, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {Path(output).name}: {error.strerror}") from None
