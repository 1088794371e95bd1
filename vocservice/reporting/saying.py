"""Rows and columns in, texts for themes out: what records say on a factor, and which records no factor explains."""

import numpy as np

from vocservice.reporting.columns import Columns
from vocservice.reporting.emerging import UNSURE
from vocservice.reporting.frame import Bools
from vocservice.reporting.quotes import plain_quote, quote_of
from vocservice.reporting.rows import Row
from vocservice.reporting.themes import Said


def said(row: Row, *, factor: str | None = None, told: str | None = None, vector: bytes = b"") -> Said:
    """What a record says about a factor, or as a whole.

    Args:
        row: the record.
        factor: only its evidence counts, if there is any.
        told: the customer's texts; by default all texts of the row.
        vector: of the whole text; empty if missing.
    """
    evidence = [piece.text for one in row.factors if one.key == factor for piece in one.evidence]
    words = "\n".join(evidence or (row.texts if told is None else (told,)))
    quote = (quote_of(row, factor) if factor else None) or plain_quote(row)
    return Said(row.id, words, row.subject or row.id, row.level, quote, vector)


def unexplained(columns: Columns) -> Bools:
    """Rows without a factor, or with none of probability above one half; labels by people count as certain."""
    sure = np.zeros(len(columns), dtype=bool)
    places = columns.places
    sure[places.row[(places.sure >= 10 * UNSURE) | (places.sure == 0)]] = True
    return ~(sure | columns.is_skipped)
