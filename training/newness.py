"""Texts of one corpus in, false alarms and detections of new themes out.

Two periods are drawn at random from the corpus, so that every reported theme is a false alarm. Then foreign texts that no factor
explains are added to the second period, as a true new theme.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.companies import COMPANIES, records_of, rows_of
from vocservice.api import Analyser
from vocservice.records import Analysis
from vocservice.reporting.columns import Columns
from vocservice.reporting.emerging import NewTheme, Period, emerging
from vocservice.reporting.packing import pack
from vocservice.reporting.rows import Origin, Row, row_of
from vocservice.reporting.saying import said, unexplained
from vocservice.reporting.stats import wilson
from vocservice.reporting.themes import Said
from vocservice.taxonomy import Taxonomy

Figures = dict[str, Any]

SEED = 1
COMPANY, FOREIGN = "airlines", "health"
SIZES = (300, 1000)
DRAWS = 200
PLANTED, PLANTED_SIZE, SHARE = 20, 300, 0.05
MOST_FOREIGN = 500
LEAST = 5
_DAYS = (date(2025, 1, 6), date(2025, 2, 2)), (date(2025, 2, 3), date(2025, 3, 2))


@dataclass(frozen=True, slots=True)
class Spoken:
    """Records of one corpus, and whether no factor explains each."""

    said: tuple[Said, ...]
    is_odd: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Sequence[Row], vectors: Sequence[bytes], taxonomy: Taxonomy) -> "Spoken":
        """Rows with the vector of each."""
        columns = Columns.of(taxonomy, ((row.id, pack(row, order=number)) for number, row in enumerate(rows)))
        return cls(tuple(said(row, vector=vector) for row, vector in zip(rows, vectors, strict=True)), unexplained(columns))

    @property
    def odd(self) -> tuple[Said, ...]:
        """The unexplained records."""
        return tuple(one for one, is_odd in zip(self.said, self.is_odd, strict=True) if is_odd)

    def period(self, days: tuple[date, date], at: NDArray[np.int64], more: Sequence[Said] = ()) -> Period:
        """A sample of records as a period, with additional unexplained ones."""
        odd = (*(self.said[place] for place in at.tolist() if self.is_odd[place]), *more)
        return Period(*days, len(at) + len(more), len(odd), odd)


def measure(data: Path, analyser: Analyser, *, most: int) -> Figures:
    """The figures of one corpus, with texts of another as the new theme.

    Args:
        data: folder of the corpora.
        analyser: labels them.
        most: maximum number of texts, drawn at random.

    Raises:
        ConfigError: a corpus is missing.
    """
    spoken, foreign = _spoken(COMPANY, data, analyser, most), _spoken(FOREIGN, data, analyser, MOST_FOREIGN)
    about = {"title": COMPANIES[COMPANY].title, "foreign": COMPANIES[FOREIGN].title, "records": len(spoken.said)}
    return {
        **about,
        "odd": float(spoken.is_odd.mean()),
        "false": [false_alarms(spoken, size) for size in SIZES],
        "planted": planted(spoken, foreign),
    }


def false_alarms(spoken: Spoken, size: int, *, draws: int = DRAWS) -> Figures:
    """Draws of two periods of a size, and the number of draws with a growing theme."""
    draw = np.random.default_rng(SEED)
    found = [_announced(spoken, draw, size) for _ in range(draws)] if 2 * size <= len(spoken.said) else []
    alarmed = sum(map(bool, found))
    low, high = (float(bound) for bound in wilson(alarmed, len(found))) if found else (None, None)
    return {
        "size": size,
        "draws": len(found),
        "alarmed": alarmed,
        "low": low,
        "high": high,
        "new": sum(one.is_new for some in found for one in some),
    }


def planted(spoken: Spoken, foreign: Spoken, *, draws: int = PLANTED) -> Figures:
    """Draws with 5 % foreign records in the second period, and the number in which that is reported."""
    draw, texts = np.random.default_rng(SEED), round(SHARE * PLANTED_SIZE)
    can = len(spoken.said) >= 2 * PLANTED_SIZE and texts <= len(foreign.odd)
    tried = [[foreign.odd[at] for at in draw.choice(len(foreign.odd), size=texts, replace=False)] for _ in range(draws if can else 0)]
    found = sum(bool(_announced(spoken, draw, PLANTED_SIZE, more)) for more in tried)
    return {"size": PLANTED_SIZE, "draws": len(tried), "texts": texts, "found": found}


def _announced(spoken: Spoken, draw: np.random.Generator, size: int, more: Sequence[Said] = ()) -> list[NewTheme]:
    """The growing themes between two random periods; with added texts, only themes typical of these."""
    at = draw.permutation(len(spoken.said))[: 2 * size]
    made = emerging(spoken.period(_DAYS[0], at[:size]), spoken.period(_DAYS[1], at[size:], more), least=LEAST)
    ours = {one.id for one in more}
    return [theme for theme in made.themes if theme.is_growing and (not ours or ours & set(theme.typical))]


def _spoken(name: str, data: Path, analyser: Analyser, most: int) -> Spoken:
    company = COMPANIES[name]
    labelled = analyser.stream(records_of(company, rows_of(company, data, most=most)))
    found = [(row_of(one.to_dict(), Origin()), one.vector) for one in labelled if isinstance(one, Analysis)]
    return Spoken.of([row for row, _ in found], [vector for _, vector in found], analyser.taxonomy)
