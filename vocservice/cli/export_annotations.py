"""Decisions of the review desk in, training lines out: `voc export-annotations -o FILE`; redacted texts only."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from vocservice.cli.holding import ACTOR, in_workspace, opened
from vocservice.errors import InputError
from vocservice.tables.formats import STANDARD_STREAM
from vocservice.tables.partial import Partial

Json = dict[str, Any]
KINDS = ("jsonl", "label-studio", "argilla")


@click.command(name="export-annotations")
@click.option("-o", "--output", required=True, metavar="FILE", help="Output file; - is standard output.")
@click.option("--format", "kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="Tool that will read it.")
@click.option("--config", metavar="FILE", help="Also write the labelling interface of the tool: XML for Label Studio, JSON for Argilla.")
@in_workspace
def export_annotations(output: str, kind: str, config: str | None, workspace: str | None) -> None:
    """Export the decisions of the review desk, one record per line, or as one list for other tools.

    For each record the latest valid decision, with the redacted text and the labels that the person chose. Notes are left out.
    """
    if config:
        _set_up(config, kind)
    from vocservice.store import audit
    from vocservice.store.audit import Act
    from vocservice.store.review import annotations
    from vocservice.store.review.exchange import SHAPES

    shape = SHAPES[kind]
    with opened(workspace) as here, _opened(output) as stream:
        with here.database.read() as connection:
            count = _write(
                stream, (shape(example) for example in annotations.examples(connection, here.workspace_id)), is_list=kind != KINDS[0]
            )
        with here.database.write() as connection:
            act = Act(ACTOR, "annotations.export", here.workspace_id, {"format": kind, "records": count})
            audit.write(connection, here.workspace_id, act)
    click.echo(f"{count} records", err=True)


def _set_up(config: str, kind: str) -> None:
    """Write the labelling interface of another tool.

    Raises:
        InputError: JSON Lines have no such interface.
        OutputError: it cannot be written.
    """
    from vocservice.settings import load_settings
    from vocservice.store.review.labelling import CONFIGS
    from vocservice.taxonomy import load_taxonomy

    if kind not in CONFIGS:
        raise InputError(f"--config goes with --format {' or '.join(CONFIGS)}")
    settings = load_settings()
    with _opened(config) as stream:
        stream.write(CONFIGS[kind](load_taxonomy(Path(settings.taxonomy) if settings.taxonomy else None)))


def _write(stream: IO[bytes], values: Iterable[Json], *, is_list: bool) -> int:
    """Write one value per line, or one list if the tool needs that; returns the count."""
    count = 0
    for count, value in enumerate(values, 1):
        stream.write((b"[\n" if count == 1 else b",\n") if is_list else b"")
        stream.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + (b"" if is_list else b"\n"))
    if is_list:
        stream.write(b"\n]\n" if count else b"[]\n")
    return count


@contextmanager
def _opened(output: str) -> Iterator[IO[bytes]]:
    """Standard output, or a file that is written atomically.

    Raises:
        OutputError: it cannot be written.
    """
    if output == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Partial(Path(output)).written() as path, path.open("wb") as stream:
        yield stream
