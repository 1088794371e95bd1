"""What people decided on the review desk in, lines to train on out: `voc export-annotations -o FILE`, redacted texts only."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import click

from vocservice.cli.holding import in_workspace, opened
from vocservice.tables.formats import STANDARD_STREAM
from vocservice.tables.partial import Partial, unwritable

if TYPE_CHECKING:
    from vocservice.store.annotations import Example

Json = dict[str, Any]
ACTOR = "command line"
KINDS = ("jsonl", "label-studio", "argilla")
MULTI, SINGLE = ("stages", "factors", "flags", "reasons"), ("sentiment", "scope", "outcome")


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
    partial = Partial(Path(output))
    partial.claim()
    try:
        with partial.partial.open("wb") as stream:
            yield stream
        partial.finish()
    except OSError as error:
        raise unwritable(partial.name, error) from None
    except BaseException:
        partial.discard()
        raise


def as_table(example: "Example") -> Json:
    """A row of a labelled table, as `voc train --data` reads it: several labels in one cell, joined by `|`."""
    return {**_head(example), **{name: "|".join(_keys(example, name)) for name in (*MULTI, *SINGLE)}, **_tail(example)}


def as_label_studio(example: "Example") -> Json:
    """A task of Label Studio with its annotation, and the model's labels as a prediction."""
    note = example.annotation
    done = {"completed_by": note.user_id, "created_at": note.created_at.isoformat(), "result": _choices(example, _keys)}
    guess = {"model_version": note.bundle, "result": _choices(example, _model_keys)}
    return {"data": {**_head(example), **_tail(example)}, "annotations": [done], "predictions": [guess]}


def as_argilla(example: "Example") -> Json:
    """A record of Argilla with its responses, and the model's labels as suggestions."""
    user = str(uuid5(NAMESPACE_URL, example.annotation.user_id or "unknown"))
    head = _head(example)
    return {
        "id": head["id"],
        "fields": {"text": head["text"]},
        "metadata": {**_tail(example), "channel": head["channel"]},
        "responses": {name: [{"value": value, "user_id": user}] for name, value in _values(example, _keys).items()},
        "suggestions": {
            name: {"value": value, "agent": example.annotation.bundle} for name, value in _values(example, _model_keys).items()
        },
    }


SHAPES: Mapping[str, Callable[["Example"], Json]] = {"jsonl": as_table, "label-studio": as_label_studio, "argilla": as_argilla}


def _head(example: "Example") -> Json:
    result = example.result
    head: Json = {"id": example.annotation.record_id, "text": result["text"], "channel": example.channel}
    if turns := result.get("turns"):
        head["turns"] = [{"speaker": turn["speaker"], "text": turn["text"]} for turn in turns]
    return head


def _tail(example: "Example") -> Json:
    note = example.annotation
    return {"decision": note.decision, "model": note.bundle, "annotator": note.user_id, "annotated_at": note.created_at.isoformat()}


def _keys(example: "Example", name: str) -> list[str]:
    """The labels of one set that the person holds true; a factor carries its polarity."""
    return _flat(example.annotation.labels, name)


def _model_keys(example: "Example", name: str) -> list[str]:
    from vocservice.store.annotations import given_labels

    return _flat(given_labels(example.result), name)


def _flat(labels: Json, name: str) -> list[str]:
    value = labels.get(name)
    if name == "factors":
        return [f"{factor['key']}{factor['polarity']}" for factor in value or ()]
    if name in SINGLE:
        return [] if value is None else [str(value)]
    return list(value or ())


def _values(example: "Example", keys: Callable[["Example", str], list[str]]) -> dict[str, Any]:
    multi = {name: keys(example, name) for name in MULTI}
    single = {name: found[0] for name in SINGLE if (found := keys(example, name))}
    return {**multi, **single}


def _choices(example: "Example", keys: Callable[["Example", str], list[str]]) -> list[Json]:
    return [
        {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": found}}
        for name in (*MULTI, *SINGLE)
        if (found := keys(example, name))
    ]
