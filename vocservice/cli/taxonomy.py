"""A taxonomy file in, its labels as a table or JSON, or the result of its check, out: `voc taxonomy`."""

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from vocservice.cli.screen import Screen
from vocservice.taxonomy import LabelSet, Taxonomy, load_taxonomy, taxonomy_json


@click.command()
@click.option("--check", "checked", type=click.Path(path_type=Path), metavar="FILE", help="Validate FILE and report its errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the taxonomy as JSON.")
def taxonomy(checked: Path | None, as_json: bool) -> None:
    """Show the labels, or check a taxonomy file.

    Lists every label with its definition, the team that acts on it, and the metrics it moves.

    Exit codes: 0 success or valid, 2 the file is missing or invalid.
    """
    loaded = load_taxonomy(checked)
    if as_json:
        click.echo(taxonomy_json(loaded).decode())
    elif checked is not None:
        click.echo(_verdict(checked, loaded))
    else:
        _print(loaded)


def _verdict(path: Path, found: Taxonomy) -> str:
    sets = ", ".join(f"{label_set.name} ({len(label_set.labels)})" for label_set in found.sets)
    return f"{path.name}: ok, {found.id}: {sets}"


def _print(found: Taxonomy) -> None:
    console = Screen()
    console.print(Text(found.id, style="bold"))
    for label_set in found.sets:
        console.print(_table(label_set))


def _table(label_set: LabelSet) -> Table:
    kind = f"{label_set.kind}, of a {label_set.of}" + (f", polarity {' '.join(label_set.polarities)}" if label_set.polarities else "")
    table = Table(title=Text(f"{label_set.name} ({kind})"), title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("key", no_wrap=True)
    for name in ("definition", "owner", "metrics"):
        table.add_column(name, overflow="fold")
    for label in label_set.labels:
        table.add_row(*map(Text, (label.key, label.definition, label.owner or "", ", ".join(label.metrics))))
    return table
