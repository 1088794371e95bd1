"""A report in, an Excel workbook out: native charts, one native table per sheet, numbers as numbers, text always as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from vocservice.reporting import words
from vocservice.reporting.causes import Fourfold
from vocservice.reporting.contrast import Contrast
from vocservice.reporting.definitions import Definition, definitions
from vocservice.reporting.estimate import Estimate
from vocservice.reporting.journey import Cell, Comparison, Journey, Tested
from vocservice.reporting.quotes import shown
from vocservice.reporting.report import Report
from vocservice.reporting.scope import CUSTOMERS
from vocservice.reporting.trends import RECORDS, Split

Value = str | float | int | None
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "nan_inf_to_errors": False}
_STYLE = "Table Style Light 9"
_WIDEST = 60
_LONGEST = 32_000
_MEASURED = 200
_CHARTED_DRIVERS = 15
_DEFINITIONS = "Definitions"
_DEFINED: Mapping[str, str] = {
    "Headlines": "net", "Journey": "place", "Stages": "net", "Factors": "net", "Scope": "scope", "Owners": "owner", "Metrics": "owner",
    "Weeks": "scope", "Ladder": "ladder", "Causes of the ladder": "ladder", "Unfixed": "unfixed", "Drivers": "drivers", "Trends": "odd",
    "Changes": "changes",
    "Changes of groups": "changes", "Side by side": "changes", "Levels": "changes",
    "Causes": "causes", "Splits": "causes", "Segments": "segment",
    "Quotes": "quotes", "Shares": "changes",
}  # fmt: skip
_INTERVAL = ("value", "low", "high", "n")
_CELL = ("stage", "factor", "positive", "negative", "mixed", *(f"net {part}" for part in _INTERVAL))
_TESTED = (*(f"{side} {part}" for side in ("before", "after", "difference") for part in _INTERVAL), "p", "q", "verdict")
_FIRST, _SECOND = "first", "second"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one table; unknown values are empty cells."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Value, ...]]

    @property
    def definition(self) -> str:
        """The key of its definition; blank for none."""
        return _DEFINED.get(self.name, "")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A native chart of rows `first` to `last` (0 is the header) of a sheet: names, values, and interval limits."""

    title: str
    kind: str
    sheet: Sheet
    first: int
    last: int
    names: str
    values: str
    ends: tuple[str, str] | None = None


def write_workbook(report: Report, path: Path) -> None:
    """Write the file.

    Raises:
        OSError: it cannot be written.
        xlsxwriter.exceptions.XlsxWriterException: the same, raised by the library.
    """
    sheets = {sheet.name: sheet for sheet in sheets_of(report)}
    with xlsxwriter.Workbook(str(path), _OPTIONS) as workbook:
        _write_contents(workbook.add_worksheet("Contents"), list(sheets.values()))
        charts = workbook.add_worksheet("Charts")
        _write_all(workbook, list(sheets.values()))
        _write_charts(workbook, charts, _drawings(report, sheets))


def write_contrast(found: Contrast, path: Path) -> None:
    """Write a comparison of two sets; raises as `write_workbook`."""
    sheets = list(_sheets_of_contrast(found))
    with xlsxwriter.Workbook(str(path), _OPTIONS) as workbook:
        _write_contents(workbook.add_worksheet("Contents"), sheets)
        _write_all(workbook, sheets)


def _sheets_of_contrast(found: Contrast) -> Iterator[Sheet]:
    """Both sets, their maps, and the differences."""
    comparison = found.comparison
    sides = ((_FIRST, comparison.maps[0]), (_SECOND, comparison.maps[1]))
    yield Sheet("Sets", ("set", "what", "records"), [
        (_FIRST, comparison.before, comparison.n_before), (_SECOND, comparison.after, comparison.n_after),
        ("both", "records in both sets", found.shared),
        *(("versions", name, None) for name in found.versions)])  # fmt: skip
    yield Sheet("Shares", ("figure", *_TESTED), [(one.figure, *_tested(one)) for one in found.gaps])
    yield Sheet("Journey", ("set", *_CELL), [(side, *_cell(cell)) for side, journey in sides for cell in _cells(journey)])
    yield from _compared(comparison, found.causes, found.splits)
    yield from _definitions(definitions(customers=CUSTOMERS))


def _write_all(workbook: xlsxwriter.Workbook, sheets: Sequence[Sheet]) -> None:
    for number, sheet in enumerate(sheets, 2):
        _write(workbook.add_worksheet(sheet.name), sheet, number)


