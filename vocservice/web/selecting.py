"""The parameters of a URL in, which records and which comparison they ask for out, and back: a link holds the whole state."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError
from vocservice.reporting.rows import POLARITIES, SCORE_KINDS
from vocservice.store.reading import Place, Selection
from vocservice.web.query import Query

if TYPE_CHECKING:
    from vocservice.reporting.report import Where

LABELS = ("channel", "source", "stage", "factor", "polarity", "scope", "flag", "score_kind")
PERIODS = ("before_since", "before_until", "after_since", "after_until")
CHOSEN = ("since", "until", *LABELS)
FILTERS = (*CHOSEN, *PERIODS)
WORDS = ("q", "cell", "cursor")
SOUGHT = ("q", "cell", "about", "like")
FIRST, SECOND = "a_", "b_"
MOST_WORDS = 8
_WORDS = re.compile(r'"([^"]+)"|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records, and perhaps two periods to compare: (first day, last day) of each."""

    selection: Selection
    periods: tuple[tuple[date, date], tuple[date, date]] | None = None

    @property
    def compared(self) -> "tuple[Where, ...]":
        """The comparison as a report takes it."""
        from vocservice.reporting.report import DATE, Where

        return tuple(Where(DATE, f"{first}..{last}") for first, last in self.periods or ())

    @property
    def values(self) -> Mapping[str, str]:
        """The parameters that ask for this, without a cell and words."""
        days = zip(PERIODS, (day for period in self.periods or () for day in period), strict=False)
        return {**values_of(self.selection), **_said(dict(days))}

    @property
    def query(self) -> str:
        """The same as the query of a URL, with its question mark; blank where everything is asked for."""
        return f"?{urlencode(self.values)}" if self.values else ""

    @property
    def cell_name(self) -> str:
        """The cell as the parameter `cell` names it; blank for none."""
        cell = self.selection.cell
        return f"{cell.stage}.{cell.factor}" if cell else ""

    @property
    def with_cell(self) -> str:
        """`query` with the cell in it."""
        named = {"cell": self.cell_name} if self.cell_name else {}
        return f"?{urlencode({**self.values, **named})}" if named else self.query

    def at(self, place: Place) -> str:
        """The query of the records that a cell of this report counts."""
        is_free = self.selection.stage is None and self.selection.factor is None
        own = {"stage": place.stage, "factor": place.factor} if is_free else {"cell": f"{place.stage}.{place.factor}"}
        return f"?{urlencode({**values_of(self.selection), **own})}"


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sets to compare; of one that is None every record that is not in the other."""

    first: Selection | None
    second: Selection | None

    @property
    def values(self) -> Mapping[str, str]:
        """The parameters that ask for this."""
        sides = ((FIRST, self.first), (SECOND, self.second))
        return {prefix + name: value for prefix, side in sides for name, value in values_of(side).items()}

    @property
    def query(self) -> str:
        """The same as the query of a URL."""
        return f"?{urlencode(self.values)}"

    def with_side(self, prefix: str, values: Mapping[str, str]) -> str:
        """The query in which one side is another."""
        kept = {name: value for name, value in self.values.items() if not name.startswith(prefix)}
        return f"?{urlencode(kept | {prefix + name: value for name, value in values.items()})}"


def values_of(selection: Selection | None) -> Mapping[str, str]:
    """The parameters that ask for a selection, without cell and words."""
    return _said({name: getattr(selection, name) for name in CHOSEN}) if selection else {}


def sides_of(args: MultiDict[str, str]) -> Sides | None:
    """What is to be compared; None where nothing is asked for.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
    """
    query = Query(args, known=[prefix + name for prefix in (FIRST, SECOND) for name in CHOSEN])
    first, second = (_selection(query, prefix) for prefix in (FIRST, SECOND))
    if first == second == Selection():
        return None
    return Sides(first if first != Selection() else None, second if second != Selection() else None)


def asked_of(args: MultiDict[str, str]) -> Asked:
    """What a report is asked for.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: of two periods a day is missing (`parameter_invalid`).
    """
    query = Query(args, known=FILTERS)
    return Asked(_selection(query), _periods(query))


def searched_of(args: MultiDict[str, str]) -> tuple[Asked, str]:
    """What a list is asked for, with its words and cell; and its cursor, blank at the beginning.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day, two periods or a cell are not whole (`parameter_invalid`).
    """
    query = Query(args, known=(*FILTERS, *WORDS))
    return Asked(replace(_placed(query), words=words_of(query.text("q"))), _periods(query)), query.text("cursor") or ""


def placed_of(args: MultiDict[str, str]) -> Asked:
    """What themes are asked for: a selection, perhaps a cell.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day, two periods or a cell are not whole (`parameter_invalid`).
    """
    query = Query(args, known=(*FILTERS, "cell"))
    return Asked(_placed(query), _periods(query))


def sought_of(args: MultiDict[str, str]) -> tuple[Asked, str, str]:
    """What a search is asked for: a selection with a cell and words, what it is to be about, the record to be like; blank for none.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day, two periods or a cell are not whole (`parameter_invalid`).
    """
    query = Query(args, known=(*FILTERS, *SOUGHT))
    asked = Asked(replace(_placed(query), words=words_of(query.text("q"))), _periods(query))
    return asked, (query.text("about") or "").strip(), query.text("like") or ""


def words_of(text: str | None) -> tuple[str, ...]:
    """The words of a search, the first eight; what stands between double quotes is one, with its spaces."""
    found = (" ".join((phrase or word).split()) for phrase, word in _WORDS.findall(text or ""))
    return tuple(islice(filter(None, found), MOST_WORDS))


def _placed(query: Query) -> Selection:
    cell = query.text("cell")
    stage, _, factor = (cell or "").partition(".")
    if cell and not (stage and factor):
        raise InputError("cell must be a stage and a factor with a point between them", code="parameter_invalid")
    return replace(_selection(query), cell=Place(stage, factor) if cell else None)


def _selection(query: Query, prefix: str = "") -> Selection:
    return Selection(
        channel=query.text(f"{prefix}channel"),
        source=query.text(f"{prefix}source"),
        stage=query.text(f"{prefix}stage"),
        factor=query.text(f"{prefix}factor"),
        scope=query.text(f"{prefix}scope"),
        flag=query.text(f"{prefix}flag"),
        polarity=query.one_of(f"{prefix}polarity", POLARITIES),
        score_kind=query.one_of(f"{prefix}score_kind", SCORE_KINDS),
        since=_day(query, f"{prefix}since"),
        until=_day(query, f"{prefix}until"),
    )


def _periods(query: Query) -> tuple[tuple[date, date], tuple[date, date]] | None:
    days = [_day(query, name) for name in PERIODS]
    if not any(days):
        return None
    first, second, third, fourth = days
    if first is None or second is None or third is None or fourth is None or first > second or third > fourth:
        raise InputError("two periods need a first and a last day each, in order", code="parameter_invalid")
    return (first, second), (third, fourth)


def _day(query: Query, name: str) -> date | None:
    found = query.text(name)
    try:
        return date.fromisoformat(found) if found else None
    except ValueError:
        raise InputError(f"{name} must be a day, as 2026-01-31", code="parameter_invalid") from None


def _said(found: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in found.items() if value is not None}
