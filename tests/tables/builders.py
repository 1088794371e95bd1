"""Small builders for the tests of the file layer: files with given bytes, analyses of raw verbatims, tables read back."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vocservice.records import (
    Analysis,
    Conversation,
    Evidence,
    Factor,
    Label,
    RawVerbatim,
    Rejected,
    Result,
    Scope,
    Sentiment,
    TurnAnalysis,
    Withheld,
)
from vocservice.tables import open_writer, read
from vocservice.tables.source import Record

CANARY = "zanzibar-canary"


def saved(folder: Path, name: str, content: str | bytes) -> str:
    """A file in `folder` with just this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def records(path: str, **options: Any) -> list[Record]:
    with read(path, **options) as source:
        return list(source)


def texts(path: str, **options: Any) -> list[str | None]:
    return [record.text for record in records(path, **options) if isinstance(record, RawVerbatim)]


def ids(path: str, **options: Any) -> list[str | None]:
    return [record.id for record in records(path, **options)]


def codes(path: str, **options: Any) -> list[str]:
    """`ok` or the code of the rejection, record by record."""
    return [record.code if isinstance(record, Rejected) else "ok" for record in records(path, **options)]


def analysis(record: RawVerbatim, **changes: Any) -> Analysis:
    """An analysis with one label of each kind."""
    text = record.text or "".join(turn.text for turn in record.turns)
    evidence = (Evidence(0, len(text), None, text),)
    made = Analysis(
        id=record.id,
        text=text,
        stages=(Label("delivery", 0.9, evidence), Label("support", 0.6)),
        factors=(Factor("courtesy", "+", 0.8, evidence), Factor("effort", "-", 0.7)),
        sentiment=Sentiment(-2, -0.75, {"-2": 0.7, "-1": 0.3}),
        scope=Scope("both", 0.55, "scope", evidence),
        flags=(Label("churn_risk", 0.5),),
        language="en",
        redactions=(),
        abstained=(Withheld("stage:use", 0.3),),
        model="model-1",
        taxonomy="taxonomy-1",
        conversation=conversation() if record.turns else None,
        row=record.row,
    )
    return replace(made, **changes)


def conversation() -> Conversation:
    calm = Sentiment(0, 0.0)
    turns = (TurnAnalysis("customer", "a", Sentiment(-2, -0.75)), TurnAnalysis("customer", "b", calm))
    return Conversation(turns, Label("solved", 0.9), calm, Sentiment(1, 0.5), True, 0.8, (Label("long_wait", 0.7),))


def analysed(found: Iterable[Record]) -> Iterator[Result]:
    for record in found:
        yield record if isinstance(record, Rejected) else analysis(record)


def converted(source_path: str, target: Path, *, delimiter: str | None = None, excel: bool = False, **options: Any) -> Path:
    """Read a file, analyse each record, write the results."""
    with read(source_path, **options) as source, open_writer(str(target), facts=source.facts, excel=excel, delimiter=delimiter) as writer:
        for result in analysed(source):
            writer.write(result)
    return target


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
