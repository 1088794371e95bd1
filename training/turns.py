"""Conversations whose customer turns are annotated one by one in, figures of the labels of single turns out.

Written by us, with each turn labelled under the codebook before any model read it; not used in training.
"""

from collections.abc import Iterator
from typing import Any

from training.annotated import FOLDER
from training.conversations import Heard, hear
from training.corpora import read_rows
from training.evaluate import Judged, figures
from training.examples import Example, Labels, OneOf
from vocservice.inference.engine import Engine, Scored
from vocservice.taxonomy import Taxonomy

TURNS = FOLDER / "turns.jsonl.gz"


def turn_figures(engine: Engine, taxonomy: Taxonomy) -> dict[str, Any]:
    """Figures by label set over customer turns, and the number of conversations."""
    heard = hear(read_rows(TURNS), engine)
    return figures([judged for one in heard for judged in _judged(one)], taxonomy) | {"conversations": len(heard)}


def _judged(heard: Heard) -> Iterator[Judged]:
    for at, turn in enumerate(heard.row["turns"]):
        if turn["speaker"] == "customer":
            sets = heard.scored.turns.get(at)
            yield Judged(_example(f"{heard.row['id']}/{at}", turn), heard.verbatim, Scored(sets, {}, ()) if sets else None)


def _example(turn_id: str, turn: dict[str, Any]) -> Example:
    targets = {
        "stages": Labels(dict.fromkeys(turn["stages"])),
        "factors": Labels(dict(turn["factors"])),
        "flags": Labels(dict.fromkeys(turn["flags"])),
        "sentiment": OneOf(frozenset({str(turn["sentiment"])})),
    }
    return Example(turn_id, "turns", turn["text"], targets)
