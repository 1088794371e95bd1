"""A report and links in, links of its figures out: the filters of the records that each figure counts.

Filter names are those of the workbench; this module knows no URLs.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from vocservice.reporting.charted import drawn_of
from vocservice.reporting.drivers import NPS, POOLED, Drivers, Term
from vocservice.reporting.estimate import Estimate
from vocservice.reporting.journey import Cell
from vocservice.reporting.measures import BOTH, NET, SENTIMENT, is_own, scale_in
from vocservice.reporting.report import Report
from vocservice.reporting.slots import DAYS, Bucket
from vocservice.reporting.trends import BUCKETS, Point, Series

Filters = Mapping[str, Any]
Lead = tuple[int, str]  # number of records, and the URL of their list; blank if filters cannot express it
_WIDE: Mapping[str, str] = {"service_complaint": "any_service", "experience_issue": "any_experience"}
_COUNTED: Mapping[str, Filters] = {
    "records": {},
    "negative sentiment": {"level_to": -1},
    NET: {"level_from": -2},
    SENTIMENT: {"level_from": -2},
    "service complaints": {"scope": "any_service"},
    "experience issues": {"scope": "any_experience"},
    BOTH: {"scope": "both"},
}


class Links(Protocol):
    """Links of figures, on pages with more than the report."""

    def cell(self, cell: Cell) -> str:
        """The URL of the records that a cell of the journey map counts."""
        ...

    def of(self, **wanted: Any) -> str:
        """The URL of the records that also meet some workbench filters, or `group` (of factors); blank if filters cannot express it."""
        ...

    def sides(self, report: Report) -> "tuple[Links, Links]":
        """Links into each of the two periods that a report compares."""
        ...

    def chart(self, name: str) -> str:
        """The URL of the numbers of a chart, by its name in `charted`."""
        ...

    def picture(self, name: str) -> str:
        """The URL of a chart as a picture, by the key of its slide."""
        ...

    def record(self, record_id: str) -> str:
        """The URL of a record."""
        ...


def hits_of(found: Estimate) -> int:
    """The number of records behind a share; None if it is not known."""
    return round(found.value * found.n) if found.value is not None else 0


def filters_of(figure: str) -> Filters:
    """The filters of the records that a followed figure counts."""
    if figure in _COUNTED:
        return _COUNTED[figure]
    kind, _, key = figure.partition(" ")
    return {"flag": key} if kind == "flag" else {"factor": figure.removesuffix("-"), "polarity": "-"}


def days_of(made: date, start: date, bucket: Bucket) -> Filters:
    """The filters of a day or week; dates after the day of the report count as undated."""
    return {"since": start, "until": min(start + timedelta(days=DAYS[bucket] - 1), made)}


def term_filters(report: Report, drivers: Drivers, term: Term) -> Filters | None:
    """The filters of the scored records with a term; None if filters cannot express which scores counted."""
    scale = _scale(report, drivers)
    own = {"factor": term.key, "polarity": term.polarity} if term.kind == "factor" else {term.kind: _WIDE.get(term.key, term.key)}
    return {**own, "scale": scale} if scale else None


def leads_of(report: Report, links: Links) -> Mapping[str, Sequence[Lead]]:
    """Links of each row in the table of a chart, by chart key, except drivers."""
    scope = [(hits_of(share), links.of(scope=key)) for key, share in report.scope.shares.items()]
    drawn = {key: one for bucket in BUCKETS for key, one in drawn_of(report, bucket).items()}
    return {
        "scope": scope,
        **{key: [point_lead(report, links, one, point) for point in one.points] for key, one in drawn.items()},
    }


def driver_leads(report: Report, links: Links, drivers: Drivers) -> Mapping[Term, Lead]:
    """Links of each term, including left-out ones."""
    counts = {**{driver.term: driver.n for driver in drivers.drivers}, **dict(drivers.left_out)}
    wanted = {term: term_filters(report, drivers, term) for term in counts}
    return {term: (n, links.of(**found) if (found := wanted[term]) else "") for term, n in counts.items()}


def point_lead(report: Report, links: Links, series: Series, point: Point) -> Lead:
    """Link of a day or week of a figure; None if filters cannot express which scores counted."""
    filters = _scored(report, series.figure) if is_own(series.figure) else filters_of(series.figure)
    return point.hits, "" if filters is None else links.of(**filters, **days_of(report.made, point.start, series.bucket))


def _scored(report: Report, figure: str) -> Filters | None:
    """The filters of the records with a kind of score; None if its scale was guessed or is not the only one."""
    scores, scale = report.headlines.scores, scale_in(figure)
    names = [score.name for score in scores if (score.name == scale if scale else score.nps)]
    return {"scale": names[0]} if len(names) == 1 and not any(score.is_assumed for score in scores) else None


def _scale(report: Report, drivers: Drivers) -> str | None:
    """The scale of a model's scores; None if guessed, as it depends on the selected records, or for a yes/no column."""
    scores = report.headlines.scores
    if drivers.target or any(score.is_assumed for score in scores):
        return None
    if drivers.unit == POOLED:
        return "any"
    names = [score.name for score in scores if score.nps] if drivers.unit == NPS else [drivers.unit]
    return names[0] if len(names) == 1 else None
