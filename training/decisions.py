"""A row exported by the review desk in, its weight, evidence and unknown labels for training out.

Confirming an analysis says nothing about labels that the model withheld: those are unknown, not absent. A label added by
a person has no evidence: its position in the text is unknown. The desk shows only the best evidence: further evidence is unknown.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from training.examples import Labels, Span, Target
from vocservice.errors import InputError

Row = Mapping[str, Any]


def weight_of(row: Row, weights: Mapping[str, float]) -> float:
    """Weight by the decision of a row; 1 without one."""
    return weights.get(str(row.get("decision")), 1.0)


def completed(target: Target, name: str, row: Row, record_id: str) -> Target:
    """The known labels of a set, with evidence; withheld labels are not called absent.

    Raises:
        InputError: the evidence is not a list of positions, or the withheld labels are not a list of labels.
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
    """A field written by the desk; a column of that name in another table is ignored."""
    held = row.get(part)
    return held.get(name) if isinstance(held, Mapping) else None


def _span(place: Any) -> Span:
    turn, start, end = place
    return (int(start), int(end), int(turn or 0))
