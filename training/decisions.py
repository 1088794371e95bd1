"""A row that the review desk exported in, what training knows of it beside its labels out: its weight, evidence, and what is unknown.

A person who confirms an analysis says nothing of the labels that the model withheld: those are unknown, not absent. A label that
a person added has no evidence: its place in the text is unknown. The desk shows the best places alone: whether there are others is unknown.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from training.examples import Labels, Span, Target
from vocservice.errors import InputError

Row = Mapping[str, Any]


def weight_of(row: Row, weights: Mapping[str, float]) -> float:
    """By the decision that a row is; one where it is none."""
    return weights.get(str(row.get("decision")), 1.0)


def completed(target: Target, name: str, row: Row, record_id: str) -> Target:
    """What is known of a label set, with the evidence of its labels and without calling absent what was only withheld.

    Raises:
        InputError: the evidence of the row is no list of places, or what was withheld no list of labels.
    """
    if not isinstance(target, Labels):
        return target
    withheld = _of(row, "withheld", name) or []
    if not isinstance(withheld, list) or not all(isinstance(key, str) for key in withheld):
        raise InputError(f"record {record_id}: what was withheld of {name} is no list of labels")
    evidence = _of(row, "evidence", name) or {}
    try:
        spans = {key: tuple(map(_span, places)) for key, places in evidence.items() if key in target.given}
    except (AttributeError, TypeError, ValueError):
        raise InputError(f"record {record_id}: the evidence of {name} is no list of [turn, start, end]") from None
    return replace(target, unknown=frozenset(withheld) - target.given.keys(), evidence=spans, is_all_evidence=not spans)


def _of(row: Row, part: str, name: str) -> Any:
    """A part of a row that the desk wrote; a column of that name in anybody's table is something else."""
    held = row.get(part)
    return held.get(name) if isinstance(held, Mapping) else None


def _span(place: Any) -> Span:
    turn, start, end = place
    return (int(start), int(end), int(turn or 0))
