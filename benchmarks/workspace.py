"""A number of records in, a workspace with as many analysed records out: synthetic, deterministic by seed, written in bulk.

Our own sentences are combined at random, each about one factor at one stage, so that evidence is realistic. Blame rises
and falls with the weeks, and scores follow the texts, so that figures have something to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import insert

from vocservice.store.database import Database
from vocservice.store.schema import analyses, records, workspaces

WORKSPACE = "ws_benchmark"
FIRST_DAY = datetime(2025, 1, 6, tzinfo=UTC)
DAYS = 364
BATCH = 10_000
SEED = 20261128
CHANNELS = ("review", "email", "chat", "survey", "phone")
# Sentence, stage, factor, polarity: what it is about.
SENTENCES = (
    ("The app crashed while I was paying.", "purchase", "technology", "-"),
    ("Signing in took four attempts.", "interaction", "technology", "-"),
    ("The new screens are a joy to use.", "use", "technology", "+"),
    ("The parcel came nine days late.", "purchase", "fulfilment", "-"),
    ("It was at my door the next morning.", "purchase", "fulfilment", "+"),
    ("The box held the wrong colour.", "purchase", "fulfilment", "-"),
    ("The lady on the phone was kind and patient.", "cultivation", "courtesy", "+"),
    ("The clerk rolled his eyes at my question.", "interaction", "courtesy", "-"),
    ("Nobody answered my letters for three weeks.", "cultivation", "communication", "-"),
    ("I was told at every step what would happen.", "purchase", "communication", "+"),
    ("It costs twice what it did last year.", "attraction", "price_value", "-"),
    ("For that money it is hard to beat.", "attraction", "price_value", "+"),
    ("The handle broke after a week.", "use", "product_quality", "-"),
    ("Solid work, it will last for years.", "use", "product_quality", "+"),
    ("Your adverts promise what nobody keeps.", "awareness", "brand", "-"),
    ("My sister told me about you, and rightly so.", "advocacy", "brand", "+"),
)
REASON, REASONED = "churn_risk", 20
SCOPES = ("service_complaint", "experience_issue", "both", "neither")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Random values of a batch: sentences, day, channel, customer, score and scope of each record."""

    first: Any
    second: Any
    day: Any
    second_of_day: Any
    channel: Any
    customer: Any
    score: Any
    scope: Any


def fill(database: Database, count: int, *, workspace_id: str = WORKSPACE, is_new: bool = True, start: int = 0) -> None:
    """Write a number of analysed records into a workspace.

    Args:
        database: with its tables.
        count: number of records.
        workspace_id: of the workspace.
        is_new: whether to create it.
        start: number of the first record.
    """
    if is_new:
        with database.write() as connection:
            connection.execute(insert(workspaces).values(id=workspace_id, name="benchmark", keeps_originals=False, created_at=FIRST_DAY))
    for first in range(start, start + count, BATCH):
        of_records, of_analyses = batch(workspace_id, first, min(BATCH, start + count - first))
        with database.write() as connection:
            connection.execute(insert(records), of_records)
            connection.execute(insert(analyses), of_analyses)


