"""The command line of training: `python -m training COMMAND`; `voc` has train and evaluate too."""

import json
import logging
import os
import sys
from pathlib import Path

import click
import torch

from training.against import side_by_side
from training.companies import COMPANIES
from training.comparison import baseline_figures
from training.corpora import is_commercial
from training.custom import TABLES, corpus_table, go_on, measure_custom, read_labelled, report_custom, shown_figures, train_custom
from training.recipe import calibrate_bundle, train_bundle
from training.report import keep_earlier, write_reports
from training.run import Run
from training.searching import measure as measure_search
from training.searching import table as search_table
from training.settings import load_training_settings
from training.suite import evaluate_bundle
from training.teach import teach
from training.teachers import FILE
from training.timings import timings
from training.validate import validate as validate_companies
from training.validation import page
from vocservice.api import load
from vocservice.errors import VocError
from vocservice.inference.bundle import default_bundle, load_bundle
from vocservice.inference.engine import Engine
from vocservice.paths import config_path, models_path
from vocservice.taxonomy import load_taxonomy

ANY = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """`0,2,5` as numbers."""
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter("numbers with commas between, as 0,2,5") from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--threads", type=int, default=lambda: os.cpu_count() or 1, show_default="all", help="Number of torch threads.")
def cli(threads: int) -> None:
    """Train and evaluate bundles."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(threads)


@cli.command(name="teach")
@click.option("--data", type=ANY, required=True, help="Folder of the corpora.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of checkpoints.")
@click.option("--output", type=click.Path(path_type=Path), help="Where the teachers' file goes (training/annotations/ by default).")
def teach_command(data: Path, runs: Path, output: Path | None) -> None:
    """Fit the teachers whose probabilities `train` reads (minutes on a GPU, most of a day on two processor cores)."""
    teach(Run(data, runs / "teach", load_training_settings(), load_taxonomy()), path=output or FILE)


@cli.command()
@click.option("--data", type=ANY, required=True, help="Folder of the corpora, or with --taxonomy a labelled table.")
@click.option("--version", required=True, help="Version of the bundle to write.")
@click.option("--taxonomy", "taxonomy_file", type=TABLE, help="Taxonomy file of another label set (TOML).")
@click.option("--start", type=FOLDER, help="Bundle to start from (another taxonomy: the current one; ours: the base encoder).")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of checkpoints.")
@click.option("--models", type=click.Path(path_type=Path), help="Folder of bundles (models/ by default).")
@click.option("--commercial", is_flag=True, help="Leave out corpora whose licence forbids commercial use.")
@click.option("--layers", callback=_numbers, help="Keep only these layers of --start, as in 0,2,4,5.")
@click.option("--int8", is_flag=True, help="Only round the products of --start to int8, with its vectors as the target.")
@click.option("--decided", type=TABLE, help="Decisions of a review desk (voc export-annotations) to learn from beside the corpora.")
def train(
    data: Path,
    version: str,
    taxonomy_file: Path | None,
    start: Path | None,
    runs: Path,
    models: Path | None,
    commercial: bool,
    layers: tuple[int, ...],
    int8: bool,
    decided: Path | None,
) -> None:
    """Train a bundle: ours from the corpora, or another taxonomy's from a labelled table."""
    settings, folder = load_training_settings(), models or models_path()
    if (layers or int8) and (taxonomy_file is not None or start is None):
        raise click.UsageError("--layers and --int8 make a faster bundle of our own taxonomy: give --start, leave out --taxonomy")
    if decided is not None and taxonomy_file is not None:
        raise click.UsageError("--decided stands beside the corpora: with --taxonomy give the decisions as --data")
    if decided is not None and decided.suffix != ".jsonl":
        raise click.UsageError("--decided takes JSON Lines, as voc export-annotations writes them; CSV and Excel hold less")
    if taxonomy_file is None:
        if start is not None:
            _check_licences(start, commercial=commercial)
        run = Run(data, runs / version, settings, load_taxonomy(), commercial, start, layers, int8, decided)
        train_bundle(run, version=version, models=folder)
        return
    taxonomy, begin = load_taxonomy(taxonomy_file), start or default_bundle()
    _check_licences(begin, commercial=commercial)
    examples = read_labelled(data, taxonomy, weights=settings.decisions.weights)
    goes_on = load_bundle(begin).taxonomy.id == taxonomy.id
    make = go_on if goes_on else train_custom
    make(taxonomy, examples, start=begin, settings=settings, source=data, run=runs / version, folder=folder / version)
    report_custom(folder / version, examples, taxonomy)


def _check_licences(start: Path, *, commercial: bool) -> None:
    """A commercial bundle is made from a commercial one only."""
    if commercial and not is_commercial(load_bundle(start).manifest):
        raise click.UsageError(f"{start.name} learned from corpora that --commercial leaves out: give another --start")


