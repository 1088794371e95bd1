"""A frame in, the figures followed over time out: per row its value, and whether it has one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vocservice.reporting.frame import NEGATIVE, Bools, Floats, Frame
from vocservice.reporting.scores import Scale, nps_of

Kind = Literal["count", "share", "balance", "mean"]
"""Number of records; share of records; mean of +1 and -1; mean on a scale."""
Figure = Callable[[Frame], tuple[npt.NDArray[Any], Bools]]
"""Per row its value, and whether it has one."""

BOTH = "both at once"
NET, SENTIMENT, NPS = "net sentiment", "mean sentiment", "NPS, \u22121 to +1"
_MEAN = "mean "
_SIGNED = (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """A followed figure.

    Attributes:
        values, among: (n,) value of each row, and whether it has one.
        bounds: the ends of its scale.
    """

    kind: Kind
    values: npt.NDArray[Any]
    among: Bools
    bounds: tuple[float, float] = (0.0, 1.0)


def figures_of(frame: Frame) -> Mapping[str, tuple[Bools, Bools]]:
    """The followed shares: name to hits and base records."""
    everything, scoped, told = np.ones(len(frame), dtype=bool), frame.has_scope, ~np.isnan(frame.level)
    figures = {"negative sentiment": (frame.level < 0, told), "service complaints": (frame.is_service, scoped)}
    figures |= {"experience issues": (frame.is_experience, scoped), BOTH: (frame.scope.is_name("both"), scoped)}
    figures |= {f"{key}-": (frame.factors[:, at] == NEGATIVE, everything) for at, key in enumerate(frame.factor_keys)}
    return figures | {f"flag {key}": (frame.flags[:, at], everything) for at, key in enumerate(frame.flag_keys)}


def measures_of(frame: Frame) -> Iterator[tuple[str, Measure]]:
    """Every followed figure except the number of records: sentiment, each kind of score, then the shares."""
    told = ~np.isnan(frame.level)
    yield NET, Measure("balance", np.sign(np.nan_to_num(frame.level)), told, _SIGNED)
    yield SENTIMENT, Measure("mean", *sentiment(frame), _SIGNED)
    for name, figure, bounds in scores_of(frame):
        values, among = figure(frame)
        if among.any():
            yield name, Measure("balance" if name == NPS else "mean", values, among, bounds)
    yield from ((name, Measure("share", hits, among)) for name, (hits, among) in figures_of(frame).items())


def scores_of(frame: Frame) -> Iterator[tuple[str, Figure, tuple[float, float]]]:
    """Scores by customers with their bounds: NPS, and the mean of every other kind of score in its own unit."""
    if any(scale.kind == "nps" for scale in frame.scales):
        yield NPS, _nps, _SIGNED
    for scale in frame.scales:
        if scale.kind != "nps":
            yield f"{_MEAN}{scale.name}", _on(scale), (scale.low, scale.high)


def sentiment(frame: Frame) -> tuple[Floats, Bools]:
    """The sentiment score of each row."""
    return frame.sentiment, ~np.isnan(frame.sentiment)


def is_own(figure: str) -> bool:
    """Whether a followed figure is based on customers' scores, independent of the model."""
    return figure == NPS or (figure.startswith(_MEAN) and figure != SENTIMENT)


def is_share(figure: str) -> bool:
    """Whether a followed figure is a share of records, not a mean or balance."""
    return figure not in (NET, SENTIMENT) and not is_own(figure)


def scale_in(figure: str) -> str:
    """The scale name of a mean score; blank for any other figure."""
    return figure.removeprefix(_MEAN) if is_own(figure) and figure != NPS else ""


def _on(scale: Scale) -> Figure:
    def values(frame: Frame) -> tuple[Floats, Bools]:
        among = np.array([*(one == scale for one in frame.scales), False])[frame.scale.codes] & ~np.isnan(frame.score)
        return scale.low + frame.score * (scale.high - scale.low), among

    return values


def _nps(frame: Frame) -> tuple[Floats, Bools]:
    is_nps = np.array([*(scale.kind == "nps" for scale in frame.scales), False])[frame.scale.codes]
    return nps_of(frame.score), is_nps & ~np.isnan(frame.score)
