"""A report in, one HTML page out that needs nothing else: style and charts inline, no script, nothing fetched.

Every text is escaped by the template; only the style sheet and the charts, which escape their own texts, go in as they are.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vocservice.reporting import words
from vocservice.reporting.charted import CHARTED, slug
from vocservice.reporting.charts import Bar, Chart, Dot, Mark, intervals, lines, scatter
from vocservice.reporting.contrast import Contrast
from vocservice.reporting.definitions import definitions
from vocservice.reporting.drivers import Driver, Drivers
from vocservice.reporting.estimate import MIN_N, Estimate
from vocservice.reporting.journey import Cell, Change, Comparison
from vocservice.reporting.quotes import shown
from vocservice.reporting.report import DRAWN, Report
from vocservice.reporting.scope import CUSTOMERS, ScopeFigures
from vocservice.reporting.trends import Point, Series
from vocservice.taxonomy import Taxonomy

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_DRIVERS = 15
SHOWN_RUNGS = 15
SHOWN_CHANGES = 20
_STEPS = ((0.7, 3), (0.4, 2), (0.0, 1))


@dataclass(frozen=True, slots=True)
class Charts:
    """The drawings of a page; null or empty where there is nothing to draw."""

    scope: Chart
    drivers: Chart | None
    priorities: Chart | None
    series: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Slide:
    """One chart as a page of its own, 16 by 9, to be drawn as a picture; `name` is a file name without suffix."""

    name: str
    page: str


class Links(Protocol):
    """Where a figure leads to, on pages that have more than the report."""

    def cell(self, cell: Cell) -> str:
        """The URL of the records that a cell of the journey map counts."""
        ...

    def chart(self, name: str) -> str:
        """The URL of the numbers of a chart, by its name in `charted`."""
        ...

    def record(self, record_id: str) -> str:
        """The URL of a record."""
        ...


def render(report: Report) -> str:
    """The page."""
    return _environment().get_template("report.html").render(css=_css(), policy=policy(), **_values(report, None))


def figures(report: Report, links: Links) -> str:
    """The sections of the page alone, for a page that brings its own head and style; cells and records lead on."""
    return _environment().get_template("figures.html").render(**_values(report, links))


def contrasted(found: Contrast, links: tuple[Links | None, Links | None]) -> str:
    """Two sets side by side, for a page that brings its own head and style; cells lead to the records of a set that has links."""
    values = {
        "found": found,
        "links": links,
        "numbers": None,
        "least": MIN_N,
        "definitions": definitions(customers=CUSTOMERS),
        "verdicts": found.comparison.moved,
        "shown_changes": shown_changes(found.comparison),
        "figure_name": partial(_figure_name, found.taxonomy),
    }
    return _environment().get_template("contrast.html").render(**values, **_names(found.taxonomy))


def slides(report: Report) -> Iterator[Slide]:
    """The journey map, then each chart of the page; each says its n and of whom."""
    charts = _charts(report)
    drawn: list[Chart | None] = [None, charts.scope, *filter(None, (charts.drivers, charts.priorities)), *charts.series]
    values = {**_values(report, None), "css": _css(), "slide_css": _css("slide.css"), "source": _source(report)}
    template = _environment().get_template("slide.html")
    for number, found in enumerate(drawn, 1):
        title = found.title if found else "Journey map: net sentiment by stage and group of factors"
        yield Slide(f"{number:02d}-{found.key if found else 'journey'}", template.render(title=title, found=found, **values))


def _source(report: Report) -> str:
    heads = report.headlines
    days = f", {heads.dates.first} to {heads.dates.last}" if heads.dates.first else ""
    models = ", ".join(heads.models) or "none"
    return f"{report.title}: n = {heads.records}{days}; ranges are 95 % intervals; model {models}; made {report.made}"


def policy() -> str:
    """The content security policy of the page: its own style sheet, by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _values(report: Report, links: Links | None) -> Mapping[str, Any]:
    return {
        "report": report,
        "links": links,
        "numbers": links.chart if links else None,
        "charted": CHARTED,
        "charts": _charts(report),
        "least": MIN_N,
        "definitions": definitions(customers=report.customers_wanted),
        "shown_rungs": report.scope.ladder[:SHOWN_RUNGS],
        "verdicts": report.comparison.moved if report.comparison else {},
        "shown_changes": shown_changes(report.comparison),
        "anomalies": tuple((series.figure, point) for series in report.series for point in series.anomalies),
        **_names(report.taxonomy),
    }


def look_of(cell: Cell) -> str:
    """The class of a cell: painted only where the interval leaves out zero, hatched where too little is known."""
    if not cell.n:
        return "none"
    return tone_of(cell.net)


def tone_of(found: Estimate) -> str:
    """The class of a net sentiment."""
    if found.value is None:
        return "unknown"
    if not found.is_clear:
        return "even"
    step = next(step for least, step in _STEPS if abs(found.value) >= least)
    return f"{'good' if found.value > 0 else 'bad'}{step}"


