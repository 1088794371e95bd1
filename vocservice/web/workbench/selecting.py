"""URL parameters in, the selected records and comparison out, and back: a link contains the whole state."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError
from vocservice.reporting.rows import POLARITIES, SCORE_KINDS
from vocservice.reporting.wording import terms_of
from vocservice.store.analysed.reading import NO, OWN, YES, Choice, Line, Place, Selection, line_of
from vocservice.web.requests.query import Query

if TYPE_CHECKING:
    from vocservice.reporting.report import Where

LABELS = ("channel", "source", "stage", "factor", "polarity", "scope", "flag", "score_kind")
RARER = (
    "level_from", "level_to", "scale", "score_from", "score_to", "outcome", "owner", "metric", "model", "taxonomy", "fixed",
    "reason", "needs_review", "is_corrected", "customer_of",
)  # fmt: skip
NOT = "not"  # names those of `MANY`, and segments, whose values are excluded
PERIODS = ("before_since", "before_until", "after_since", "after_until")
CHOSEN = ("since", "until", *LABELS, *RARER, NOT)
MANY = (
    "channel", "source", "stage", "factor", "polarity", "scope", "flag", "score_kind", "outcome", "owner", "metric", "model", "taxonomy",
    "reason",
)  # fmt: skip
NAMING = ("by", "target")  # whose values are names of custom fields
FILTERS = (*CHOSEN, *PERIODS, *NAMING)
MOST_OWN = 12
WORDS = ("q", "cell", "cursor")
SOUGHT = ("q", "cell", "about", "like", "cursor")
FIRST, SECOND = "a_", "b_"
ONE_OF: Mapping[str, Sequence[str]] = {"polarity": POLARITIES, "score_kind": SCORE_KINDS}
Values = Mapping[str, str | list[str]]  # URL parameters; repeated ones are lists
LEVELS = ("-2", "-1", "0", "1", "2")


@dataclass(frozen=True, slots=True)
class Asked:
    """The selected records, optionally two periods to compare as (first day, last day), the segment to break figures down by, and the
    yes/no segment that drivers explain."""

    selection: Selection
    periods: tuple[tuple[date, date], tuple[date, date]] | None = None
    by: str | None = None
    target: str | None = None

    @property
    def compared(self) -> "tuple[Where, ...]":
        """The comparison for a report."""
        from vocservice.reporting.report import DATE, Where

        return tuple(Where(DATE, f"{first}..{last}") for first, last in self.periods or ())

    @property
    def values(self) -> Values:
        """The URL parameters of this, without cell and words."""
        days = zip(PERIODS, (day for period in self.periods or () for day in period), strict=False)
        return {**values_of(self.selection), **_said({**dict(days), "by": self.by, "target": self.target})}

    def held(self, name: str) -> list[str]:
        """The values of a parameter."""
        return listed(self.values.get(name, []))

    @property
    def query(self) -> str:
        """The query string with its question mark; blank if everything is selected."""
        return f"?{encoded(self.values)}" if self.values else ""

    @property
    def cell_name(self) -> str:
        """The value of the parameter `cell`; blank for none."""
        return _cell_name(self.selection.cell)

    @property
    def with_cell(self) -> str:
        """`query` including the cell."""
        named = {"cell": self.cell_name} if self.cell_name else {}
        return f"?{encoded({**self.values, **named})}" if named else self.query

    @property
    def before_more(self) -> str:
        """`with_cell`, ready for more parameters."""
        return f"{self.with_cell}&" if self.with_cell else "?"


@dataclass(frozen=True, slots=True)
class Sought:
    """A search; each text is blank if not given.

    Attributes:
        asked: the filters, a cell and the words.
        q: the words as typed.
        about: a query by meaning.
        like: id of a record to find similar ones to.
        after: where to continue the word search.
    """

    asked: Asked
    q: str = ""
    about: str = ""
    like: str = ""
    after: Line | None = None

    @property
    def filtered(self) -> Asked:
        """The filters and the cell without the words: similar records need not contain them."""
        return replace(self.asked, selection=replace(self.asked.selection, words=()))

    def over(self, filters: Asked) -> "Sought":
        """The same search with these filters."""
        return replace(self, asked=replace(filters, selection=replace(filters.selection, words=self.asked.selection.words)))

    @property
    def is_any(self) -> bool:
        """Whether anything is searched for, beside filters."""
        return bool(self.asked.selection.words or self.about or self.like)

    @property
    def values(self) -> Values:
        """The URL parameters of this, from the beginning."""
        told = {"cell": self.asked.cell_name, "q": self.q, "about": self.about, "like": self.like}
        return {**self.asked.values, **{name: value for name, value in told.items() if value}}


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sets to compare; None stands for every record that is not in the other."""

    first: Selection | None
    second: Selection | None

    @property
    def values(self) -> Values:
        """The parameters that ask for this."""
        sides = ((FIRST, self.first), (SECOND, self.second))
        return {prefix + name: value for prefix, side in sides for name, value in values_of(side).items()}

    def held(self, name: str) -> list[str]:
        """The values of a parameter."""
        return listed(self.values.get(name, []))

    @property
    def query(self) -> str:
        """The query string."""
        return f"?{encoded(self.values)}"

    def with_side(self, prefix: str, values: Values) -> str:
        """The query string with one side replaced."""
        kept = {name: value for name, value in self.values.items() if not name.startswith(prefix)}
        return f"?{encoded(kept | {prefix + name: value for name, value in values.items()})}"


