"""The command line of training: `python -m training train|evaluate` (the same as `voc train` and `voc evaluate`)."""

import logging
import os
import sys
from pathlib import Path

import click
import torch

from training.recipe import Run, train_bundle
from training.settings import load_training_settings
from vocservice.errors import VocError
from vocservice.paths import models_path
from vocservice.taxonomy import load_taxonomy

DATA = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
@click.option("--threads", type=int, default=lambda: os.cpu_count() or 1, show_default="all", help="Threads that torch may use.")
def cli(threads: int) -> None:
    """Train and evaluate bundles."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(threads)


@cli.command()
@click.option("--data", "data", type=DATA, required=True, help="Folder of the corpora.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs/voc"), show_default=True, help="Checkpoints.")
@click.option("--version", "version", required=True, help="Version of the bundle to write.")
@click.option("--models", type=click.Path(path_type=Path), default=None, help="Where bundles lie (models/ by default).")
@click.option("--commercial", is_flag=True, help="Leave out corpora whose licence forbids commercial use.")
def train(data: Path, runs: Path, version: str, models: Path | None, commercial: bool) -> None:
    """Train the shipped bundle from the corpora."""
    run = Run(data, runs, load_training_settings(), load_taxonomy(), commercial)
    train_bundle(run, version=version, models=models or models_path())


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
