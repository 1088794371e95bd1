"""Names in, which custom fields of the records show as segments out: `voc field list`, `hide` and `show`."""

import click

from vocservice.cli.holding import ACTOR, in_workspace, opened
from vocservice.cli.listing import print_all
from vocservice.cli.summary import numbered


@click.group()
def field() -> None:
    """Show or hide custom fields of the records as segments of the workbench."""


@field.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_fields(as_json: bool, workspace: str | None) -> None:
    """List the custom fields of the analysed records, most frequent first, and those that are hidden."""
    from vocservice.reporting.own import most_told
    from vocservice.store.analysed import own

    with opened(workspace) as here:
        fields, counts = own.seen(here.database, here.workspace_id)
    names = most_told({**dict.fromkeys(fields.hidden, 0), **counts}, len(counts) + len(fields.hidden))
    found = [{"name": name, "records": counts.get(name, 0), "state": fields.state_of(name)} for name in names]
    lines = (f"{name}: {numbered(counts.get(name, 0), 'record')}, {fields.state_of(name)}" for name in names)
    print_all("fields", found, lines, as_json=as_json)


@field.command()
@click.argument("name")
@in_workspace
def hide(name: str, workspace: str | None) -> None:
    """Hide a field from filters, comparisons, drivers and exports of the workbench; the records keep it."""
    _set_hidden(name, workspace, True)


@field.command()
@click.argument("name")
@in_workspace
def show(name: str, workspace: str | None) -> None:
    """Show a hidden field again."""
    _set_hidden(name, workspace, False)


def _set_hidden(name: str, workspace: str | None, is_hidden: bool) -> None:
    from vocservice.store.analysed import own

    with opened(workspace) as here:
        own.set_hidden(here.database, here.workspace_id, name, is_hidden, actor=ACTOR)
