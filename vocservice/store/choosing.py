"""The columns of a workspace and a selection in, a mask of its rows out: the one place that says which records a filter means."""

from collections.abc import Sequence

import numpy as np

from vocservice.reporting.columns import Columns
from vocservice.reporting.frame import NONE, Bools, Ints
from vocservice.reporting.packing import Context
from vocservice.reporting.rows import POLARITIES
from vocservice.store.reading import NO_STAGE, Line, Place, Selection


def chosen(columns: Columns, selection: Selection) -> Bools:
    """The rows of a selection, whatever its words; a label that the taxonomy does not have was given to none."""
    mask = np.ones(len(columns), dtype=bool)
    if any(value is not None for value in (selection.channel, selection.source, selection.score_kind)):
        mask &= columns.where(lambda context: _shares(context, selection))
    day = columns.fields["day"]
    if selection.since is not None:
        mask &= day >= selection.since.toordinal()
    if selection.until is not None:
        mask &= day <= selection.until.toordinal()
    for part in _labels(columns, selection):
        mask &= part
    return mask


def lines(columns: Columns, mask: Bools, *, after: Line | None = None, limit: int) -> list[Line]:
    """The rows of a mask, the last received first; those that were received before a line only, and so many at most."""
    end = _before(columns, after) if after else len(columns)
    at = np.flatnonzero(mask[:end])[::-1][:limit]
    return list(zip(columns.fields["order"][at].tolist(), ids_of(columns, at), strict=True))


def ids_of(columns: Columns, at: Ints) -> list[str]:
    """The ids of some rows."""
    return [found.decode() for found in columns.ids[at].tolist()]


def channels(columns: Columns) -> tuple[str, ...]:
    """The channels by name."""
    used = np.bincount(columns.context, minlength=len(columns.contexts)).tolist()
    found = {context.channel for context, count in zip(columns.contexts, used, strict=True) if count}
    return tuple(sorted(name for name in found if name is not None))


def _before(columns: Columns, line: Line) -> int:
    """How many rows stand before a place in the order of receipt."""
    order = columns.fields["order"]
    first, last = np.searchsorted(order, line[0], "left"), np.searchsorted(order, line[0], "right")
    return int(first + np.searchsorted(columns.ids[first:last], line[1].encode(), "left"))


def _shares(context: Context, selection: Selection) -> bool:
    wanted = ((selection.channel, context.channel), (selection.source, context.source), (selection.score_kind, context.score_kind))
    return all(asked is None or asked == held for asked, held in wanted)


def _labels(columns: Columns, selection: Selection) -> list[Bools]:
    labels, found = columns.labels, []
    if selection.scope is not None:
        found.append(columns.scope == _at(labels.scopes, selection.scope, missing=len(labels.scopes)))
    if selection.stage == NO_STAGE:
        found.append(~columns.stages.any(axis=0))
    elif selection.stage is not None:
        found.append(_given(columns.stages, labels.stages, selection.stage))
    if selection.flag is not None:
        found.append(_given(columns.flags, labels.flags, selection.flag))
    if selection.factor is not None or selection.polarity is not None:
        found.append(_blamed(columns, selection.factor, selection.polarity))
    return found + [_standing(columns, place) for place in selection.places]


def _given(matrix: Bools, keys: tuple[str, ...], key: str) -> Bools:
    return matrix[keys.index(key)] if key in keys else np.zeros(matrix.shape[1], dtype=bool)


def _blamed(columns: Columns, factor: str | None, polarity: str | None) -> Bools:
    """Rows with a factor of a polarity; of any, where one of them is not named."""
    keys = columns.labels.factors
    rows = columns.factors if factor is None else columns.factors[[keys.index(factor)] if factor in keys else []]
    found = rows != NONE if polarity is None else rows == POLARITIES.index(polarity)
    return np.asarray(found.any(axis=0))


def _standing(columns: Columns, place: Place) -> Bools:
    """Rows that count in a cell of the journey map."""
    places, labels = columns.places, columns.labels
    stage = NONE if place.stage == NO_STAGE else _at(labels.stages, place.stage, missing=len(labels.stages))
    here = (places.factor == _at(labels.factors, place.factor, missing=len(labels.factors))) & (places.stage == stage)
    mask = np.zeros(len(columns), dtype=bool)
    mask[places.row[here]] = True
    return mask


def _at(keys: Sequence[str], key: str, *, missing: int) -> int:
    return keys.index(key) if key in keys else missing
