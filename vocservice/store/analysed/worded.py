"""A workspace and words in, the rows whose records say them out: the only condition of a selection that is in no column."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from vocservice.reporting.columns import Columns
from vocservice.reporting.frame import Bools
from vocservice.reporting.wording import Term
from vocservice.store.analysed import words


def worded(connection: Connection, workspace_id: str, columns: Columns, terms: Sequence[Term]) -> Bools:
    """(n,) the rows that contain all wanted terms and no unwanted ones."""
    mask = np.ones(len(columns), dtype=bool)
    wanted, unwanted = ([term for term in terms if term.is_unwanted is which] for which in (False, True))
    if wanted:
        mask &= _keyed(columns, words.keys(connection, workspace_id, wanted, are_all=True))
    if unwanted:
        mask &= ~_keyed(columns, words.keys(connection, workspace_id, unwanted, are_all=False))
    return mask


def _keyed(columns: Columns, keys: Sequence[int]) -> Bools:
    return np.isin(columns.fields["key"], np.array(keys, dtype=np.int64))