@cli.command()
@click.option("--data", type=ANY, required=True, help="Folder of the corpora.")
@click.option("--bundle", type=FOLDER, help="Bundle to start from (the current one).")
@click.option("--version", required=True, help="Version of the bundle to write.")
@click.option("--models", type=click.Path(path_type=Path), help="Folder of bundles (models/ by default).")
@click.option("--widened", is_flag=True, help="Turn products in int8 into products in single precision, to see what int8 costs.")
def calibrate(data: Path, bundle: Path | None, version: str, models: Path | None, *, widened: bool) -> None:
    """Keep the weights of a bundle and refit what follows them: calibration curves, thresholds, conversations."""
    run = Run(data, (models or models_path()) / version, load_training_settings(), load_taxonomy())
    calibrate_bundle(run, bundle or default_bundle(), widened=widened)


@cli.command()
@click.option("--data", type=ANY, required=True, help="Folder of the corpora, or with --taxonomy a labelled table.")
@click.option("--bundle", type=FOLDER, help="Bundle to evaluate (the current one).")
@click.option("--taxonomy", "taxonomy_file", type=TABLE, help="Evaluate on a table labelled with this taxonomy.")
@click.option("--all-rows", is_flag=True, help="With --taxonomy: use every row, not only those held out from training.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Also fit and report the simple baselines.")
@click.option("--timings/--no-timings", "timed", default=True, show_default=True, help="Also time whole analyses of each corpus.")
@click.option("--custom", "customs", multiple=True, type=FOLDER, help="Bundle of another taxonomy whose figures to include in the report.")
@click.option("--against", type=FOLDER, help="Another bundle to compare with, by the figures that --report stored in it.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write docs/quality.md here, and the card and metrics into the bundle.",
)
def evaluate(
    data: Path,
    bundle: Path | None,
    taxonomy_file: Path | None,
    all_rows: bool,
    baselines: bool,
    timed: bool,
    customs: tuple[Path, ...],
    against: Path | None,
    report: Path | None,
) -> None:
    """Evaluate a bundle through the serving pipeline and print the figures as JSON."""
    folder = bundle or default_bundle()
    if taxonomy_file is not None:
        taxonomy = load_taxonomy(taxonomy_file)
        click.echo(json.dumps(measure_custom(folder, read_labelled(data, taxonomy), taxonomy, every=all_rows), indent=1))
        return
    taxonomy = load_taxonomy()
    loaded = load_bundle(folder, taxonomy=taxonomy)
    metrics = evaluate_bundle(Engine(loaded), data, taxonomy)
    if baselines:
        metrics["baselines"] = baseline_figures(data, taxonomy)
    if timed:
        metrics["timings"] = timings(folder, data)
    if customs:
        metrics["custom"] = dict(map(shown_figures, customs))
    if against is not None:
        metrics["against"] = side_by_side(metrics, against)
    if report is not None:
        write_reports(keep_earlier(metrics, folder), loaded.manifest, folder, report)
    click.echo(json.dumps(metrics, indent=1))


@cli.command()
@click.argument("name", type=click.Choice(sorted(TABLES)))
@click.option("--data", type=FOLDER, required=True, help="Folder of the corpora.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="CSV file to write.")
def table(name: str, data: Path, out: Path) -> None:
    """Write a public corpus as a labelled table for `train --taxonomy`."""
    taxonomy_file, columns = TABLES[name]
    rows = corpus_table(name, data, load_taxonomy(config_path("taxonomies", taxonomy_file)), columns, out)
    click.echo(f"{rows} rows written to {out}")


@cli.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of the corpora.")
@click.option("--work", type=FOLDER, required=True, help="Folder for the labelled texts.")
@click.option("--bundle", help="Version under models/, or path, of the model; the current one by default.")
@click.option(
    "--most", type=click.IntRange(1), default=1_000_000, help="Maximum number of texts per corpus, drawn at random; all by default."
)
@click.option("--company", "companies", multiple=True, type=click.Choice(list(COMPANIES)), help="Only this company; all by default.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write docs/validation.md here.")
def validate(data: Path, work: Path, bundle: str | None, most: int, companies: tuple[str, ...], report: Path | None) -> None:
    """Compare the report's figures with the scores that customers gave, corpus by corpus, and print them as JSON."""
    figures = validate_companies(data, work, bundle=bundle, most=most, names=companies or tuple(COMPANIES))
    if report is not None:
        report.write_text(page(figures), encoding="utf-8")
    click.echo(json.dumps(figures, indent=1))


@cli.command()
@click.option("--bundle", help="Version under models/, or path, of the model; the current one by default.")
def search(bundle: str | None) -> None:
    """Measure search by words and by meaning on judged queries over our everyday texts, and print a Markdown table."""
    click.echo(search_table(measure_search(load(bundle))))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; expected errors become one line and exit code 2."""
    try:
        cli.main(arguments, standalone_mode=False, prog_name="voc")
    except VocError as error:
        click.echo(f"error [{error.code}]: {error.message}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Abort:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
