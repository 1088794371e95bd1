"""Two frames in, the figures whose change is split out: fixed ones first, then those that clearly changed."""

from collections.abc import Iterator, Mapping

import numpy as np

from vocservice.reporting.frame import NEGATIVE, Bools, Frame
from vocservice.reporting.journey import corrected, gap
from vocservice.reporting.measures import BOTH, SENTIMENT, Figure, scores_of, sentiment
from vocservice.reporting.voices import counted

MOST_MOVED = 12


def followed(before: Frame, after: Frame) -> Mapping[str, Figure]:
    """The figures to split by name: fixed ones, then significantly changed negative shares of stages and factors, and flags."""
    others = dict(_others(before))
    counts = [counted(frame, {name: figure(frame) for name, figure in others.items()}) for frame in (before, after)]
    gaps = corrected([gap(name, counts[0][name], counts[1][name]) for name in others])
    moved = sorted((one for one in gaps if one.verdict in ("up", "down")), key=lambda one: -abs(one.difference.value or 0.0))
    scores = {name: figure for name, figure, _ in scores_of(before)}
    return {**_FIRST, **scores, **{one.figure: others[one.figure] for one in moved[:MOST_MOVED]}}


def _others(frame: Frame) -> Iterator[tuple[str, Figure]]:
    yield from ((f"stage {key}-", _negative_at(at)) for at, key in enumerate(frame.stage_keys))
    yield from ((f"{key}-", _blamed(at)) for at, key in enumerate(frame.factor_keys))
    yield from ((f"flag {key}", _flagged(at)) for at, key in enumerate(frame.flag_keys))


def _negative_at(stage: int) -> Figure:
    return lambda frame: (frame.level < 0, frame.stages[:, stage] & ~np.isnan(frame.level))


def _blamed(factor: int) -> Figure:
    return lambda frame: (frame.factors[:, factor] == NEGATIVE, _every(frame))


def _flagged(flag: int) -> Figure:
    return lambda frame: (frame.flags[:, flag], _every(frame))


def _every(frame: Frame) -> Bools:
    return np.ones(len(frame), dtype=bool)


_FIRST: Mapping[str, Figure] = {
    SENTIMENT: sentiment,
    "share of negative sentiment": lambda frame: (frame.level < 0, ~np.isnan(frame.level)),
    "share of service complaints": lambda frame: (frame.is_service, frame.has_scope),
    "share of experience issues": lambda frame: (frame.is_experience, frame.has_scope),
    f"share of {BOTH}": lambda frame: (frame.scope.is_name("both"), frame.has_scope),
}
