"""A workspace and a selection in, the rows that meet conditions not held in columns out: words, and review results.

For corrected records, the person's reasons and verdict count instead of the model's.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from sqlalchemy import Connection, select

from vocservice.records import Json
from vocservice.reporting.columns import Columns
from vocservice.reporting.frame import Bools
from vocservice.reporting.packing import key_of
from vocservice.reporting.wording import Term
from vocservice.store.analysed import words
from vocservice.store.analysed.reading import Selection, corrections
from vocservice.store.schema import records, review_labels, reviews


def called(connection: Connection, workspace_id: str, columns: Columns, selection: Selection) -> Bools:
    """(n,) the rows that meet `words`, `reason`, `needs_review` and `is_corrected`; all if none is given."""
    mask = _worded(connection, workspace_id, columns, selection.words)
    return mask & _reviewed(connection, workspace_id, columns, selection) if selection.asks_review else mask


def _worded(connection: Connection, workspace_id: str, columns: Columns, terms: Sequence[Term]) -> Bools:
    """The rows that contain all wanted terms and no unwanted ones."""
    mask = np.ones(len(columns), dtype=bool)
    wanted, unwanted = ([term for term in terms if term.is_unwanted is which] for which in (False, True))
    if wanted:
        mask &= _keyed(columns, words.keys(connection, workspace_id, wanted, are_all=True))
    if unwanted:
        mask &= ~_keyed(columns, words.keys(connection, workspace_id, unwanted, are_all=False))
    return mask


def _reviewed(connection: Connection, workspace_id: str, columns: Columns, selection: Selection) -> Bools:
    mask, call = np.ones(len(columns), dtype=bool), selection.needs_review
    corrected = corrections(connection, workspace_id)
    for reasons, is_not in _reasons(selection):
        held = _reasoned(connection, workspace_id, reasons)
        mask &= _rows(columns, _said(held, corrected, partial(_gives, reasons))) ^ is_not
    if call is not None:
        held = _calling(connection, workspace_id, call)
        mask &= _rows(columns, _said(held, corrected, lambda labels: labels.get("needs_review") is call))
    if selection.is_corrected is not None:
        mask &= _rows(columns, corrected) == selection.is_corrected
    return mask


def _reasons(selection: Selection) -> Iterator[tuple[frozenset[str], bool]]:
    """The reasons of which one must be given, or none may."""
    if selection.reason is not None:
        yield frozenset((selection.reason,)), False
    yield from ((frozenset(choice.values), choice.is_not) for choice in selection.also if choice.name == "reason")


def _reasoned(connection: Connection, workspace_id: str, reasons: Collection[str]) -> set[str]:
    joined = review_labels.join(reviews, reviews.c.record_id == review_labels.c.record_id)
    chosen = select(review_labels.c.record_id).select_from(joined)
    named = review_labels.c.label.in_([f"reasons.{reason}" for reason in reasons])
    return set(connection.scalars(chosen.where(reviews.c.workspace_id == workspace_id, named)))


def _calling(connection: Connection, workspace_id: str, call: bool) -> set[str]:
    where = records.c.workspace_id == workspace_id, records.c.status == "analysed", records.c.needs_review == call  # uses its index
    return set(connection.scalars(select(records.c.id).where(*where)))


def _said(found: set[str], corrected: Mapping[str, Json], holds: Callable[[Json], bool]) -> set[str]:
    """The found records; corrected ones count only if their labels meet the condition."""
    return (found - corrected.keys()) | {record_id for record_id, labels in corrected.items() if holds(labels)}


def _gives(reasons: frozenset[str], labels: Json) -> bool:
    return not reasons.isdisjoint(labels.get("reasons") or ())


def _rows(columns: Columns, ids: Collection[str]) -> Bools:
    return _keyed(columns, [key_of(record_id) for record_id in ids])


def _keyed(columns: Columns, keys: Sequence[int]) -> Bools:
    return np.isin(columns.fields["key"], np.array(keys, dtype=np.int64))