def sheets_of(report: Report) -> Iterator[Sheet]:
    """Every table of a report."""
    yield Sheet("Headlines", ("figure", *_INTERVAL), list(_headlines(report)))
    yield Sheet("Journey", _CELL, [_cell(cell) for cell in _cells(report.journey)])
    yield Sheet("Stages", ("stage", "records", "silent", *_named("share"), *_named("sentiment")), [
        (stage.key, stage.n, "yes" if stage.is_silent else "no", *_parts(stage.share), *_parts(stage.sentiment))
        for stage in report.journey.stages])  # fmt: skip
    yield Sheet("Factors", ("factor", "group", "owner", "positive", "negative", "mixed", *_named("net"), *_named("share")), [
        (one.key, one.group, one.owner, one.total.positive, one.total.negative, one.total.mixed, *_parts(one.total.net), *_parts(one.share))
        for one in report.journey.factors])  # fmt: skip
    yield from _scope(report)
    yield from _drivers(report)
    yield from _trends(report)
    yield from _compared(report.comparison, report.causes, report.splits)
    yield Sheet("Segments", ("value", "records", *_named("sentiment"), *_named("service"), *_named("experience"), *_named("score")), [
        (one.name, one.records, *_parts(one.sentiment), *_parts(one.service), *_parts(one.experience), *_parts(one.score))
        for one in report.segments])  # fmt: skip
    yield Sheet("Quotes", ("stage", "factor", "polarity", "records", "id", "text", "evidence"), [
        (one.stage, one.factor, one.polarity, one.records, quote.id, "".join(piece.text for piece in quote.pieces),
         " … ".join(piece.text for piece in quote.pieces if piece.is_evidence))
        for one in report.quotes for quote in one.quotes])  # fmt: skip
    yield from _definitions(report.definitions)


def _headlines(report: Report) -> Iterator[tuple[Value, ...]]:
    heads = report.headlines
    counts = {"records": heads.records, "customers": heads.customers, "transcripts": heads.transcripts, "dated": heads.dates.dated}
    counts |= {"undated": heads.dates.undated, "future dates": heads.dates.future, "scores not used": heads.unused_scores}
    counts |= {f"left out: {code}": count for code, count in heads.skipped.items()}
    counts |= {f"model {name}": count for name, count in heads.models.items()}
    for name, count in counts.items():
        yield (name, count, None, None, None)
    yield ("net sentiment", *_parts(heads.sentiment))
    yield ("negative records", *_parts(heads.negative))
    for key, found in report.scope.shares.items():
        yield (f"scope {key}", *_parts(found))
    for score in heads.scores:
        yield (f"mean {words.scale_name(score.name)}", *_parts(score.mean))
        if score.nps:
            yield (f"NPS of {words.scale_name(score.name)}", *_parts(score.nps))


def _scope(report: Report) -> Iterator[Sheet]:
    scope = report.scope
    yield Sheet("Scope", ("scope", *_INTERVAL), [
        (words.label_of(report.taxonomy, "scope", key), *_parts(found)) for key, found in scope.shares.items()])  # fmt: skip
    yield Sheet("Owners", ("owner", "records", *_named("share"), "service complaints", "experience issues", "main factor", "metrics"), [
        (one.key, one.records, *_parts(one.share), one.service, one.experience, one.main_factor, ", ".join(one.metrics))
        for one in scope.owners])  # fmt: skip
    yield Sheet("Metrics", ("metric", "records", *_named("share")), [(one.key, one.records, *_parts(one.share)) for one in scope.metrics])
    shares = ("service", "experience", "both")
    yield Sheet("Weeks", ("monday", "records", *(column for name in shares for column in _named(name))), [
        (one.monday.isoformat(), one.n, *_parts(one.service), *_parts(one.experience), *_parts(one.both))
        for one in scope.weeks])  # fmt: skip
    columns = ("step", "stage", "factor", "owner", "records", "customers", "weeks", "base", "expected", "ratio", "p", "q")
    yield Sheet("Ladder", (*columns, "experience issues", "words in common", "ids"), [
        (one.step, one.stage, one.factor, one.owner, one.records, one.customers, one.weeks, one.base, one.expected, one.ratio, one.p, one.q,
         one.experience_issues, ", ".join(one.words), ", ".join(one.ids)) for one in scope.ladder])  # fmt: skip
    told = ("stage", "factor", "step", "words", "records", "looked at", "customers", "weeks", *_named("share"))
    yield Sheet("Causes of the ladder", (*told, "tested", "base", "expected", "ratio", "p", "q", "ids"), [
        (rung.stage, rung.factor, one.step, ", ".join(one.words), one.records, rung.looked, one.customers, one.weeks, *_parts(one.share),
         one.tested, one.base, one.expected, one.ratio, one.p, one.q, ", ".join(one.ids))
        for rung in scope.ladder for one in rung.causes])  # fmt: skip
    yield Sheet("Unfixed", ("stage", "factor", "transcripts"), list(scope.unfixed.causes))


