"""Small builders shared by the tests: analyses, a fake pipeline, the real pipeline over a fake engine, files and tables."""

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vocservice.api import Analyser
from vocservice.inference.annotate import Given, MultiResult, OrdinalResult, SingleResult
from vocservice.inference.engine import Scored
from vocservice.pace import pace_of, said_in
from vocservice.paths import config_path, models_path
from vocservice.pipeline import Pipeline
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
    Segment,
    Sentiment,
    TurnAnalysis,
    TurnLabels,
    Verbatim,
    Withheld,
)
from vocservice.taxonomy import Taxonomy, load_taxonomy
from vocservice.text.redact import RedactionRules

CANARY = "zanzibar-canary"
MODEL = "fake-1"
TEXT = "The app crashed twice. Support was lovely and fixed it."


@cache
def taxonomy() -> Taxonomy:
    """The built-in one, read once."""
    return load_taxonomy()


def saved(folder: Path, name: str, content: str | bytes) -> Path:
    """A file in `folder` with just this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv_rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def json_lines(raw: bytes | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.splitlines() if line.strip()]


def piece(text: str, part: str, turn: int | None = None) -> Evidence:
    """Evidence for a part of a text."""
    at = text.index(part)
    return Evidence(at, at + len(part), turn, part)


def analysis(text: str = TEXT, **changes: Any) -> Analysis:
    """An analysis with labels of every kind; evidence of the words "crashed" and "lovely" where they stand."""
    crashed = (piece(text, "crashed"),) if "crashed" in text else ()
    lovely = (piece(text, "lovely"),) if "lovely" in text else ()
    made = Analysis(
        id="a-1",
        text=text,
        stages=(Label("use", 0.9, crashed), Label("cultivation", 0.6, lovely)),
        factors=(Factor("technology", "-", 0.8, crashed), Factor("courtesy", "+", 0.7, lovely)),
        sentiment=Sentiment(-1, -0.4, {"-2": 0.1, "-1": 0.5, "0": 0.2, "1": 0.1, "2": 0.1}),
        scope=Scope("experience_issue", 0.55, "head:scope", crashed),
        flags=(Label("churn_risk", 0.5),),
        language="en",
        redactions=(),
        abstained=(Withheld("stages.advocacy", 0.3),),
        model=MODEL,
        taxonomy="voc/1.0.0",
    )
    return replace(made, **changes)


def conversation(*texts: tuple[str, str], at: Sequence[str | None] = ()) -> Conversation:
    """A conversation by speaker and text; of before there was a pace, unless it is told `at` which time, if known, each turn was said."""
    times = at or [None] * len(texts)
    turns = tuple(
        TurnAnalysis("customer", text, Sentiment(-1, -0.5), time, TurnLabels(factors=(Factor("responsiveness", "-", 0.7),)))
        if speaker == "customer"
        else TurnAnalysis(speaker, text, None, time, conduct=("repeats", "asks") if at and speaker == "agent" else None)  # type: ignore[arg-type]
        for (speaker, text), time in zip(texts, times, strict=True)
    )
    pace = pace_of(said_in(turns)) if at else None
    last = len(turns) - 1
    outcome = Label("resolved", 0.9, (Evidence(0, len(turns[last].text), last, turns[last].text),))
    return Conversation(turns, outcome, Sentiment(-1, -0.5), Sentiment(1, 0.5), True, 0.8, (Label("repeat_contact", 0.7),), pace=pace)


class FakePipeline:
    """Gives every record the same labels; a text with "poison" is rejected."""

    def __init__(self) -> None:
        self.seen: deque[RawVerbatim | Rejected] = deque(maxlen=100)

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        for record in records:
            self.seen.append(record)
            yield record if isinstance(record, Rejected) else self._result(record)

    def _result(self, record: RawVerbatim) -> Result:
        text = record.text if record.text is not None else "\n".join(turn.text for turn in record.turns)
        if "poison" in text:
            return Rejected(record.id, "analysis_failed", "the model failed on this record", record.row)
        said, times = [(turn.speaker, turn.text) for turn in record.turns], [turn.at for turn in record.turns]
        held = conversation(*said, at=times) if said else None
        return analysis(text, id=record.id, row=record.row, conversation=held, warnings=record.warnings)


class FakeEngine:
    """Scores without a model: every verbatim is `use`, technology -, sentiment -1; the first segment is the evidence."""

    bundle = SimpleNamespace(id=MODEL, taxonomy=taxonomy(), conversation=None)

    def score(self, verbatims: Sequence[Verbatim], segments: Sequence[Sequence[Segment]], **_: object) -> list[Scored]:
        return [self._scored(tuple(parts)) for _, parts in zip(verbatims, segments, strict=True)]

    def _scored(self, segments: tuple[Segment, ...]) -> Scored:
        stages = MultiResult((Given("use", 0.9, None, (0,)),), (("advocacy", 0.3),), {"use": 0.9})
        factors = MultiResult((Given("technology", 0.8, "-", (0,)),), (), {"technology": 0.8})
        scope = SingleResult(Given("experience_issue", 0.7, None, (0,)), "experience_issue", {"experience_issue": 0.7})
        mood = OrdinalResult("-1", -0.5, {"-2": 0.1, "-1": 0.6, "0": 0.1, "1": 0.1, "2": 0.1})
        return Scored({"stages": stages, "factors": factors, "scope": scope, "sentiment": mood}, {}, segments)


def fake_analyser() -> Analyser:
    """An analyser over the fake pipeline."""
    return Analyser(FakePipeline(), MODEL, taxonomy())


def steps_analyser() -> Analyser:
    """An analyser over the real steps and the fake engine."""
    pipeline = Pipeline(FakeEngine(), redaction=RedactionRules.load(config_path("redaction.toml")))  # type: ignore[arg-type]
    return Analyser(pipeline, MODEL, taxonomy())


def has_current_bundle() -> bool:
    return models_path("current").exists()
