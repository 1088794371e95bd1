"""A table row with `voc_` columns from `voc classify` in, the analysis object of the contract out."""

import json
from collections.abc import Mapping
from typing import Any

SEPARATOR = "|"
TEXT_COLUMN = "voc_text"
_MARKS = ("voc_scope", "voc_factors", "voc_stages")
_EXPLODED_MARKS = ("voc_label", "voc_probability", "voc_evidence_text")


def is_labelled(columns: tuple[str, ...]) -> bool:
    """Whether a table is the output of `voc classify`."""
    return all(name in columns for name in _MARKS)


def is_exploded(columns: tuple[str, ...]) -> bool:
    """Whether it is output of `voc classify --explode`: one row per label, so that records cannot be counted."""
    return all(name in columns for name in _EXPLODED_MARKS) and not is_labelled(columns)


def object_of(row: Mapping[str, Any], *, record_id: str) -> dict[str, Any]:
    """The analysis of one row; unreadable cells are passed on to the later check."""
    if _status(row) != "ok":
        return {"id": record_id, "status": "rejected", "error": {"code": _cell(row, "voc_error_code")}}
    evidence, probabilities = _json(row, "voc_evidence"), _json(row, "voc_probabilities")
    return {
        "id": record_id,
        "status": "ok",
        "text": _cell(row, TEXT_COLUMN) or "",
        "stages": [_label(key, "stages", evidence, probabilities) for key in _keys(row, "voc_stages")],
        "factors": [_factor(key, evidence, probabilities) for key in _keys(row, "voc_factors")],
        "sentiment": _sentiment(row),
        "scope": {"key": scope} if (scope := _cell(row, "voc_scope")) else None,
        "flags": [_label(key, "flags", evidence, probabilities) for key in _keys(row, "voc_flags")],
        "outcome": {"key": outcome} if (outcome := _cell(row, "voc_outcome")) else None,
        "model": _cell(row, "voc_model"),
        "taxonomy": _cell(row, "voc_taxonomy"),
    }


def _status(row: Mapping[str, Any]) -> object:
    return _cell(row, "voc_status") or _cell(row, "status")


def _cell(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    return value.strip() or None if isinstance(value, str) else value


def _keys(row: Mapping[str, Any], name: str) -> list[str]:
    cell = _cell(row, name)
    return [key for key in cell.split(SEPARATOR) if key] if isinstance(cell, str) else []


def _json(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Evidence or probabilities by set; empty without the column, None values if it is damaged."""
    cell = row.get(name)
    try:
        found = json.loads(cell) if isinstance(cell, str) and cell else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _label(key: str, name: str, evidence: Mapping[str, Any], probabilities: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": key, "probability": _of(probabilities, name, key), "evidence": _of(evidence, name, key)}


def _factor(key: str, evidence: Mapping[str, Any], probabilities: Mapping[str, Any]) -> dict[str, Any]:
    return _label(key, "factors", evidence, probabilities) | {"key": key[:-1], "polarity": key[-1:]}


def _of(sets: Mapping[str, Any], name: str, key: str) -> Any:
    found = sets.get(name)
    return found.get(key) if isinstance(found, dict) else None


def _sentiment(row: Mapping[str, Any]) -> dict[str, Any] | None:
    level, score = _number(row, "voc_sentiment"), _number(row, "voc_sentiment_score")
    return None if level is None else {"level": int(level) if level == int(level) else level, "score": score}


def _number(row: Mapping[str, Any], name: str) -> float | None:
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
