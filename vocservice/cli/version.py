"""Print the versions of program, current model and taxonomy: `voc version`."""

import json
import platform

import click

import vocservice
from vocservice.errors import VocError
from vocservice.paths import models_path
from vocservice.taxonomy import load_taxonomy


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
def version(as_json: bool) -> None:
    """Show the versions of program, model and taxonomy."""
    found = {"voc": vocservice.__version__, "model": _model(), "taxonomy": _taxonomy(), "python": platform.python_version()}
    click.echo(json.dumps(found) if as_json else "\n".join(f"{name} {value or 'none'}" for name, value in found.items()))


def _model() -> str | None:
    """The version named in models/current, without opening the bundle."""
    try:
        return models_path("current").read_text(encoding="utf-8").strip()
    except (OSError, VocError, UnicodeDecodeError):
        return None


def _taxonomy() -> str | None:
    try:
        return load_taxonomy().id
    except VocError:
        return None
