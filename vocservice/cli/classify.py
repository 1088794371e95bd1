"""Files of customers' words in, the same with labels out: `voc classify IN... -o OUT`."""

from contextlib import ExitStack
from dataclasses import dataclass

import click

from vocservice.api import Analyser
from vocservice.cli.failures import INTERRUPTED, OK, SOME_REJECTED
from vocservice.cli.inputs import Inputs, Selection
from vocservice.cli.preview import preview
from vocservice.cli.progress import open_progress
from vocservice.cli.session import analyser_for, configured
from vocservice.cli.summary import Summary
from vocservice.errors import InputError
from vocservice.tables import check_output, open_writer
from vocservice.tables.formats import STANDARD_STREAM, input_format, output_format, shown_name


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asks of the output and of the run."""

    output: str
    excel: bool
    has_progress: bool
    as_json: bool


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o", "--output", default=STANDARD_STREAM, metavar="OUT", help="Output file, its format by the suffix; - is JSON Lines (default)."
)
@click.option("--id-column", help="Column (or JSON key) of the record's id; found by name by default.")
@click.option("--text-column", help="Column (or JSON key) of the text; found by name by default.")
@click.option("--sheet", help="Sheet of an Excel workbook; the first by default.")
@click.option("--limit", type=click.IntRange(min=0), help="Stop after so many records.")
@click.option("--bundle", help="Version under models/, or path, of the model; by default the one the settings name.")
@click.option("--taxonomy", type=click.Path(), help="Taxonomy file that the model must have been trained for.")
@click.option("--dry-run", is_flag=True, help="Show what would be read, the languages and the time it would take; write nothing.")
@click.option("--excel", is_flag=True, help="Write CSV for Excel: UTF-8 mark, CR LF, no formulas.")
@click.option("--no-progress", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Give the summary as JSON: on standard output, or standard error when OUT is -.")
def classify(
    inputs: tuple[str, ...],
    output: str,
    id_column: str | None,
    text_column: str | None,
    sheet: str | None,
    limit: int | None,
    bundle: str | None,
    taxonomy: str | None,
    dry_run: bool,
    excel: bool,
    no_progress: bool,
    as_json: bool,
) -> int:
    """Label every record of files or a stream.

    IN is CSV, TSV, JSON Lines, Parquet or Excel, by its suffix; - is JSON Lines on standard input. A record that
    cannot be processed is rejected in its place and listed in OUT.rejects.jsonl; the run goes on.

    Exit codes: 0 done (also when the reader of standard output went away), 2 unusable input, output, option or
    configuration, 3 some records were rejected, 130 interrupted.
    """
    _check_options(inputs, output, sheet=sheet, excel=excel)
    settings = configured()
    with Inputs.open(inputs, Selection(id_column, text_column, sheet, limit), is_table=_is_table(output)) as opened:
        check_output(output, inputs=inputs, is_claimed=not dry_run)
        analyser = analyser_for(settings, bundle=bundle, taxonomy=taxonomy)
        if dry_run:
            preview(opened, analyser, as_json=as_json)
            return OK
        return _run(opened, analyser, Wish(output, excel, not no_progress, as_json))


def _run(inputs: Inputs, analyser: Analyser, wish: Wish) -> int:
    """Write every result; Ctrl-C and a damaged input keep what was written so far."""
    summary = Summary(analyser.model, wish.output)
    try:
        _write(inputs, analyser, wish, summary)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {_what_is_left(summary)}", err=True)
        return INTERRUPTED
    except InputError:
        if summary.records:
            click.echo(f"stopped: {_what_is_left(summary)}", err=True)
        raise
    summary.print(as_json=wish.as_json)
    return SOME_REJECTED if summary.rejected else OK


def _write(inputs: Inputs, analyser: Analyser, wish: Wish, summary: Summary) -> None:
    with ExitStack() as stack:
        writer = stack.enter_context(open_writer(wish.output, facts=inputs.facts, label_sets=analyser.label_sets, excel=wish.excel))
        progress = stack.enter_context(open_progress(inputs, is_wanted=wish.has_progress))
        for result in analyser.stream(inputs):
            writer.write(result)
            summary.add(result)
            progress.show(summary.records)


def _what_is_left(summary: Summary) -> str:
    written = "1 record was written" if summary.records == 1 else f"{summary.records} records were written"
    return written if summary.output == STANDARD_STREAM or not summary.records else f"{written} to {shown_name(summary.output)}.partial"


def _is_table(output: str) -> bool:
    return output_format(output).name != "jsonl"


def _check_options(inputs: tuple[str, ...], output: str, *, sheet: str | None, excel: bool) -> None:
    """Refuse an option that would do nothing.

    Raises:
        click.UsageError: `--sheet` without a workbook, or `--excel` without CSV.
    """
    if sheet is not None and not any(input_format(name).name == "xlsx" for name in inputs):
        raise click.UsageError("--sheet needs an Excel workbook (.xlsx) to read")
    if excel and output_format(output).name not in ("csv", "tsv"):
        raise click.UsageError("--excel is for CSV and TSV; for a workbook let OUT end in .xlsx")
