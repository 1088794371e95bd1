"""Files of feedback in, the same with labels out: `voc classify IN... -o OUT`."""

from collections.abc import Sequence
from typing import Any

import click

from vocservice.api import Analyser
from vocservice.batch.engines import ENGINES, LOCAL, Work, check_engine, open_engine
from vocservice.batch.inputs import Inputs, Selection
from vocservice.batch.plan import Plan, make_plan
from vocservice.cli.choices import Choosing, told_by
from vocservice.cli.failures import OK
from vocservice.cli.job import Job, Options, run
from vocservice.cli.preview import preview
from vocservice.cli.session import analyser_for, configured
from vocservice.settings import Settings
from vocservice.tables import check_output
from vocservice.tables.formats import STANDARD_STREAM, input_format, output_format
from vocservice.tables.labels import EXPLODABLE
from vocservice.tables.mapping import check_mapping_target, read_mapping, save_mapping
from vocservice.tables.output import written_beside
from vocservice.tables.places import places_of
from vocservice.tables.stream import is_stream
from vocservice.turns import called

_BY_OPTION = {field: f"with --{field}-column or --mapping" for field in ("id", "text")}


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option(
    "-o", "--output", default=STANDARD_STREAM, metavar="OUT", help="Output file; its suffix sets the format. - is JSON Lines (default)."
)
@click.option("--id-column", help="Column (or JSON key) of the record's id; found by name by default.")
@click.option("--text-column", help="Column (or JSON key) of the text; found by name by default.")
@click.option("--mapping", type=click.Path(), help="TOML or JSON file that maps fields to columns (or JSON keys).")
@click.option("--save-mapping", type=click.Path(), help="Write the columns in use to such a file (.toml or .json).")
@click.option("--sheet", help="Sheet of an Excel workbook; the first by default.")
@click.option("--limit", type=click.IntRange(min=0), help="Stop after this many records.")
@click.option("--customer", metavar="NAME", multiple=True, help="A further name for the customer in conversations; repeatable.")
@click.option("--bundle", help="Version under models/, or path, of the model; set in the configuration by default.")
@click.option("--taxonomy", type=click.Path(), help="Taxonomy file that the model must have been trained for.")
@click.option("--resume", is_flag=True, help="Continue an earlier run of the same inputs, model and options.")
@click.option("--engine", type=click.Choice([*ENGINES]), default=LOCAL, help="Work in this process (default) or on a Ray cluster.")
@click.option("--workers", type=click.IntRange(min=1, max=100_000), help="With --engine ray: processes, one for each core by default.")
@click.option("--ray-address", metavar="ADDRESS", help="With --engine ray: a running cluster; by default one is started.")
@click.option("--dry-run", is_flag=True, help="Show columns, languages and estimated time; write nothing.")
@click.option("--excel", is_flag=True, help="Write CSV for Excel: byte order mark, CR LF, no formulas.")
@click.option(
    "--delimiter",
    type=click.Choice([",", ";", "|", "tab"]),
    callback=lambda _context, _option, given: "\t" if given == "tab" else given,
    help="Delimiter of a CSV or TSV output; that of an input of the same format by default.",
)
@click.option("--explode", metavar="SET", help="One row per label of stages, factors, flags or another set of the model's taxonomy.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, on standard output, or on standard error when OUT is -.")
def classify(inputs: tuple[str, ...], **options: Any) -> int:
    """Label every record of files or a stream.

    \b
    voc classify reviews.csv -o labelled.csv
    voc classify survey.xlsx -o labelled.xlsx --sheet Answers --text-column "Q7 open answer"
    voc classify 'exports/*.csv' -o labelled.parquet --resume

    IN is CSV, TSV, JSON Lines, JSON, Parquet or Excel, or a conversation as WebVTT or text, by its suffix; a pattern in quotes; a
    folder of Parquet files; or - for JSON Lines on standard input. A record that cannot be processed is rejected in its place and
    listed in OUT.rejects.jsonl; the run continues. OUT.manifest.json records how OUT was made. Preview a run with --dry-run.

    Exit codes: 0 success (also when the reader of standard output stops early), 2 unusable input, output, option or
    configuration, 3 some records were rejected, 130 interrupted.
    """
    return _classify(inputs, Options(**options))


