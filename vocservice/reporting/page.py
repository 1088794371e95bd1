"""A report in, one self-contained HTML page out: inline styles and charts, no script, no network.

The template escapes every text; only the style sheet and the charts, which escape their own texts, are inserted raw.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vocservice.reporting import words
from vocservice.reporting.chance import chance_text
from vocservice.reporting.charted import CHARTED, drawn_of, slug
from vocservice.reporting.charts import Bar, Chart, Dot, Mark, intervals, lines, scatter
from vocservice.reporting.contrast import Contrast
from vocservice.reporting.definitions import ELSEWHERE, Definition, definitions
from vocservice.reporting.drivers import POOLED, Driver, Drivers
from vocservice.reporting.estimate import MIN_N, Estimate
from vocservice.reporting.gist import gist
from vocservice.reporting.journey import Cell, Change, Comparison
from vocservice.reporting.leading import Links, days_of, driver_leads, filters_of, hits_of, leads_of, point_lead
from vocservice.reporting.measures import Kind
from vocservice.reporting.plural import plural
from vocservice.reporting.quotes import shown
from vocservice.reporting.report import Report
from vocservice.reporting.scope import CUSTOMERS, ScopeFigures
from vocservice.reporting.trends import BUCKETS, Point, Series
from vocservice.taxonomy import Taxonomy

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_DRIVERS = 15
SHOWN_RUNGS = 15
SHOWN_CHANGES = 20
_MAPS: Mapping[str, str] = {
    "groups": "Journey map: net sentiment by stage and group of factors",
    "cells": "Journey map: net sentiment by stage and factor",
}
_UNITS: Mapping[Kind, str] = {"count": "records", "share": "share", "balance": "−1 to +1", "mean": "mean"}
# The maps of two sets as pictures: set, and by groups or single factors.
CONTRAST_MAPS: Mapping[str, tuple[int, str]] = {
    "first": (0, "groups"),
    "second": (1, "groups"),
    "first-cells": (0, "cells"),
    "second-cells": (1, "cells"),
}
_STEPS = ((0.7, 3), (0.4, 2), (0.0, 1))


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of a page, series by key; None or empty without data."""

    scope: Chart
    models: tuple["Model", ...]
    weeks: Mapping[str, Chart]
    days: Mapping[str, Chart]


@dataclass(frozen=True, slots=True)
class Model:
    """The drivers of one kind of score with their charts; None without data."""

    drivers: Drivers
    chart: Chart | None
    priorities: Chart | None


@dataclass(frozen=True, slots=True)
class Slide:
    """One chart as a 16:9 page, to be rendered as a picture; `name`, its number and key, is a file name without suffix."""

    name: str
    page: str

    @property
    def key(self) -> str:
        return self.name.partition("-")[2]


def render(report: Report) -> str:
    """The page."""
    return _environment().get_template("report.html").render(css=_css(), policy=policy(), **_values(report, None))


def figures(report: Report, links: Links) -> str:
    """The sections of the page, to embed in another page; cells and records are links."""
    return _environment().get_template("figures.html").render(**_values(report, links))


def contrasted(found: Contrast, links: tuple[Links | None, Links | None], *, pictures: Callable[[str], str] | None = None) -> str:
    """A comparison of two sets, to embed in another page; cells are links for a set that has links.

    Args:
        found: the two sets.
        links: of each set, if any.
        pictures: URL of a chart as a picture, by its key.
    """
    return _environment().get_template("contrast.html").render(**_contrast_values(found, links) | {"pictures": pictures})


def render_contrast(found: Contrast, *, made: date) -> str:
    """A comparison of two sets as a complete page."""
    values = _contrast_values(found, (None, None))
    return _environment().get_template("contrast_page.html").render(css=_css(), policy=policy(), made=made, **values)


def contrast_slide(found: Contrast, key: str, *, made: date) -> str | None:
    """The 16:9 page of one of the maps of two sets by key (`CONTRAST_MAPS`), to be rendered as a picture; None for other keys."""
    if key not in CONTRAST_MAPS:
        return None
    side, by = CONTRAST_MAPS[key]
    comparison = found.comparison
    name, n = ((comparison.before, comparison.n_before), (comparison.after, comparison.n_after))[side]
    values = {**_contrast_values(found, (None, None)), "css": _css(), "slide_css": _css("slide.css"), "found": None}
    source = f"n = {n}; ranges are 95 % intervals; made {made}"
    title = f"{('First', 'Second')[side]} set: {name}"
    return _environment().get_template("slide.html").render(title=title, by=by, source=source, map=comparison.maps[side], **values)


