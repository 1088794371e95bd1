"""A report in, an Excel workbook out: one native table a sheet, numbers as numbers, text always as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from vocservice.reporting.estimate import Estimate
from vocservice.reporting.quotes import shown
from vocservice.reporting.report import Report

Value = str | float | int | None
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "nan_inf_to_errors": False}
_STYLE = "Table Style Light 9"
_WIDEST = 60
_LONGEST = 32_000
_MEASURED = 200
_INTERVAL = ("value", "low", "high", "n")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one table; a value that is not known is an empty cell."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Value, ...]]


def write_workbook(report: Report, path: Path) -> None:
    """Write the file.

    Raises:
        OSError: it cannot be written.
        xlsxwriter.exceptions.XlsxWriterException: the same, as the library says it.
    """
    with xlsxwriter.Workbook(str(path), _OPTIONS) as workbook:
        for number, sheet in enumerate(sheets_of(report), 1):
            _write(workbook.add_worksheet(sheet.name), sheet, number)


def sheets_of(report: Report) -> Iterator[Sheet]:
    """Every table of a report."""
    yield Sheet("Headlines", ("figure", *_INTERVAL), list(_headlines(report)))
    cells = [cell for stage in report.journey.stages for cell in stage.cells] + [*report.journey.elsewhere]
    yield Sheet("Journey", ("stage", "factor", "positive", "negative", "mixed", *_named("net")), [
        (cell.stage, cell.factor, cell.positive, cell.negative, cell.mixed, *_parts(cell.net)) for cell in cells])  # fmt: skip
    yield Sheet("Stages", ("stage", "records", "silent", *_named("share"), *_named("sentiment")), [
        (stage.key, stage.n, "yes" if stage.is_silent else "no", *_parts(stage.share), *_parts(stage.sentiment))
        for stage in report.journey.stages])  # fmt: skip
    yield Sheet("Factors", ("factor", "group", "owner", "positive", "negative", "mixed", *_named("net"), *_named("share")), [
        (one.key, one.group, one.owner, one.total.positive, one.total.negative, one.total.mixed, *_parts(one.total.net), *_parts(one.share))
        for one in report.journey.factors])  # fmt: skip
    yield from _scope(report)
    yield from _drivers(report)
    yield from _trends(report)
    yield from _changes(report)
    yield Sheet("Segments", ("value", "records", *_named("sentiment"), *_named("service"), *_named("experience"), *_named("score")), [
        (one.name, one.records, *_parts(one.sentiment), *_parts(one.service), *_parts(one.experience), *_parts(one.score))
        for one in report.segments])  # fmt: skip
    yield Sheet("Quotes", ("stage", "factor", "polarity", "records", "id", "text", "evidence"), [
        (one.stage, one.factor, one.polarity, one.records, quote.id, "".join(piece.text for piece in quote.pieces),
         " … ".join(piece.text for piece in quote.pieces if piece.is_evidence))
        for one in report.quotes for quote in one.quotes])  # fmt: skip


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
        yield (f"mean {score.name}", *_parts(score.mean))
        if score.nps:
            yield (f"nps of {score.name}", *_parts(score.nps))


def _scope(report: Report) -> Iterator[Sheet]:
    scope = report.scope
    yield Sheet("Owners", ("owner", "records", *_named("share"), "service complaints", "experience issues", "main factor", "metrics"), [
        (one.key, one.records, *_parts(one.share), one.service, one.experience, one.main_factor, ", ".join(one.metrics))
        for one in scope.owners])  # fmt: skip
    yield Sheet("Metrics", ("metric", "records", *_named("share")), [(one.key, one.records, *_parts(one.share)) for one in scope.metrics])
    yield Sheet("Weeks", ("monday", "records", *_named("service"), *_named("experience")), [
        (one.monday.isoformat(), one.n, *_parts(one.service), *_parts(one.experience)) for one in scope.weeks])  # fmt: skip
    columns = ("step", "stage", "factor", "owner", "records", "customers", "weeks", "base", "expected", "ratio", "p", "q")
    yield Sheet("Ladder", (*columns, "experience issues", "ids"), [
        (one.step, one.stage, one.factor, one.owner, one.records, one.customers, one.weeks, one.base, one.expected, one.ratio, one.p, one.q,
         one.experience_issues, ", ".join(one.ids)) for one in scope.ladder])  # fmt: skip
    yield Sheet("Unfixed", ("stage", "factor", "transcripts"), list(scope.unfixed.causes))


def _drivers(report: Report) -> Iterator[Sheet]:
    columns = (
        "kind",
        "term",
        "polarity",
        "n",
        "share",
        "impact",
        "low",
        "high",
        "without",
        "without low",
        "without high",
        "r2",
        "priority",
    )
    yield Sheet("Drivers", columns, [
        (one.term.kind, one.term.key, one.term.polarity, one.n, one.share, one.impact, one.low, one.high,
         one.without, one.without_low, one.without_high, one.importance, one.quadrant) for one in report.drivers.drivers])  # fmt: skip


def _trends(report: Report) -> Iterator[Sheet]:
    columns = ("figure", "bucket", "start", "cut off", "hits", "n", "share", "low", "high", "expected low", "expected high", "q", "verdict")
    yield Sheet("Trends", columns, [
        (series.figure, series.bucket, point.start.isoformat(), "yes" if point.is_partial else "no", point.hits, point.n,
         *_parts(point.share)[:3], point.low, point.high, point.q, point.verdict)
        for series in report.series for point in series.points])  # fmt: skip


def _changes(report: Report) -> Iterator[Sheet]:
    changes = report.comparison.changes if report.comparison else ()
    columns = ("stage", "factor", *_named("before"), *_named("after"), *_named("difference"), "p", "q", "verdict")
    yield Sheet("Changes", columns, [
        (one.stage, one.factor, *_parts(one.before), *_parts(one.after), *_parts(one.difference), one.p, one.q, one.verdict)
        for one in changes])  # fmt: skip
    yield Sheet("Splits", ("figure", "channel", "before", "after", "mix", "rates", "n before", "n after"), [
        row for split in report.splits for row in (
            (split.figure, "all", split.before, split.after, split.mix, split.rate, split.n_before, split.n_after),
            *((split.figure, f"channel {part.channel}", part.rate_before, part.rate_after, part.mix, part.rate, None, None)
              for part in split.parts))])  # fmt: skip


def _named(name: str) -> tuple[str, ...]:
    return tuple(f"{name} {part}" for part in _INTERVAL)


def _parts(found: Estimate) -> tuple[Value, ...]:
    return found.value, found.low, found.high, found.n


def _write(worksheet: Worksheet, sheet: Sheet, number: int) -> None:
    """Cells first, so that each has its own type; the table only frames them."""
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
