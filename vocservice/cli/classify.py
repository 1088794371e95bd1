"""Files of customers' words in, the same with labels out: `voc classify IN... -o OUT`."""

from functools import partial
from typing import Any

import click

from vocservice.batch.engines import Power, open_engine
from vocservice.batch.plan import make_plan
from vocservice.cli.failures import OK
from vocservice.cli.inputs import Inputs, Selection
from vocservice.cli.job import Job, Options, run
from vocservice.cli.preview import preview
from vocservice.cli.session import analyser_for, configured
from vocservice.tables import check_output
from vocservice.tables.formats import STANDARD_STREAM, input_format, output_format


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
@click.option("--resume", is_flag=True, help="Go on where an earlier run of the same inputs, model and options was stopped.")
@click.option("--dry-run", is_flag=True, help="Show what would be read, the languages and the time it would take; write nothing.")
@click.option("--excel", is_flag=True, help="Write CSV for Excel: UTF-8 mark, CR LF, no formulas.")
@click.option("--no-progress", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Give the summary as JSON: on standard output, or standard error when OUT is -.")
def classify(inputs: tuple[str, ...], **options: Any) -> int:
    """Label every record of files or a stream.

    IN is CSV, TSV, JSON Lines, Parquet or Excel, by its suffix; - is JSON Lines on standard input. A record that
    cannot be processed is rejected in its place and listed in OUT.rejects.jsonl; the run goes on.

    Exit codes: 0 done (also when the reader of standard output went away), 2 unusable input, output, option or
    configuration, 3 some records were rejected, 130 interrupted.
    """
    return _classify(inputs, Options(**options))


def _classify(paths: tuple[str, ...], options: Options) -> int:
    _check_options(paths, options)
    settings = configured()
    selection = Selection(options.id_column, options.text_column, options.sheet, options.limit)
    with Inputs.open(paths, selection, is_table=options.is_table) as inputs:
        check_output(options.output, inputs=inputs.paths, is_claimed=not options.dry_run)
        load = partial(analyser_for, settings, bundle=options.bundle, taxonomy=options.taxonomy)
        analyser = load()
        if options.dry_run:
            preview(inputs, analyser, as_json=options.as_json)
            return OK
        plan = make_plan([(path, {}) for path in inputs.paths], analyser, settings, options=options.deciding, mapping=inputs.mapping)
        engine = open_engine("local", Power(analyser, load))
        return run(Job(inputs, engine, analyser.label_sets, plan, options))


def _check_options(inputs: tuple[str, ...], options: Options) -> None:
    """Refuse an option that would do nothing.

    Raises:
        click.UsageError: `--sheet` without a workbook, `--excel` without CSV, or `--resume` without files.
    """
    if options.sheet is not None and not any(input_format(name).name == "xlsx" for name in inputs):
        raise click.UsageError("--sheet needs an Excel workbook (.xlsx) to read")
    if options.excel and output_format(options.output).name not in ("csv", "tsv"):
        raise click.UsageError("--excel is for CSV and TSV; for a workbook let OUT end in .xlsx")
    if options.resume and STANDARD_STREAM in (options.output, *inputs):
        raise click.UsageError("--resume needs files to read and a file to write (-o OUT)")
