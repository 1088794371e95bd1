"""A frame and its rows in, typical quotes from the largest cells out, split into plain and marked pieces.

Only redacted texts are shown, and only if at least five records of at least five customers say the same, so that no
quote identifies a person.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from vocservice.records import Evidence
from vocservice.reporting.frame import NEGATIVE, NONE, POSITIVE, Frame, Ints, distinct
from vocservice.reporting.rows import POLARITIES, Row, rows_at

ANONYMOUS = 5
CELLS = 5
QUOTES = 3
LONGEST = 320
TYPICAL = 140
READ_AT_ONCE = 20
LOOKED = 200  # of a cell, the most certain ones; more would add little
_CUT = "…"
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a quote; marked if it is evidence."""

    text: str
    is_evidence: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote from one record for a cell."""

    id: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Quoted:
    """Quotes for a cell of the journey map."""

    stage: str
    factor: str
    polarity: str
    records: int
    customers: int
    quotes: tuple[Quote, ...]


def typical_quotes(frame: Frame, rows: Sequence[Row]) -> tuple[Quoted, ...]:
    """The largest blamed cells, then the largest praised ones."""
    return (*_fullest(frame, rows, NEGATIVE), *_fullest(frame, rows, POSITIVE))


def shown(text: str) -> str:
    """The text with control and direction characters shown as U+FFFD."""
    return _UNSAFE.sub("\ufffd", text)


def _fullest(frame: Frame, rows: Sequence[Row], polarity: int) -> Iterator[Quoted]:
    places = frame.places[(frame.places.polarity == polarity) & (frame.places.stage != NONE)]
    width = len(frame.factor_keys)
    flat = places.stage * width + places.factor
    counts = np.bincount(flat)
    cells = [cell for cell in np.argsort(-counts, kind="stable").tolist() if counts[cell]]
    quoted = (_quoted(frame, rows, (cell // width, cell % width, polarity), _rows_of(frame, places.row[flat == cell])) for cell in cells)
    yield from islice(filter(None, quoted), CELLS)


def _rows_of(frame: Frame, numbers: Ints) -> Ints:
    """Sorted distinct row numbers."""
    here = np.zeros(len(frame), dtype=bool)
    here[numbers] = True
    return np.flatnonzero(here)


def _quoted(frame: Frame, rows: Sequence[Row], cell: tuple[int, int, int], members: Ints) -> Quoted | None:
    customers = distinct(frame.subject[members])
    if min(len(members), customers) < ANONYMOUS:
        return None
    stage, factor, sign = frame.stage_keys[cell[0]], frame.factor_keys[cell[1]], POLARITIES[cell[2]]
    ranked = _ranked(frame, members, cell[1])
    quotes = tuple(_chosen(_in_turn(rows, frame.index[ranked].tolist()), factor))
    return Quoted(stage, factor, sign, len(members), customers, quotes) if quotes else None


def _ranked(frame: Frame, members: Ints, factor: int) -> Ints:
    """Most certain first, preferring readable lengths; limited to the candidates for quotes."""
    sure = np.zeros(len(frame), dtype=np.uint8)
    here = np.flatnonzero(frame.places.factor == factor)
    np.maximum.at(sure, frame.places.row[here], frame.places.sure[here])
    length = np.where(frame.length[members] > 0, frame.length[members].astype(np.int64), TYPICAL)
    rank = np.abs(length - TYPICAL) - (sure[members].astype(np.int64) << 32)
    if len(members) > LOOKED:
        first = rank <= np.partition(rank, LOOKED)[LOOKED]
        members, rank = members[first], rank[first]
    return members[np.lexsort((frame.ids[members], rank))][:LOOKED]


def _in_turn(rows: Sequence[Row], places: Sequence[int]) -> Iterator[Row]:
    """The rows at some positions in this order, read in small batches."""
    for first in range(0, len(places), READ_AT_ONCE):
        some = places[first : first + READ_AT_ONCE]
        found = rows_at(rows, some)
        yield from (found[at] for at in some if at in found)


def _chosen(rows: Iterable[Row], factor: str) -> Iterator[Quote]:
    """The first distinct ones, one per customer, no repeated text."""
    quotes = ((quote, row.subject or row.id) for row in rows if (quote := quote_of(row, factor)))
    yield from islice(_different(quotes), QUOTES)


def _different(quotes: Iterable[tuple[Quote, str]]) -> Iterator[Quote]:
    seen: set[str] = set()
    for quote, customer in quotes:
        marks = {"".join(piece.text for piece in quote.pieces), customer}
        if not marks & seen:
            seen |= marks
            yield quote


def quote_of(row: Row, factor: str) -> Quote | None:
    """The quote of a record for a factor, evidence marked; None without evidence."""
    evidence = [piece for one in row.factors if one.key == factor for piece in one.evidence]
    if not evidence:
        return None
    turn = evidence[0].turn
    here = sorted((piece for piece in evidence if piece.turn == turn), key=lambda piece: piece.start)
    text = row.texts[turn or 0] if (turn or 0) < len(row.texts) else None
    if text is None or any(text[piece.start : piece.end] != piece.text for piece in here):
        return Quote(row.id, (Piece(shown(here[0].text[:LONGEST]), True),))
    return Quote(row.id, tuple(_pieces(text, here)))


def plain_quote(row: Row) -> Quote | None:
    """The beginning of a record's text, nothing marked; None without a text."""
    text = " ".join(row.texts)
    last = max(text.rfind(" ", 0, LONGEST), 0) or LONGEST
    cut = text if len(text) <= LONGEST else text[:last] + _CUT
    return Quote(row.id, (Piece(shown(cut), False),)) if cut.strip() else None


def _pieces(text: str, evidence: Sequence[Evidence]) -> Iterator[Piece]:
    """The text around the evidence, cut at both ends when it is long."""
    first, last = _window(text, evidence[0])
    at = first
    if first:
        yield Piece(_CUT, False)
    for piece in evidence:
        start, end = max(piece.start, at), min(piece.end, last)
        if start < end:
            if at < start:
                yield Piece(shown(text[at:start]), False)
            yield Piece(shown(text[start:end]), True)
            at = end
    if at < last:
        yield Piece(shown(text[at:last]), False)
    if last < len(text):
        yield Piece(_CUT, False)


def _window(text: str, piece: Evidence) -> tuple[int, int]:
    """Bounds of a quote of limited length around the first evidence, at spaces if possible."""
    if len(text) <= LONGEST:
        return 0, len(text)
    first = max(0, min(piece.start - (LONGEST - min(piece.end - piece.start, LONGEST)) // 2, len(text) - LONGEST))
    last = first + LONGEST
    first = text.rfind(" ", 0, first) + 1 if first else 0
    space = text.rfind(" ", piece.end if piece.end < last else first, last)
    return first, last if last >= len(text) or space <= first else space
