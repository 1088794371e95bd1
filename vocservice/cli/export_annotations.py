"""What people decided on the review desk in, lines to train on out: `voc export-annotations -o FILE`, redacted texts only."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from vocservice.cli.holding import in_workspace, opened
from vocservice.tables.formats import STANDARD_STREAM
from vocservice.tables.partial import Partial

Json = dict[str, Any]
ACTOR = "command line"
KINDS = ("jsonl", "label-studio", "argilla")


@click.command(name="export-annotations")
@click.option("-o", "--output", required=True, metavar="FILE", help="JSON Lines to write; - is standard output.")
@click.option("--format", "kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="For whom.")
@in_workspace
def export_annotations(output: str, kind: str, workspace: str | None) -> None:
    """Write the decisions of the review desk, one record a line.

    Of each record the last decision that stands, with the redacted text and the labels that the person holds true. Notes stay here.
    """
    from vocservice.store import annotations, audit
    from vocservice.store.audit import Act
    from vocservice.store.exchange import SHAPES

    shape = SHAPES[kind]
    with opened(workspace) as here, _opened(output) as stream:
        with here.database.read() as connection:
            count = sum(_write(stream, shape(example)) for example in annotations.examples(connection, here.workspace_id))
        with here.database.write() as connection:
            act = Act(ACTOR, "annotations.export", here.workspace_id, {"format": kind, "records": count})
            audit.write(connection, here.workspace_id, act)
    click.echo(f"{count} records", err=True)


def _write(stream: IO[bytes], value: Json) -> int:
    """One line; returns 1, to be counted."""
    stream.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return 1


@contextmanager
def _opened(output: str) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    if output == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Partial(Path(output)).written() as path, path.open("wb") as stream:
        yield stream