def _drivers(report: Report) -> Iterator[Sheet]:
    columns = (
        "score",
        "said",
        "kind",
        "term",
        "polarity",
        "n",
        "share",
        "impact",
        "low",
        "high",
        "q",
        "without",
        "without low",
        "without high",
        "r2",
        "r2 low",
        "r2 high",
        "priority",
    )
    yield Sheet("Drivers", columns, [
        (model.unit, words.term_name(report.taxonomy, one.term), one.term.kind, one.term.key, one.term.polarity, one.n, one.share,
         one.impact, one.low, one.high, one.q,
         one.without, one.without_low, one.without_high, one.importance,
         one.importance_low, one.importance_high, one.quadrant)
        for model in (report.drivers, *report.other_drivers) for one in model.drivers])  # fmt: skip


def _trends(report: Report) -> Iterator[Sheet]:
    columns = ("figure", "bucket", "kind", "start", "cut off", "hits", "n", "customers", "value", "low", "high")
    yield Sheet("Trends", (*columns, "expected low", "expected high", "q", "verdict"), [
        (series.figure, series.bucket, series.kind, point.start.isoformat(), "yes" if point.is_partial else "no", point.hits, point.n,
         point.customers, *_parts(point.estimate)[:3], point.low, point.high, point.q, point.verdict)
        for series in report.series for point in series.points])  # fmt: skip


def _compared(comparison: Comparison | None, causes: Sequence[Fourfold], splits: Sequence[Split]) -> Iterator[Sheet]:
    changes = comparison.changes if comparison else ()
    yield Sheet("Changes", ("stage", "factor", *_TESTED), [(one.stage, one.factor, *_tested(one)) for one in changes])
    groups = comparison.groups if comparison else ()
    yield Sheet("Changes of groups", ("stage", "group", *_TESTED), [(one.stage, one.factor, *_tested(one)) for one in groups])
    shifts = comparison.shifts if comparison else ()
    yield Sheet("Side by side", ("kind", "key", *_TESTED), [(one.kind, one.key, *_tested(one)) for one in shifts])
    levels = comparison.levels if comparison else ()
    yield Sheet("Levels", ("kind", "figure", *_TESTED), [(one.kind, one.key, *_tested(one)) for one in levels])
    yield Sheet("Causes", ("figure", "part", *_INTERVAL, "note"), [
        (one.figure, name, *_parts(part), note) for one in causes
        for name, part, note in (("change", one.change, ""), *((cause.name, cause.part, cause.note) for cause in one.causes))])  # fmt: skip
    yield Sheet("Splits", ("figure", "channel", "before", "after", "mix", "rates", "n before", "n after"), [
        row for split in splits for row in (
            (split.figure, "all", split.before, split.after, split.mix, split.rate, split.n_before, split.n_after),
            *((split.figure, f"channel {part.channel}", part.rate_before, part.rate_after, part.mix, part.rate, None, None)
              for part in split.parts))])  # fmt: skip


def _cells(journey: Journey) -> list[Cell]:
    return [cell for stage in journey.stages for cell in stage.cells] + [*journey.elsewhere]


def _cell(cell: Cell) -> tuple[Value, ...]:
    return (cell.stage, cell.factor, cell.positive, cell.negative, cell.mixed, *_parts(cell.net))


def _tested(one: Tested) -> tuple[Value, ...]:
    return *_parts(one.before), *_parts(one.after), *_parts(one.difference), one.p, one.q, one.verdict


def _definitions(found: Mapping[str, Definition]) -> Iterator[Sheet]:
    yield Sheet(_DEFINITIONS, ("key", "figure", "meaning and method"), [(key, one.title, one.text) for key, one in found.items()])


