"""A report in, the numbers behind each chart and table of its page out; `CHARTED` is their registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vocservice.reporting.measures import NPS, is_own
from vocservice.reporting.report import FORMAT, Report, plain
from vocservice.reporting.slots import Bucket
from vocservice.reporting.trends import BUCKETS, DRAWN, Series

SCORES = "scores"


@dataclass(frozen=True, slots=True)
class Charted:
    """The data of one chart or table.

    Attributes:
        definition: the key of its definition.
        of: computes its numbers.
        waits_for: the slow figure (`report.LATER`) it needs; blank for none.
    """

    title: str
    definition: str
    of: Callable[[Report], object]
    waits_for: str = ""


def slug(figure: str, bucket: Bucket) -> str:
    """The chart name of a series: its own, or that of all kinds of score."""
    return (SCORES if is_own(figure) else figure.replace(" ", "-")) + ("-by-day" if bucket == "day" else "")


def drawn_of(report: Report, bucket: Bucket) -> Mapping[str, Series]:
    """The series drawn by week or by day, by chart key: the name of its chart, numbered if it has several."""
    found: dict[str, Series] = {}
    for series in (one for one in report.series if one.is_drawn and one.bucket == bucket):
        name = slug(series.figure, bucket)
        number = 1 + sum(slug(one.figure, bucket) == name for one in found.values())
        found[f"{name}-{number}" if number > 1 else name] = series
    return found


def _figure(name: str, bucket: Bucket, report: Report) -> Series | None:
    return next((series for series in report.series if (series.figure, series.bucket) == (name, bucket)), None)


def _scores(bucket: Bucket, report: Report) -> Sequence[Series]:
    return [series for series in report.series if is_own(series.figure) and series.bucket == bucket]


def _compared(report: Report) -> Mapping[str, object] | None:
    found = report.comparison
    if found is None:
        return None
    names = ("before", "after", "n_before", "n_after", "channels", "changes", "groups")
    return {name: getattr(found, name) for name in names}


def _odd(report: Report) -> Sequence[Mapping[str, object]]:
    return [{"figure": series.figure, "bucket": series.bucket, "point": point} for series in report.series for point in series.anomalies]


CHARTED: Mapping[str, Charted] = {
    "headlines": Charted("Headlines", "net", lambda report: report.headlines),
    "journey": Charted("Journey map", "place", lambda report: report.journey),
    "factors": Charted("Factors over all stages", "net", lambda report: report.journey.factors),
    "scope": Charted("Service complaints against experience issues", "scope", lambda report: report.scope.shares),
    "scope-weeks": Charted("Scope week by week", "scope", lambda report: report.scope.weeks),
    "owners": Charted("Owners", "owner", lambda report: report.scope.owners),
    "metrics": Charted("Metrics", "owner", lambda report: report.scope.metrics),
    "ladder": Charted("Promotion ladder", "ladder", lambda report: report.scope.ladder, "words"),
    "unfixed": Charted("Recovered but unfixed", "unfixed", lambda report: report.scope.unfixed),
    "drivers": Charted("Drivers of the score", "drivers", lambda report: report.drivers, "drivers"),
    "other-drivers": Charted("Drivers of other kinds of score", "drivers", lambda report: report.other_drivers, "drivers"),
    "priorities": Charted(
        "Volume against impact", "priority", lambda report: [one for one in report.drivers.drivers if one.quadrant], "drivers"
    ),
    "segments": Charted("By segment", "segment", lambda report: report.segments),
    "series": Charted("Every series", "odd", lambda report: report.series, "series"),
    **{
        slug(name, bucket): Charted(f"{name.capitalize()} by {bucket}", "odd", partial(_figure, name, bucket), "series")
        for name in DRAWN
        for bucket in BUCKETS
    },
    **{slug(NPS, bucket): Charted(f"Scores by {bucket}", "odd", partial(_scores, bucket), "series") for bucket in BUCKETS},
    "anomalies": Charted("What stands out", "odd", _odd, "series"),
    "handovers": Charted("Other models and taxonomies", "causes", lambda report: report.handovers),
    "changes": Charted("What changed, cell by cell", "changes", _compared),
    "levels": Charted("Sentiment and scores side by side", "changes", lambda report: report.comparison.levels if report.comparison else ()),
    "side-by-side": Charted("Net sentiment side by side", "changes", lambda report: report.comparison.shifts if report.comparison else ()),
    "causes": Charted("Changes split four ways", "causes", lambda report: report.causes, "causes"),
    "mix": Charted("Mix of channels and rates within them", "causes", lambda report: report.splits),
    "quotes": Charted("In customers’ words", "quotes", lambda report: report.quotes, "quotes"),
}


def chart_of(report: Report, name: str) -> dict[str, Any]:
    """One chart, ready for `json.dumps`: title, definition, number of records, and its numbers.

    Args:
        report: complete as far as the chart needs.
        name: of `CHARTED`.
    """
    chart = CHARTED[name]
    said = report.definitions[chart.definition]
    about = {"format": FORMAT, "chart": name, "title": chart.title, "definition": plain(said), "taxonomy": report.taxonomy.id}
    return {**about, "made": report.made.isoformat(), "records": report.headlines.records, "data": plain(chart.of(report))}