def _contrast_values(found: Contrast, links: tuple[Links | None, Links | None]) -> dict[str, Any]:
    return {
        "found": found,
        "links": links,
        "numbers": None,
        "pictures": None,
        "least": MIN_N,
        "definitions": definitions(customers=CUSTOMERS),
        "changed": _changed(found.comparison),
        "filters_of": filters_of,
        "shown_changes": shown_changes(found.comparison),
        **_names(found.taxonomy),
    }


def slides(report: Report) -> Iterator[Slide]:
    """Both journey maps, then each chart of the page; each states its n and source."""
    charts = _charts(report)
    models = [chart for model in charts.models for chart in (model.chart, model.priorities)]
    drawn = filter(None, (charts.scope, *models, *charts.weeks.values(), *charts.days.values()))
    values = {**_values(report, None), "css": _css(), "slide_css": _css("slide.css"), "source": _source(report)}
    template = _environment().get_template("slide.html")
    maps = [(f"journey-{by}" if by == "cells" else "journey", title, None, by) for by, title in _MAPS.items()]
    for number, (name, title, found, by) in enumerate([*maps, *((one.key, one.title, one, "") for one in drawn)], 1):
        yield Slide(f"{number:02d}-{name}", template.render(title=title, found=found, by=by, map=report.journey, **values))


def slide(report: Report, key: str) -> str | None:
    """One slide by its key; None without data."""
    return next((one.page for one in slides(report) if one.key == key), None)


def _source(report: Report) -> str:
    heads = report.headlines
    days = f", {heads.dates.first} to {heads.dates.last}" if heads.dates.first else ""
    models = ", ".join(heads.models) or "none"
    return f"{report.title}: n = {heads.records}{days}; ranges are 95 % intervals; model {models}; made {report.made}"