def query_of(selection: Selection) -> str:
    """The query string of the records of a selection, without words; blank for all."""
    cell = {"cell": _cell_name(selection.cell)} if selection.cell else {}
    values = {**values_of(selection), **cell}
    return f"?{'&'.join(_pair(name, one) for name, told in values.items() for one in listed(told))}" if values else ""


@lru_cache(maxsize=4096)
def _pair(name: str, value: str) -> str:
    """A URL-encoded parameter, cached because hundreds of links of a page share it."""
    return urlencode({name: value})


def values_of(selection: Selection | None) -> Values:
    """The URL parameters of a selection, without cell and words."""
    if selection is None:
        return {}
    plain = _said({name: getattr(selection, name) for name in CHOSEN if name != NOT})
    several = {choice.name: choice.values[0] if len(choice.values) == 1 else list(choice.values) for choice in selection.also}
    inverted = [choice.name for choice in selection.also if choice.is_not]
    return {**plain, **_own_values(selection), **several, **({NOT: inverted} if inverted else {})}


def listed(value: str | list[str]) -> list[str]:
    """The values of a parameter, single or repeated."""
    return [value] if isinstance(value, str) else value


def encoded(values: Values) -> str:
    """Parameters as a query string."""
    return urlencode(values, doseq=True)


def own_named(values: Values) -> frozenset[str]:
    """The custom fields named in the parameters of a page, in either set."""
    starts = tuple(prefix + OWN for prefix in ("", FIRST, SECOND))
    filtered = (name[len(start) :] for name in values for start in starts if name.startswith(start))
    return frozenset((*filtered, *(str(value) for name, value in values.items() if name in NAMING)))


def is_chosen(name: str) -> bool:
    """Whether a parameter chooses records."""
    return name in CHOSEN or name.startswith(OWN)


def sides_of(args: MultiDict[str, str]) -> Sides | None:
    """Parse the sets to compare; None without parameters.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
    """
    sides = (FIRST, SECOND)
    query = _query(args, [prefix + name for prefix in sides for name in CHOSEN], sides)
    first, second = (_selection(query, prefix) for prefix in (FIRST, SECOND))
    if first == second == Selection():
        return None
    return Sides(first if first != Selection() else None, second if second != Selection() else None)


def asked_of(args: MultiDict[str, str]) -> Asked:
    """Parse the request for a report.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day of the two periods is missing (`parameter_invalid`).
    """
    query = _query(args, FILTERS)
    return _asked(query, _selection(query))


def searched_of(args: MultiDict[str, str]) -> tuple[Asked, str]:
    """Parse the request for a list, with its words and cell, and its cursor, blank at the beginning.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day, two periods or a cell are not whole (`parameter_invalid`).
    """
    query = _query(args, (*FILTERS, *WORDS))
    return _asked(query, replace(_placed(query), words=terms_of(query.text("q")))), query.text("cursor") or ""


def placed_of(args: MultiDict[str, str]) -> Asked:
    """Parse the request for themes: a selection, optionally a cell.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day, two periods or a cell are not whole (`parameter_invalid`).
    """
    query = _query(args, (*FILTERS, "cell"))
    return _asked(query, _placed(query))


