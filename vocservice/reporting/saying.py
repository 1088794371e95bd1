"""Rows and columns in, what records say on one thing, and which say what no factor explains, out: what themes are made of."""

import numpy as np

from vocservice.reporting.columns import Columns
from vocservice.reporting.emerging import UNSURE
from vocservice.reporting.frame import Bools
from vocservice.reporting.quotes import plain_quote, quote_of
from vocservice.reporting.rows import Row
from vocservice.reporting.themes import Said


def said(row: Row, *, factor: str | None = None, told: str | None = None, vector: bytes = b"") -> Said:
    """What a record says of a factor, or as a whole.

    Args:
        row: the record.
        factor: where it gives evidence of it, that alone counts.
        told: the customer's own words; all texts of the row by default.
        vector: of the whole text; blank where there is none.
    """
    evidence = [piece.text for one in row.factors if one.key == factor for piece in one.evidence]
    words = "\n".join(evidence or (row.texts if told is None else (told,)))
    quote = (quote_of(row, factor) if factor else None) or plain_quote(row)
    return Said(row.id, words, row.subject or row.id, row.level, quote, vector)


def unexplained(columns: Columns) -> Bools:
    """Rows to which no factor was given, or none that is likelier than not; what a person gave counts as sure."""
    sure = np.zeros(len(columns), dtype=bool)
    places = columns.places
    sure[places.row[(places.sure >= 10 * UNSURE) | (places.sure == 0)]] = True
    return ~(sure | columns.is_skipped)
