"""Figures of two bundles in, their headline figures side by side out: is one within a point of the other?

This decides which bundle is shipped: the one without non-commercial corpora if it is within one point on every figure.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training.report import MACRO, SENTIMENT_TARGETS, TARGETS, TEXT_SETS, Figures, dig
from vocservice.errors import InputError

POINT = 0.01
_OF_TEXTS = {name: path for name, path, _ in TARGETS} | MACRO
HEADLINES: dict[str, tuple[str, ...]] = {
    **{f"{name}, {data}": (data, *path) for data in TEXT_SETS for name, path in _OF_TEXTS.items()},
    **{f"evidence: {name.replace('_', ' ')}": ("evidence", name) for name in ("touched", "character_precision", "character_recall")},
    **{f"public sentiment: {name}": ("sentiment_sets", name) for name in SENTIMENT_TARGETS},
    "conversations: needs_review F1": ("transcripts", "needs_review", "f1"),
    "conversations: needs_review average precision": ("transcripts", "needs_review", "average_precision"),
    "conversations: outcome macro-F1": ("transcripts", "outcome", "macro_f1"),
    "conversations: sentiment at the start, kappa": ("transcripts", "sentiment_start"),
    "conversations: sentiment at the end, kappa": ("transcripts", "sentiment_end"),
}


def side_by_side(metrics: Figures, other: Path) -> Figures:
    """Compare this bundle's figures with those in another's metrics.json: {"other", "rows", "behind", "unknown"}.

    `behind`: figures on which this one is more than a point lower. `unknown`: figures missing in one of the two.

    Raises:
        InputError: the folder holds no figures.
    """
    theirs = _read(other)
    rows = [{"figure": name, "this": _value(metrics, path), "other": _value(theirs, path)} for name, path in HEADLINES.items()]
    known = [row for row in rows if None not in row.values()]
    return {
        "other": other.resolve().name,
        "rows": rows,
        "behind": [row["figure"] for row in known if round(row["other"] - row["this"], 6) > POINT],
        "unknown": [row["figure"] for row in rows if row not in known],
    }


def _read(folder: Path) -> Figures:
    try:
        found: Figures = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        raise InputError(f"{folder.name} holds no figures: voc evaluate --bundle {folder.name} --report FILE") from None


def _value(metrics: Figures, path: Iterable[str]) -> float | None:
    figure: Any = dig(metrics, path)
    return figure["value"] if isinstance(figure, dict) else None
