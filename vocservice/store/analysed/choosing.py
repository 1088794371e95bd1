"""The columns of a workspace and a selection in, a mask of its rows out: the only place that defines which records a filter means."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np

from vocservice.reporting.columns import Columns
from vocservice.reporting.frame import NEGATIVE, NONE, Bools, Ints
from vocservice.reporting.mended import are_mended
from vocservice.reporting.packing import IS_CORRECTED, IS_JUDGED, NEEDS_REVIEW, NO_LEVEL, Context, key_of
from vocservice.reporting.recovery import EXPERIENCE, Mended
from vocservice.reporting.rows import POLARITIES
from vocservice.store.analysed.reading import ANY, GROUP, NO_LABEL, NO_STAGE, OWN, PLACED, WIDE_SCOPES, YES, Line, Place, Selection
from vocservice.taxonomy import LabelDefinition

_CONTEXT = ("channel", "source", "score_kind", "model", "taxonomy")
_COMPLAINTS = {key for keys in WIDE_SCOPES.values() for key in keys}


def chosen(columns: Columns, selection: Selection, *, mended: Collection[Mended] = ()) -> Bools:
    """The rows of a selection, ignoring its words; a label missing from the taxonomy matches no row.

    Args:
        columns: of a workspace.
        selection: which rows.
        mended: what its issues say was mended (`issues.mended`), if `selection.fixed` is set.
    """
    parts = (_shared, _measured, _labels, _met, _blames, _also)
    mask = all_of(columns, chain.from_iterable(make(columns, selection) for make in parts))
    return mask if selection.fixed is None else mask & _fixed(columns, selection.fixed, mended)


def lines(columns: Columns, mask: Bools, *, after: Line | None = None, limit: int) -> list[Line]:
    """The rows of a mask, last received first; only those before a given line, up to a limit."""
    end = columns.before(after[0], after[1].encode()) if after else len(columns)
    at = np.flatnonzero(mask[:end])[::-1][:limit]
    return list(zip(columns.fields["order"][at].tolist(), ids_of(columns, at), strict=True))


def ids_of(columns: Columns, at: Ints) -> list[str]:
    """The ids of some rows."""
    return [found.decode() for found in columns.ids[at].tolist()]


def told(columns: Columns, name: str) -> tuple[str, ...]:
    """The channels, models or taxonomies of the rows, by name."""
    used = np.bincount(columns.context, minlength=len(columns.contexts)).tolist()
    found = {getattr(context, name) for context, count in zip(columns.contexts, used, strict=True) if count}
    return tuple(sorted(value for value in found if value is not None))


def _shared(columns: Columns, selection: Selection) -> Iterator[Bools]:
    """Conditions on the shared context of rows."""
    asked = {name: getattr(selection, name) for name in _CONTEXT}
    wanted = {name: value for name, value in asked.items() if value is not None}
    if wanted:
        yield columns.where(lambda context: _has(context, wanted))
    for field, value in selection.own:
        yield columns.segments[field].is_name(value) if field in columns.segments else np.zeros(len(columns), dtype=bool)
    if selection.scale is not None:
        yield columns.scale.codes != NONE if selection.scale == ANY else columns.scale.is_name(selection.scale)
    if selection.customer_of is not None:
        yield _same_customer(columns, selection.customer_of)


def _has(context: Context, wanted: Mapping[str, str]) -> bool:
    return all(getattr(context, name) == value for name, value in wanted.items())


def _same_customer(columns: Columns, record_id: str) -> Bools:
    """A record without a customer is alone."""
    subject = columns.subject[0]
    at = np.flatnonzero(columns.fields["key"] == key_of(record_id))
    return np.asarray(subject == subject[at[0]]) if len(at) else np.zeros(len(columns), dtype=bool)


def _measured(columns: Columns, selection: Selection) -> Iterator[Bools]:
    """Values within a range."""
    day, level, score = (columns.fields[name] for name in ("day", "level", "score"))
    if selection.since is not None:
        yield day >= selection.since.toordinal()
    if selection.until is not None:
        yield day <= selection.until.toordinal()
    if selection.level_from is not None:
        yield (level >= selection.level_from) & (level != NO_LEVEL)
    if selection.level_to is not None:
        yield (level <= selection.level_to) & (level != NO_LEVEL)
    if selection.score_from is not None:
        yield score >= selection.score_from
    if selection.score_to is not None:
        yield score <= selection.score_to


def _labels(columns: Columns, selection: Selection) -> Iterator[Bools]:
    labels = columns.labels
    if selection.scope is not None:
        yield _single(columns.scope, labels.scopes, selection.scope)
    if selection.outcome is not None:
        yield _single(columns.outcome, labels.outcomes, selection.outcome)
    if selection.flag is not None:
        yield _given(columns.flags, labels.flags, selection.flag)
    if selection.reason is not None:
        yield _given(columns.reasons, labels.reasons, selection.reason)
    if selection.needs_review is not None:
        yield columns.is_marked(IS_JUDGED) & (columns.is_marked(NEEDS_REVIEW) == selection.needs_review)
    if selection.is_corrected is not None:
        yield columns.is_marked(IS_CORRECTED) == selection.is_corrected


def _met(columns: Columns, selection: Selection) -> Iterator[Bools]:
    """Labels that may form a cell."""
    if selection.ways != (selection,):
        yield np.logical_or.reduce([all_of(columns, _met(columns, way)) for way in selection.ways])
        return
    if selection.stage is not None:
        yield _staged(columns, selection.stage)
    if selection.factor is not None or selection.polarity is not None:
        yield _judged(columns, selection.factor, selection.polarity)
    for place in selection.places:
        yield _standing(columns, place)


def _also(columns: Columns, selection: Selection) -> Iterator[Bools]:
    """Filters with several values, and exclusions; cells are checked elsewhere."""
    for choice in selection.also:
        if choice.is_not or choice.name not in PLACED:
            found = np.logical_or.reduce([chosen(columns, only(choice.name, value)) for value in choice.values])
            yield ~found if choice.is_not else found


def only(name: str, value: str) -> Selection:
    """The selection with one filter only."""
    named: Any = {"own": ((name.removeprefix(OWN), value),)} if name.startswith(OWN) else {name: value}
    return Selection(**named)


def all_of(columns: Columns, masks: Iterable[Bools]) -> Bools:
    """The intersection of masks."""
    return reduce(np.logical_and, masks, np.ones(len(columns), dtype=bool))


def _single(codes: Ints, keys: tuple[str, ...], key: str) -> Bools:
    """Rows with a label of a single-label set."""
    if key in (ANY, NO_LABEL):
        return np.asarray((codes != NONE) == (key == ANY))
    return _any_of(codes, [keys.index(one) for one in WIDE_SCOPES.get(key, (key,)) if one in keys])


def _any_of(codes: Ints, wanted: Sequence[int]) -> Bools:
    """Rows with any of some codes."""
    found = np.zeros(len(codes), dtype=bool)
    for code in wanted:
        found |= codes == code
    return found


def _staged(columns: Columns, stage: str) -> Bools:
    if stage == NO_STAGE:
        return np.asarray(~columns.stages.any(axis=0))
    return _given(columns.stages, columns.labels.stages, stage)


def _given(matrix: Bools, keys: tuple[str, ...], key: str) -> Bools:
    return matrix[keys.index(key)] if key in keys else np.zeros(matrix.shape[1], dtype=bool)


def _judged(columns: Columns, factor: str | None, polarity: str | None) -> Bools:
    """Rows with a factor and polarity; any if one is not given."""
    keys = columns.labels.factors
    rows = columns.factors if factor is None else columns.factors[[keys.index(factor)] if factor in keys else []]
    found = rows != NONE if polarity is None else rows == POLARITIES.index(polarity)
    return np.asarray(found.any(axis=0))


def _standing(columns: Columns, place: Place) -> Bools:
    """Rows that count in a cell of the journey map."""
    if place.factor == ANY and place.polarity is None:
        return _staged(columns, place.stage)
    places, stages = columns.places, columns.labels.stages
    here = _meant(columns, place.factor)[places.factor]
    if place.stage != ANY:
        here &= places.stage == (NONE if place.stage == NO_STAGE else _at(stages, place.stage, missing=len(stages)))
    if place.polarity is not None:
        here &= places.polarity == POLARITIES.index(place.polarity)
    mask = np.zeros(len(columns), dtype=bool)
    mask[places.row[here]] = True
    return mask


def _meant(columns: Columns, factor: str) -> Bools:
    """The factors that a place refers to."""
    return np.array([factor in (ANY, label.key, f"{GROUP}{label.group or 'other'}") for label in _factors(columns)], dtype=bool)


def _blames(columns: Columns, selection: Selection) -> Iterator[Bools]:
    """Rows that blame something of an owner or a metric, as in `reporting.scope`."""
    if selection.owner is not None:
        yield _owned(columns, selection.owner)
    if selection.metric is not None:
        yield _blamed(columns, [selection.metric in label.metrics for label in _factors(columns)])


def _fixed(columns: Columns, wanted: str, mended: Collection[Mended]) -> Bools:
    """Experience issues whose causes are all mended, or else the other ones."""
    labels = columns.labels
    whole = _any_of(columns.scope, [labels.scopes.index(key) for key in EXPERIENCE if key in labels.scopes])
    keys = {"stages": labels.stages, "factors": labels.factors}
    found = are_mended(whole, columns.places, columns.fields["day"], mended, **keys, taxonomy=labels.taxonomy)
    return found if wanted == YES else whole & ~found


def _owned(columns: Columns, owner: str) -> Bools:
    """Rows that blame something a team owns; a complaint that blames nothing belongs to the owner of its scope."""
    taxonomy, scopes = columns.labels.taxonomy, columns.labels.scopes
    own = [label.key for label in (taxonomy["scope"].labels if scopes else ()) if label.owner == owner and label.key in _COMPLAINTS]
    unnamed = ~_blamed(columns, [True] * len(columns.labels.factors)) & _any_of(columns.scope, [scopes.index(key) for key in own])
    return _blamed(columns, [label.owner == owner for label in _factors(columns)]) | unnamed


def _factors(columns: Columns) -> Sequence[LabelDefinition]:
    return columns.labels.taxonomy["factors"].labels if columns.labels.factors else ()


def _blamed(columns: Columns, factors: Sequence[bool]) -> Bools:
    return np.asarray((columns.factors[np.array(factors, dtype=bool)] == NEGATIVE).any(axis=0))


def _at(keys: Sequence[str], key: str, *, missing: int) -> int:
    return keys.index(key) if key in keys else missing