def batch(workspace_id: str, start: int, count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the tables of records and of analyses."""
    drawn = _draw(start, count)
    rows = [_rows(workspace_id, start + at, at, drawn) for at in range(count)]
    return [row[0] for row in rows], [row[1] for row in rows]


def _draw(start: int, count: int) -> Drawn:
    lots = np.random.default_rng([SEED, start])
    day = lots.integers(DAYS, size=count)
    blame = 0.5 + 0.15 * np.sin(2 * np.pi * day / 91)
    first, second = (_sentences(lots, blame) for _ in range(2))
    bad = np.array([sign == "-" for *_, sign in SENTENCES])
    score = np.clip(np.round(8 - 2.5 * bad[first] - 1.5 * bad[second] + lots.normal(0, 1.2, count)), 0, 10)
    return Drawn(
        first.tolist(),
        np.where(lots.random(count) < 0.6, second, -1).tolist(),
        day.tolist(),
        lots.integers(86_400, size=count).tolist(),
        lots.choice(len(CHANNELS), size=count, p=[0.4, 0.25, 0.15, 0.15, 0.05]).tolist(),
        lots.integers(max(start + count, 1) * 2 // 3 + 1, size=count).tolist(),
        np.where(lots.random(count) < 0.6, score, -1).tolist(),
        np.where(bad[first], lots.integers(3, size=count), 3).tolist(),
    )


def _sentences(lots: np.random.Generator, blame: Any) -> Any:
    """Sentence numbers with a given share of blame."""
    signs = np.array([sign == "-" for *_, sign in SENTENCES])
    bad, good = np.flatnonzero(signs), np.flatnonzero(~signs)
    weights = np.arange(len(bad), 0, -1) / np.arange(len(bad), 0, -1).sum()
    return np.where(lots.random(len(blame)) < blame, lots.choice(bad, len(blame), p=weights), lots.choice(good, len(blame)))


def id_of(number: int) -> str:
    """The id of a record by its number."""
    return f"rec_{number:09}"


def _rows(workspace_id: str, number: int, at: int, drawn: Drawn) -> tuple[dict[str, Any], dict[str, Any]]:
    record_id = id_of(number)
    moment = FIRST_DAY + timedelta(days=drawn.day[at], seconds=drawn.second_of_day[at], microseconds=number % 1_000_000)
    has_score = drawn.score[at] >= 0
    record = {
        "id": record_id,
        "workspace_id": workspace_id,
        "source_key": "api",
        "source_record": f"b{number}",
        "revision": 1,
        "status": "analysed",
        "channel": CHANNELS[drawn.channel[at]],
        "is_transcript": False,
        "subject_hash": f"{drawn.customer[at]:016x}",
        "score_kind": "nps" if has_score else None,
        "score_value": drawn.score[at] if has_score else None,
        "score_scale": 10.0 if has_score else None,
        "received_at": moment,
    }
    analysis = {
        "id": f"ana{record_id[3:]}",
        "record_id": record_id,
        "workspace_id": workspace_id,
        "revision": 1,
        "bundle": "made-1",
        "taxonomy": "voc/1.0.0",
        "is_current": True,
        "result": result(drawn.first[at], drawn.second[at], SCOPES[drawn.scope[at]]) | _called(number),
        "created_at": moment,
    }
    return record, analysis


@cache
def result(first: int, second: int, scope: str) -> dict[str, Any]:
    """An analysis of one or two sentences (-1: none), in the contract's form."""
    said = [SENTENCES[number] for number in dict.fromkeys((first, second)) if number >= 0]
    text = " ".join(sentence for sentence, *_ in said)
    pieces = [_piece(text, sentence) for sentence, *_ in said]
    stages = {stage: piece for (_, stage, _, _), piece in reversed(list(zip(said, pieces, strict=True)))}
    factors = {factor: (sign, piece) for (_, _, factor, sign), piece in reversed(list(zip(said, pieces, strict=True)))}
    level = sum(1 if sign == "+" else -1 for *_, sign in said)
    return {
        "id": "",
        "status": "ok",
        "text": text,
        "stages": [{"key": key, "probability": 0.9, "evidence": [piece]} for key, piece in reversed(stages.items())],
        "factors": [
            {"key": key, "polarity": sign, "probability": 0.85, "evidence": [piece]} for key, (sign, piece) in reversed(factors.items())
        ],
        "sentiment": {"level": level, "score": level / 2, "probabilities": {}},
        "scope": {"key": scope, "probability": 0.8, "because": "head"},
        "flags": [{"key": "churn_risk", "probability": 0.7, "evidence": pieces[:1]}] if level == -2 else [],
        "language": "en",
        "redactions": [],
        "abstained": [],
        "model": "made-1",
        "taxonomy": "voc/1.0.0",
    }


def _called(number: int) -> dict[str, Any]:
    """The reason for review of one in twenty."""
    return {"reasons": [{"key": REASON, "probability": 0.8, "evidence": []}]} if number % REASONED == 0 else {}


def _piece(text: str, sentence: str) -> dict[str, Any]:
    start = text.index(sentence)
    return {"start": start, "end": start + len(sentence), "turn": None, "text": sentence}