def policy() -> str:
    """The content security policy of the page: only its own style sheet, by hash."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _values(report: Report, links: Links | None) -> Mapping[str, Any]:
    return {
        "report": report,
        "links": links,
        "numbers": links.chart if links else None,
        "pictures": links.picture if links else None,
        "sides": links.sides(report) if links else (None, None),
        "leads": leads_of(report, links) if links else {},
        "days_of": partial(days_of, report.made),
        "driver_leads": partial(driver_leads, report, links) if links else None,
        "numbers_of": {key: slug(one.figure, one.bucket) for bucket in BUCKETS for key, one in drawn_of(report, bucket).items()},
        "value_text": words.value_text,
        "expected_text": words.expected_text,
        "point_lead": partial(point_lead, report, links) if links else None,
        "charted": CHARTED,
        "charts": _charts(report),
        "least": MIN_N,
        "gist": gist(report),
        "definitions": _defined(report),
        "shown_rungs": report.scope.ladder[:SHOWN_RUNGS],
        "changed": _changed(report.comparison),
        "shown_changes": shown_changes(report.comparison),
        "pooled": POOLED,
        "tested_points": sum(point.p is not None for series in report.series for point in series.points),
        "anomalies": tuple((series, point) for series in report.series for point in series.anomalies),
        **_names(report.taxonomy),
    }


def _defined(report: Report) -> Mapping[str, Definition]:
    """The definitions of a report; the one of segments only if it has some."""
    left_out = ELSEWHERE if report.segment else (*ELSEWHERE, "segment")
    return {key: one for key, one in report.definitions.items() if key not in left_out}


def _changed(comparison: Comparison | None) -> Mapping[str, Mapping[tuple[str | None, str], Change]]:
    """The changes of each cell of the factor map and the group map; empty without a comparison."""
    found = {"cells": comparison.changes, "groups": comparison.groups} if comparison else {"cells": (), "groups": ()}
    return {by: {(change.stage, change.factor): change for change in changes} for by, changes in found.items()}


def look_of(cell: Cell) -> str:
    """CSS class of a cell: coloured only if the interval excludes zero, hatched if too little is known."""
    if not cell.n:
        return "none"
    return tone_of(cell.net)


def tone_of(found: Estimate) -> str:
    """CSS class of a net sentiment."""
    if found.value is None:
        return "unknown"
    if not found.is_clear:
        return "even"
    step = next(step for least, step in _STEPS if abs(found.value) >= least)
    return f"{'good' if found.value > 0 else 'bad'}{step}"


def cell_text(cell: Cell, change: Change | None) -> str:
    """Tooltip of a cell: its counts, net sentiment and change with intervals."""
    counts = f"{cell.positive} praise, {cell.negative} blame, {cell.mixed} mixed; net sentiment {words.net_text(cell.net)}"
    return f"{counts}. {words.change_text(change)}" if change else counts


def _names(taxonomy: Taxonomy) -> Mapping[str, Callable[..., str]]:
    return {
        "stage_name": partial(words.label_of, taxonomy, "stages"),
        "factor_name": partial(words.label_of, taxonomy, "factors"),
        "scope_name": partial(words.label_of, taxonomy, "scope"),
        "owner_name": partial(words.owner_name, taxonomy),
        "metric_name": partial(words.metric_name, taxonomy),
        "term_name": partial(words.term_name, taxonomy),
        "figure_name": partial(words.figure_name, taxonomy),
        "level_text": words.level_text,
    }


def _charts(report: Report) -> Charts:
    models = tuple(_model(found, report.taxonomy, number) for number, found in enumerate((report.drivers, *report.other_drivers), 1))
    weeks, days = ({key: _series_chart(key, one, report.taxonomy) for key, one in drawn_of(report, bucket).items()} for bucket in BUCKETS)
    return Charts(_scope_chart(report.scope, report.taxonomy), models, weeks, days)


def _model(drivers: Drivers, taxonomy: Taxonomy, number: int) -> Model:
    key = f"-{number}" if number > 1 else ""
    return Model(
        drivers,
        _driver_chart(drivers, taxonomy, f"drivers{key}") if drivers.drivers else None,
        _priority_chart(drivers, taxonomy, f"priorities{key}") if any(driver.quadrant for driver in drivers.drivers) else None,
    )


def _scope_chart(scope: ScopeFigures, taxonomy: Taxonomy) -> Chart:
    bars = [_bar(words.label_of(taxonomy, "scope", key), found) for key, found in scope.shares.items()]
    unit = "share of records with a scope"
    return intervals("scope", "Service complaints against experience issues", bars, bounds=(0.0, 1.0), unit=unit, has_sides=False)


def _bar(label: str, found: Estimate) -> Bar:
    return Bar(label, found.value, found.low, found.high, words.share_text(found))


def _driver_chart(drivers: Drivers, taxonomy: Taxonomy, key: str) -> Chart:
    bars = [
        Bar(words.term_name(taxonomy, driver.term), driver.impact, driver.low, driver.high, _impact_note(driver), driver.is_clear)
        for driver in drivers.drivers[:SHOWN_DRIVERS]
    ]
    scale = words.scale_name(drivers.unit)
    title = f"What moves the score of {plural(drivers.n, 'record')}: {scale}"
    return intervals(key, title, bars, bounds=(0.0, 0.0), unit=f"change on {scale}")


def _impact_note(driver: Driver) -> str:
    return f"{words.impact_text(driver)}, n = {driver.n}, {chance_text(driver.q, 'q')}"


def _priority_chart(drivers: Drivers, taxonomy: Taxonomy, key: str) -> Chart:
    marks = [
        Mark(words.term_name(taxonomy, driver.term), driver.share, -driver.impact, driver.is_clear)
        for driver in drivers.drivers
        if driver.quadrant
    ]
    title = f"Volume against impact of what is blamed: {words.scale_name(drivers.unit)}"
    return scatter(key, title, marks, names=("share of scored records", "lowers the score by"))


def _series_chart(key: str, series: Series, taxonomy: Taxonomy) -> Chart:
    dots = [_dot(series, point) for point in series.points]
    bounds = None if series.kind in ("count", "share") else series.bounds
    return lines(key, words.series_title(taxonomy, series), dots, unit=_UNITS[series.kind], bounds=bounds)


def _dot(series: Series, point: Point) -> Dot:
    value = float(point.n) if series.kind == "count" else point.estimate.value
    parts = [words.value_text(series, point), words.expected_text(series, point), point.verdict if point.is_odd else ""]
    note = "; ".join(filter(None, [*parts, "cut off" if point.is_partial else ""]))
    return Dot(point.start.isoformat(), value, point.low, point.high, point.is_odd, note)


def shown_changes(comparison: Comparison | None) -> Sequence[Change]:
    """The clear changes of cells, largest first."""
    return comparison.clear[:SHOWN_CHANGES] if comparison else ()


def _filters() -> Iterator[tuple[str, Callable[..., Any]]]:
    yield "shown", shown
    yield "hits", hits_of
    yield "plural", plural
    yield "percent", words.percent
    yield "signed", words.signed
    yield "number", words.number
    yield "share", words.share_text
    yield "net", words.net_text
    yield "mean", words.mean_text
    yield "look", look_of
    yield "tone", tone_of
    yield "part", words.part_text
    yield "level", words.level
    yield "moved", words.moved
    yield "difference", words.difference_text
    yield "scale", words.scale_name
    yield "impact", words.impact_text
    yield "without", words.without_text
    yield "told", cell_text
    yield "chance", chance_text


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