def sought_of(args: MultiDict[str, str]) -> Sought:
    """Parse the request for a search.

    Raises:
        RequestError: a parameter is unknown, given twice or wrong.
        InputError: a day, two periods or a cell are not whole (`parameter_invalid`), or the cursor is none (`cursor_invalid`).
    """
    query = _query(args, (*FILTERS, *SOUGHT))
    asked = _asked(query, replace(_placed(query), words=terms_of(query.text("q"))))
    q, about, like = ((query.text(name) or "").strip() for name in ("q", "about", "like"))
    cursor = query.text("cursor")
    return Sought(asked, q, about, like, line_of(cursor) if cursor else None)


def _asked(query: Query, selection: Selection) -> Asked:
    return Asked(selection, _periods(query), *(query.text(name) for name in NAMING))


def _placed(query: Query) -> Selection:
    found = query.text("cell")
    return replace(_selection(query), cell=_place(found) if found else None)


def _place(cell: str) -> Place:
    """Parse STAGE.FACTOR or STAGE.FACTOR.POLARITY; keys may contain dots, except the first key, the stage."""
    stage, _, factor = cell.partition(".")
    rest, _, last = factor.rpartition(".")
    factor, polarity = (rest, last) if last in POLARITIES else (factor, None)
    if not (stage and factor):
        raise InputError("cell must be a stage and a factor with a point between them", code="parameter_invalid")
    return Place(stage, factor, polarity)


def _cell_name(cell: Place | None) -> str:
    return ".".join(filter(None, (cell.stage, cell.factor, cell.polarity))) if cell else ""


def _query(args: MultiDict[str, str], known: Sequence[str], prefixes: Sequence[str] = ("",)) -> Query:
    repeated = [prefix + name for prefix in prefixes for name in (*MANY, NOT, OWN)]
    return Query(args, known=known, beginnings=[prefix + OWN for prefix in prefixes], repeated=repeated)


def _selection(query: Query, prefix: str = "") -> Selection:
    many = {name: query.texts(f"{prefix}{name}", ONE_OF.get(name, ())) for name in MANY}
    many |= {f"{OWN}{name}": values for name, values in query.beginning(f"{prefix}{OWN}", most=MOST_OWN).items()}
    inverted = query.texts(f"{prefix}{NOT}")
    if not all(name in MANY or name.startswith(OWN) for name in inverted):
        raise InputError(f"{prefix}{NOT} must name filters: {', '.join(MANY)} or {OWN}NAME", code="parameter_invalid")
    plain: dict[str, Any] = {name: values[0] for name, values in many.items() if len(values) == 1 and name not in inverted}
    return Selection(
        **{name: value for name, value in plain.items() if not name.startswith(OWN)},
        own=tuple((name.removeprefix(OWN), value) for name, value in plain.items() if name.startswith(OWN)),
        also=tuple(Choice(name, values, name in inverted) for name, values in many.items() if values and name not in plain),
        scale=query.text(f"{prefix}scale"),
        customer_of=query.text(f"{prefix}customer_of"),
        fixed=query.one_of(f"{prefix}fixed", (YES, NO)),
        needs_review=query.truth(f"{prefix}needs_review"),
        is_corrected=query.truth(f"{prefix}is_corrected"),
        since=_day(query, f"{prefix}since"),
        until=_day(query, f"{prefix}until"),
        level_from=_level(query, f"{prefix}level_from"),
        level_to=_level(query, f"{prefix}level_to"),
        score_from=_score(query, f"{prefix}score_from"),
        score_to=_score(query, f"{prefix}score_to"),
    )


def _level(query: Query, name: str) -> int | None:
    found = query.one_of(name, LEVELS)
    return int(found) if found else None


def _score(query: Query, name: str) -> float | None:
    found = query.text(name)
    try:
        value = float(found) if found else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise InputError(f"{name} must be a number", code="parameter_invalid")
    return value


def _periods(query: Query) -> tuple[tuple[date, date], tuple[date, date]] | None:
    days = [_day(query, name) for name in PERIODS]
    if not any(days):
        return None
    first, second, third, fourth = days
    if first is None or second is None or third is None or fourth is None or first > second or third > fourth:
        raise InputError("each of the two periods needs a first and a last day, in order", code="parameter_invalid")
    return (first, second), (third, fourth)


def _day(query: Query, name: str) -> date | None:
    found = query.text(name)
    try:
        return date.fromisoformat(found) if found else None
    except ValueError:
        raise InputError(f"{name} must be a day, as 2026-01-31", code="parameter_invalid") from None


def _own_values(selection: Selection) -> dict[str, str]:
    return {OWN + name: value for name, value in selection.own}


def _said(found: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in found.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)