def _classify(paths: tuple[str, ...], options: Options) -> int:
    places = places_of(paths)
    _check_options([place.path for place in places], options)
    check_engine(options.engine)
    settings = configured()
    with told_by(_BY_OPTION), Inputs.open(places, _selection(options), is_table=options.is_table) as inputs:
        _check_outputs(inputs, options)
        analyser = analyser_for(settings, bundle=options.bundle, taxonomy=options.taxonomy)
        if options.dry_run:
            preview(inputs, analyser, as_json=options.as_json)
            return OK
        _check_explode(options.explode, analyser)
        plan = make_plan(inputs.places, analyser, settings, options=options.deciding, mapping=inputs.mapping)
        inputs.check_untouched()
        if options.save_mapping is not None:
            save_mapping(options.save_mapping, inputs.mapping)
        engine = Choosing(open_engine(options.engine, analyser, _work(plan, settings, options)))
        return run(Job(inputs, engine, analyser.label_sets, plan, options, analyser.lacks))


def _work(plan: Plan, settings: Settings, options: Options) -> Work:
    bundle, taxonomy = options.bundle or settings.bundle, options.taxonomy or settings.taxonomy or None
    return Work(plan, settings, bundle, taxonomy, options.workers, options.ray_address)


def _selection(options: Options) -> Selection:
    mapping = read_mapping(options.mapping) if options.mapping is not None else {}
    return Selection(options.id_column, options.text_column, mapping, options.sheet, options.limit, options.customer)


def _check_outputs(inputs: Inputs, options: Options) -> None:
    """Check that everything can be written, before the model loads."""
    given = (*inputs.paths, options.mapping) if options.mapping is not None else inputs.paths
    check_output(options.output, inputs=given, is_claimed=not options.dry_run)
    if options.save_mapping is not None:
        check_mapping_target(options.save_mapping, others=(*inputs.paths, *written_beside(options.output)))


def _check_explode(wanted: str | None, analyser: Analyser) -> None:
    known = (*(name for name in EXPLODABLE if name not in analyser.lacks), *analyser.label_sets)
    if wanted is not None and wanted not in known:
        raise click.UsageError(f"--explode takes one of {', '.join(known)}")


def _check_options(inputs: Sequence[str], options: Options) -> None:
    """Refuse options without effect.

    Raises:
        click.UsageError: `--sheet` without a workbook, `--customer` without a name, `--excel` or `--delimiter` without CSV, `--explode`
            without a table, `--resume` without files, `--workers` or `--ray-address` without Ray, or `--save-mapping` in a dry run.
    """
    if options.sheet is not None and not any(input_format(name).name == "xlsx" for name in inputs):
        raise click.UsageError("--sheet needs an Excel workbook (.xlsx) to read")
    if not all(map(called, options.customer)):
        raise click.UsageError("--customer needs a name")
    is_csv = output_format(options.output).name in ("csv", "tsv")
    if options.excel and not is_csv:
        raise click.UsageError("--excel is for CSV and TSV; for a workbook let OUT end in .xlsx")
    if options.delimiter is not None and not is_csv:
        raise click.UsageError("--delimiter is for CSV and TSV; let OUT end in .csv or .tsv")
    if options.explode is not None and not options.is_table:
        raise click.UsageError("--explode is for tables; let OUT end in .csv, .tsv, .parquet or .xlsx")
    if options.save_mapping is not None and options.dry_run:
        raise click.UsageError("--save-mapping writes a file; leave out --dry-run")
    if options.engine == LOCAL and (options.workers is not None or options.ray_address is not None):
        raise click.UsageError("--workers and --ray-address need --engine ray; VOC_THREADS sets the threads of one process")
    _check_streams(inputs, options)


def _check_streams(inputs: Sequence[str], options: Options) -> None:
    if options.resume and any(map(is_stream, (options.output, *inputs))):
        raise click.UsageError("--resume needs files to read and a file to write (-o OUT)")
