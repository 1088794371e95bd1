"""A frame, its rows and the quoted cells in, the themes of each cell out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vocservice.reporting.frame import Frame, Ints
from vocservice.reporting.quotes import Quoted
from vocservice.reporting.rows import POLARITIES, Row, rows_at
from vocservice.reporting.saying import said
from vocservice.reporting.themes import LARGEST, Themes, themes_of


@dataclass(frozen=True, slots=True)
class CellThemes:
    """The themes of a cell of the journey map."""

    stage: str
    factor: str
    polarity: str
    themes: Themes


def themes_of_cells(frame: Frame, rows: Sequence[Row], quoted: Sequence[Quoted], *, least: int) -> tuple[CellThemes, ...]:
    """The themes of these cells; cells without shared themes are left out.

    Args:
        frame: the records.
        rows: the records as rows, by `frame.index`; the latest 1,500 of a cell are used.
        quoted: the cells.
        least: different customers that a theme needs.
    """
    return tuple(_themes(frame, rows, quoted, least))


def _themes(frame: Frame, rows: Sequence[Row], quoted: Sequence[Quoted], least: int) -> Iterator[CellThemes]:
    for cell in quoted:
        members = _members(frame, cell)
        latest = frame.index[members[:LARGEST]].tolist()
        found = rows_at(rows, latest)
        told = [said(found[at], factor=cell.factor, vector=found[at].vector) for at in latest if at in found]
        made = themes_of(told, least=least, total=len(members))
        if made.themes:
            yield CellThemes(cell.stage, cell.factor, cell.polarity, made)


def _members(frame: Frame, cell: Quoted) -> Ints:
    """The records of a cell, latest first."""
    places = frame.places
    stage, factor = frame.stage_keys.index(cell.stage), frame.factor_keys.index(cell.factor)
    here = (places.stage == stage) & (places.factor == factor) & (places.polarity == POLARITIES.index(cell.polarity))
    members = np.unique(places.row[here])
    return members[np.lexsort((-members, -frame.day[members].astype(np.int64)))]
