"""Results of a command in, one line each or one JSON object on standard output out."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click


def print_all(name: str, rows: Iterable[Mapping[str, Any]], lines: Iterable[str], *, as_json: bool) -> None:
    """Print all results: under a name as JSON, or as lines for people."""
    for line in (json.dumps({name: list(rows)}),) if as_json else lines:
        click.echo(line)