def _write_contents(worksheet: Worksheet, sheets: Sequence[Sheet]) -> None:
    """Table of contents, with links to each sheet and its definition."""
    places = {row[0]: at for sheet in sheets if sheet.name == _DEFINITIONS for at, row in enumerate(sheet.rows, 2)}
    for line, sheet in enumerate(sheets, 1):
        worksheet.write_url(line, 0, f"internal:'{sheet.name}'!A1", string=sheet.name)
        worksheet.write_number(line, 1, len(sheet.rows))
        if sheet.definition:
            worksheet.write_url(line, 2, f"internal:'{_DEFINITIONS}'!A{places[sheet.definition]}", string=sheet.definition)
    columns = [{"header": name} for name in ("sheet", "rows", "definition")]
    worksheet.add_table(0, 0, len(sheets), 2, {"name": "Table1", "columns": columns, "style": _STYLE})
    worksheet.set_column(0, 2, 18)


def _drawings(report: Report, sheets: Mapping[str, Sheet]) -> Iterator[Drawing]:
    """The charts that a spreadsheet can draw natively from its tables."""
    scope, drivers, trends = sheets["Scope"], sheets["Drivers"], sheets["Trends"]
    if any(row[1] is not None for row in scope.rows):
        yield Drawing("Service complaints against experience issues", "bar", scope, 1, len(scope.rows), "scope", "value", ("low", "high"))
    if drivers.rows:
        first = sum(row[0] == drivers.rows[0][0] for row in drivers.rows)
        last = min(first, _CHARTED_DRIVERS)
        yield Drawing("What moves the score", "bar", drivers, 1, last, "said", "impact", ("low", "high"))
    for series in (one for one in report.series if one.is_drawn):
        lines = [at for at, row in enumerate(trends.rows, 1) if row[:2] == (series.figure, series.bucket)]
        if len(lines) > 1:
            values = "n" if series.figure == RECORDS else "value"
            yield Drawing(words.series_title(report.taxonomy, series), "line", trends, lines[0], lines[-1], "start", values)


def _write_charts(workbook: xlsxwriter.Workbook, worksheet: Worksheet, drawings: Iterable[Drawing]) -> None:
    for at, drawing in enumerate(drawings):
        chart = workbook.add_chart({"type": drawing.kind})
        chart.add_series(_series(drawing))
        chart.set_title({"name": drawing.title, "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        if drawing.kind == "bar":
            chart.set_y_axis({"reverse": True, "label_position": "low"})
        chart.set_size({"width": 720, "height": 405})
        worksheet.insert_chart((at // 2) * 22, (at % 2) * 12, chart)


def _series(drawing: Drawing) -> dict[str, Any]:
    sheet, first, last = drawing.sheet, drawing.first, drawing.last
    at = sheet.columns.index
    parts = {"categories": drawing.names, "values": drawing.values}
    series: dict[str, Any] = {part: [sheet.name, first, at(name), last, at(name)] for part, name in parts.items()}
    if drawing.ends:
        columns = [at(name) for name in (drawing.values, *drawing.ends)]
        bars = [[float(row[column] or 0) for column in columns] for row in sheet.rows[first - 1 : last]]
        minus, plus = [value - low for value, low, _ in bars], [high - value for value, _, high in bars]
        series["y_error_bars"] = {"type": "custom", "plus_values": plus, "minus_values": minus}
    return series


def _named(name: str) -> tuple[str, ...]:
    return tuple(f"{name} {part}" for part in _INTERVAL)


def _parts(found: Estimate) -> tuple[Value, ...]:
    return found.value, found.low, found.high, found.n


def _write(worksheet: Worksheet, sheet: Sheet, number: int) -> None:
    """Write cells individually, each with its own type, then frame them as a table."""
    rows = sheet.rows or [(None,) * len(sheet.columns)]
    for line, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            _write_cell(worksheet, line, column, value)
    columns = [{"header": column} for column in sheet.columns]
    worksheet.add_table(0, 0, len(rows), len(columns) - 1, {"name": f"Table{number}", "columns": columns, "style": _STYLE})
    for at, name in enumerate(sheet.columns):
        worksheet.set_column(at, at, _width(name, [row[at] for row in rows[:_MEASURED]]))
    worksheet.freeze_panes(1, 0)


def _width(name: str, values: Sequence[Value]) -> int:
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    return min(max(longest, len(name) + 3) + 1, _WIDEST)


def _write_cell(worksheet: Worksheet, line: int, column: int, value: Value) -> None:
    if isinstance(value, int | float):
        worksheet.write_number(line, column, value)
    elif value:
        worksheet.write_string(line, column, shown(value)[:_LONGEST])