def impact_text(driver: Driver, *, digits: int = 2) -> str:
    """Impact with its interval."""
    return f"{words.signed(driver.impact, digits)} ({words.signed(driver.low, digits)} to {words.signed(driver.high, digits)})"


def without_text(driver: Driver, unit: str) -> str:
    """What the mean score would do without it, in plain words."""
    if not driver.is_clear:
        return "no clear effect"
    size = abs(driver.without)
    amount = f"{size:.2f}" if size >= 0.005 else "less than 0.01"
    return f"without it the mean would be {amount} {'higher' if driver.without > 0 else 'lower'} on {unit}"


def _names(taxonomy: Taxonomy) -> Mapping[str, Callable[..., str]]:
    return {
        "stage_name": partial(words.label_of, taxonomy, "stages"),
        "factor_name": partial(words.label_of, taxonomy, "factors"),
        "scope_name": partial(words.label_of, taxonomy, "scope"),
        "owner_name": partial(words.owner_name, taxonomy),
        "metric_name": partial(words.metric_name, taxonomy),
        "term_name": partial(words.term_name, taxonomy),
    }


def _figure_name(taxonomy: Taxonomy, figure: str) -> str:
    """A followed share in words; a flag by its label."""
    kind, _, key = figure.partition(" ")
    return words.label_of(taxonomy, "flags", key) if kind == "flag" else figure.capitalize()


def _charts(report: Report) -> Charts:
    drivers = report.drivers
    return Charts(
        _scope_chart(report.scope, report.taxonomy),
        _driver_chart(drivers, report.taxonomy) if drivers.drivers else None,
        _priority_chart(drivers, report.taxonomy) if any(driver.quadrant for driver in drivers.drivers) else None,
        tuple(_series_chart(series) for series in report.series if series.figure in DRAWN),
    )


def _scope_chart(scope: ScopeFigures, taxonomy: Taxonomy) -> Chart:
    bars = [_bar(words.label_of(taxonomy, "scope", key), found) for key, found in scope.shares.items()]
    unit = "share of records with a scope"
    return intervals("scope", "Service complaints against experience issues", bars, bounds=(0.0, 1.0), unit=unit, has_sides=False)


def _bar(label: str, found: Estimate) -> Bar:
    return Bar(label, found.value, found.low, found.high, words.share_text(found))


def _driver_chart(drivers: Drivers, taxonomy: Taxonomy) -> Chart:
    bars = [
        Bar(words.term_name(taxonomy, driver.term), driver.impact, driver.low, driver.high, f"{impact_text(driver)}, n = {driver.n}")
        for driver in drivers.drivers[:SHOWN_DRIVERS]
    ]
    return intervals("drivers", f"What moves the score of {drivers.n} records", bars, bounds=(0.0, 0.0), unit=f"change on {drivers.unit}")


def _priority_chart(drivers: Drivers, taxonomy: Taxonomy) -> Chart:
    marks = [
        Mark(words.term_name(taxonomy, driver.term), driver.share, -driver.impact, driver.is_clear)
        for driver in drivers.drivers
        if driver.quadrant
    ]
    return scatter("priorities", "Volume against impact of what is blamed", marks, names=("share of scored records", "lowers the score by"))


def _series_chart(series: Series) -> Chart:
    unit, title = "records" if series.figure == "records" else "share", f"{series.figure.capitalize()} by {series.bucket}"
    return lines(slug(series.figure), title, [_dot(series, point) for point in series.points], unit=unit)


def _dot(series: Series, point: Point) -> Dot:
    is_volume = series.figure == "records"
    value = float(point.n) if is_volume else point.share.value
    note = f"{point.n}" if is_volume else words.share_text(point.share)
    expected = _expected(point, is_volume=is_volume)
    odd = point.verdict in ("high", "low")
    extra = [expected, point.verdict if odd else "", "cut off" if point.is_partial else ""]
    return Dot(point.start.isoformat(), value, point.low, point.high, odd, "; ".join([note, *filter(None, extra)]))


def _expected(point: Point, *, is_volume: bool) -> str:
    if point.low is None or point.high is None:
        return ""
    if is_volume:
        return f"expected {point.low:.0f} to {point.high:.0f}"
    return f"expected {100 * point.low:.0f} to {100 * point.high:.0f} %"


def shown_changes(comparison: Comparison | None) -> Sequence[Change]:
    """The clear changes of cells, the largest first."""
    clear = comparison.clear if comparison else ()
    return sorted(clear, key=lambda change: -abs(change.difference.value or 0.0))[:SHOWN_CHANGES]


def _filters() -> Iterator[tuple[str, Callable[..., str]]]:
    yield "shown", shown
    yield "percent", words.percent
    yield "signed", words.signed
    yield "number", words.number
    yield "share", words.share_text
    yield "net", words.net_text
    yield "mean", words.mean_text
    yield "look", look_of
    yield "tone", tone_of
    yield "part", words.part_text
    yield "impact", impact_text
    yield "without", without_text


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(_filters())
    return environment


@lru_cache(maxsize=2)
def _css(name: str = "report.css") -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
