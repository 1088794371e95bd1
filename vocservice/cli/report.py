"""Feedback, labelled or not, in; a report as a page, JSON or a workbook out: `voc report IN... -o OUT`."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import click

from vocservice.api import Analyser
from vocservice.browser import Browser
from vocservice.cli.choices import told_by
from vocservice.cli.failures import OK, SOME_REJECTED
from vocservice.cli.labelled import Columns, Told, items_of, origins_of, told_of
from vocservice.cli.session import analyser_for, configured
from vocservice.errors import InputError, OutputError
from vocservice.interpreter import under_load
from vocservice.reporting.page import render, slides
from vocservice.reporting.report import CHANNEL, DATE, Report, Where, Wish, report_of
from vocservice.reporting.rows import SCORE_KINDS, Row, read_rows
from vocservice.reporting.scope import CUSTOMERS
from vocservice.reporting.spool import Spool
from vocservice.reporting.workbook import write_workbook
from vocservice.settings import load_settings
from vocservice.tables.formats import STANDARD_STREAM, shown_name
from vocservice.tables.partial import Partial, unwritable
from vocservice.taxonomy import Taxonomy, load_taxonomy

PDF = ".pdf"
PAGES = (".html", ".htm", PDF)
_MOST_COMPARED = 2
_BY_OPTION = {field: f"with --{field}-column" for field in ("id", "text", "score", "channel", "subject")} | {
    "created_at": "with --date-column"
}
_DAY = click.DateTime(("%Y-%m-%d",))


@dataclass(frozen=True, slots=True)
class Output:
    """One output file, or `-` for standard output, and its writer."""

    path: str
    write: Callable[[Report, Path], object]


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option("-o", "--output", metavar="OUT", help="The page, one HTML or PDF file by its suffix; - is HTML on standard output.")
@click.option("--json", "json_file", metavar="FILE", help="Also write every figure as JSON; - is standard output.")
@click.option("--xlsx", "xlsx_file", metavar="FILE", help="Also write every figure as an Excel workbook.")
@click.option("--charts", metavar="FOLDER", help="Also write each chart as a PNG of 1600 by 900 pixels into this folder.")
@click.option("--anchors", multiple=True, metavar="FILE", help="The same fixed texts as labelled by one model; give it once per model.")
@click.option("--id-column", help="Column (or JSON key) of the record's id; found by name by default.")
@click.option("--text-column", help="Column (or JSON key) of the text; found by name by default.")
@click.option("--score-column", help="Column (or JSON key) of the score; found by name by default.")
@click.option("--score-kind", type=click.Choice(SCORE_KINDS), help="Kind of score, if the records do not say.")
@click.option("--date-column", help="Column (or JSON key) of the date; found by name by default.")
@click.option("--channel-column", help="Column (or JSON key) of the channel; found by name by default.")
@click.option("--subject-column", help="Column (or JSON key) that identifies customers; found by name by default.")
@click.option("--segment-column", help="Column (or JSON key) to break figures down by.")
@click.option("--target-column", help="Column (or JSON key) with yes and no answers for the drivers to explain, such as recommended.")
@click.option(
    "--compare",
    "compared",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Compare these records with all others; if given twice, with each other.",
)
@click.option("--since", type=_DAY, metavar="DAY", help="First day to report, such as 2025-01-01; undated records are left out.")
@click.option("--until", type=_DAY, metavar="DAY", help="Last day to report.")
@click.option("--origin", metavar="RAW", help="Raw file with the dates, channels, scores and customers of labelled records, by id.")
@click.option(
    "--customers", type=click.IntRange(2), default=CUSTOMERS, show_default=True, help="How many customers make a complaint shared."
)
@click.option("--sheet", help="Sheet of an Excel workbook; the first by default.")
@click.option("--title", default="Voice of the customer", help="Title of the page.")
@click.option("--bundle", help="Version under models/, or path, of the model for records without labels.")
@click.option("--taxonomy", type=click.Path(path_type=Path), help="Taxonomy file that the records were labelled with.")
def report(
    inputs: tuple[str, ...], output: str | None, json_file: str | None, xlsx_file: str | None, charts: str | None, **options: Any
) -> int:
    """Make an analyst's report of labelled or raw records.

    IN is what `voc classify` wrote (JSON Lines, or a table with voc_ columns), or raw records, which are labelled first.
    The page is one file and needs no network. Without --compare, the last four weeks are compared with the four before, and a period
    from --since on with as many days before it.

    Exit codes: 0 success, 2 unusable input, output, option or configuration, 3 some records were rejected or left out,
    130 interrupted.
    """
    outputs = tuple(_outputs(output, json_file, xlsx_file, is_alone=charts is None))
    wish = _wish(options)
    if charts is not None or any(Path(wanted.path).suffix.lower() == PDF for wanted in outputs):
        Browser.find()
    folder = _folder(charts)
    _claim(outputs, [*inputs, *options["anchors"], *filter(None, [options["origin"]])])
    try:
        with under_load():
            made = _made(inputs, options, wish)
        for wanted in outputs:
            _write(wanted, made)
        if folder is not None:
            _write_charts(made, folder)
    except BaseException:
        _release(outputs)
        raise
    return _told(made, [*(wanted.path for wanted in outputs if wanted.path != STANDARD_STREAM), *filter(None, [charts])])


def _outputs(output: str | None, json_file: str | None, xlsx_file: str | None, *, is_alone: bool = True) -> Iterator[Output]:
    """Check the requested outputs.

    Raises:
        click.UsageError: there is none, a suffix is wrong, two are the same, or a workbook would go to standard output.
    """
    named: dict[str, tuple[str | None, tuple[str, ...], Callable[[Report, Path], object]]] = {
        "-o": (output, PAGES, _write_pdf if Path(output or "").suffix.lower() == PDF else _write_page),
        "--json": (json_file, (".json",), _write_json),
        "--xlsx": (xlsx_file, (".xlsx",), write_workbook),
    }
    given = {option: found for option, found in named.items() if found[0] is not None}
    paths = [os.path.abspath(path) if path != STANDARD_STREAM else path for path, _, _ in given.values() if path]
    if (not given and is_alone) or len(set(paths)) < len(paths):
        raise click.UsageError("give -o, --json, --xlsx or --charts, each with a different file")
    for option, (path, suffixes, write) in given.items():
        is_stream = path == STANDARD_STREAM and option != "--xlsx"
        if not is_stream and Path(path or "").suffix.lower() not in suffixes:
            raise click.UsageError(f"{option} needs a name that ends in {' or '.join(suffixes)}")
        yield Output(path or "", write)


def _wish(options: dict[str, Any]) -> Wish:
    compared = tuple(map(parse_where, options["compared"]))
    if len(compared) > _MOST_COMPARED:
        raise click.UsageError("--compare can be given twice at most")
    since, until = (options[name] and options[name].date() for name in ("since", "until"))
    if since and until and since > until:
        raise click.UsageError("--since lies after --until")
    return Wish(
        today=datetime.now().astimezone().date(),
        since=since,
        until=until,
        segment=options["segment_column"],
        target=options["target_column"],
        compared=compared,
        customers=options["customers"],
        title=options["title"],
        theme_customers=load_settings().themes.customers,
    )


def parse_where(text: str) -> Where:
    """`COLUMN=VALUE`.

    Raises:
        click.BadParameter: it has another form.
    """
    column, sign, value = text.partition("=")
    if not (column.strip() and sign and value.strip()):
        raise click.BadParameter("give COLUMN=VALUE, such as channel=email or date=2025-01-01..2025-01-31", param_hint="--compare")
    return Where(column.strip(), value.strip())


def _made(inputs: Sequence[str], options: dict[str, Any], wish: Wish) -> Report:
    if list(inputs).count(STANDARD_STREAM) > 1:
        raise InputError("standard input (-) can be read once only")
    columns = _columns(options, wish)
    load = lru_cache(maxsize=1)(lambda: _analyser(options))
    items = chain.from_iterable(items_of(path, columns) for path in inputs)
    with told_by(_BY_OPTION), Spool() as spool:
        spool.fill(_joined(told_of(items, load), options["origin"], columns))
        taxonomy = load().taxonomy if load.cache_info().currsize else load_taxonomy(options["taxonomy"])
        _check_taxonomy(spool.taxonomies, taxonomy)
        frame = spool.columns(taxonomy).frame()
        return report_of(frame, spool, dict(spool.skipped), wish, anchors=_anchors(options["anchors"], columns, taxonomy))


def _anchors(paths: Sequence[str], columns: Columns, taxonomy: Taxonomy) -> tuple[Row, ...]:
    """Read the labelled records of the anchor files; a file with unlabelled records is refused.

    Raises:
        InputError: a file cannot be used, holds no labelled record, or holds records without labels.
    """
    rows: list[Row] = []
    for path in paths:
        items = list(items_of(path, replace(columns, segments=())))
        found = read_rows((item.analysis, item.origin) for item in items)
        if not found.rows or any(item.record is not None for item in items):
            raise InputError(f"{shown_name(path)}: not all records are labelled; label the anchor texts with `voc classify`")
        rows += found.rows
    _check_taxonomy({row.taxonomy for row in rows}, taxonomy)
    return tuple(rows)


def _joined(told: Iterable[Told], origin: str | None, columns: Columns) -> Iterable[Told]:
    """Records with the context of the raw file, by id; a record not in it keeps its own."""
    if origin is None:
        return told
    origins = origins_of(origin, columns)
    return ((analysis, origins.get(str(analysis.get("id")), own), vector) for analysis, own, vector in told)


def _analyser(options: dict[str, Any]) -> Analyser:
    taxonomy = options["taxonomy"]
    return analyser_for(configured(), bundle=options["bundle"], taxonomy=str(taxonomy) if taxonomy else None)


def _columns(options: dict[str, Any], wish: Wish) -> Columns:
    named = {name: options[f"{name}_column"] for name in ("id", "text", "score", "date", "channel", "subject")}
    segments = [where.column for where in wish.compared if where.column not in (DATE, CHANNEL)] + [*wish.named]
    return Columns(**named, sheet=options["sheet"], score_kind=options["score_kind"], segments=tuple(dict.fromkeys(segments)))


def _check_taxonomy(labelled_with: Collection[str], taxonomy: Taxonomy) -> None:
    other = {found.partition("/")[0] for found in labelled_with if found} - {taxonomy.name}
    if other:
        raise InputError(
            f"records were labelled with another taxonomy ({', '.join(sorted(map(shown_name, other)))}); name it with --taxonomy"
        )


def _claim(outputs: Sequence[Output], inputs: Sequence[str]) -> None:
    for wanted in outputs:
        if wanted.path != STANDARD_STREAM:
            for name in inputs:
                with suppress(OSError, ValueError):
                    if os.path.samefile(wanted.path, name):
                        raise OutputError(f"{shown_name(wanted.path)}: the output is an input; choose another name")
            Partial(Path(wanted.path)).claim()


def _release(outputs: Sequence[Output]) -> None:
    for wanted in outputs:
        if wanted.path != STANDARD_STREAM:
            Partial(Path(wanted.path)).discard()


def _write(wanted: Output, made: Report) -> None:
    if wanted.path == STANDARD_STREAM:
        sys.stdout.buffer.write(_page(made) if wanted.write is _write_page else made.to_json())
        sys.stdout.buffer.flush()
        return
    output = Partial(Path(wanted.path))
    try:
        wanted.write(made, output.partial)
    except OSError as error:
        raise unwritable(output.name, error) from None
    except Exception as error:
        if type(error).__module__.startswith("xlsxwriter"):
            raise unwritable(output.name, error) from None
        raise
    output.finish()


def _page(made: Report) -> bytes:
    return render(made).encode("utf-8", "replace")


def _write_page(made: Report, path: Path) -> None:
    path.write_bytes(_page(made))


def _write_pdf(made: Report, path: Path) -> None:
    path.write_bytes(Browser.find().pdf(render(made)))


def _folder(name: str | None) -> Path | None:
    """Create the folder of the charts before any work.

    Raises:
        OutputError: it cannot be created.
    """
    if name is None:
        return None
    try:
        Path(name).mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(shown_name(name), error) from None
    return Path(name)


def _write_charts(made: Report, folder: Path) -> None:
    """Write each chart as a picture.

    Raises:
        OutputError: it cannot be written, or the browser failed.
    """
    browser = Browser.find()
    try:
        for slide in slides(made):
            (folder / f"{slide.name}.png").write_bytes(browser.png(slide.page))
    except OSError as error:
        raise unwritable(shown_name(str(folder)), error) from None


def _write_json(made: Report, path: Path) -> None:
    path.write_bytes(made.to_json())


def _told(made: Report, written: Sequence[str]) -> int:
    """Print the summary and return the exit code."""
    skipped = made.headlines.skipped
    names = ", ".join(map(shown_name, written)) or "standard output"
    click.echo(f"{made.headlines.records} records reported in {names}", err=True)
    if skipped:
        click.echo(f"{sum(skipped.values())} left out: {', '.join(f'{code} {count}' for code, count in skipped.items())}", err=True)
    return SOME_REJECTED if skipped else OK
