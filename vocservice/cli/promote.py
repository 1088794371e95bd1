"""The version of a bundle in, that bundle in service out: `voc promote`, with a preview of changes, and `voc rollback`."""

import json
from typing import TYPE_CHECKING, Any

import click

from vocservice import api
from vocservice.api import Analyser, bundle_folder
from vocservice.cli.holding import ACTOR
from vocservice.settings import Settings, load_settings

if TYPE_CHECKING:
    from vocservice.jobs.reanalysis import Preview

SAMPLE = 200


@click.command()
@click.argument("version")
@click.option("--preview", "is_preview", is_flag=True, help="Show what would change, label by label, and write nothing.")
@click.option("--sample", type=click.IntRange(1, 100_000), default=SAMPLE, show_default=True, help="Number of records in the preview.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def promote(version: str, is_preview: bool, sample: int, as_json: bool) -> None:
    """Put a bundle (a version under models/, or a path) into service, and queue the history for reanalysis."""
    settings = load_settings()
    candidate = api.load(version, settings=settings)
    if is_preview:
        found = _preview(settings, candidate, sample)
        click.echo(json.dumps(found.to_dict()) if as_json else _table(found, candidate.model))
        return
    _promote(settings, version, candidate, action="bundle.promote", as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rollback(as_json: bool) -> None:
    """Put the previously promoted bundle back into service."""
    from vocservice.store.analysed import promotions
    from vocservice.store.opened import open_store

    settings = load_settings()
    store = open_store(settings.store)
    with store.database.read() as connection:
        version = promotions.previous(connection)
    store.database.close()
    _promote(settings, version, api.load(version, settings=settings), action="bundle.rollback", as_json=as_json)


def _promote(settings: Settings, version: str, candidate: Analyser, *, action: str, as_json: bool) -> None:
    from vocservice.store.analysed import promotions
    from vocservice.store.opened import open_store

    name = version if version in api.bundles() else str(bundle_folder(version).resolve())
    before = api.configured_bundle(settings)
    store = open_store(settings.store)
    with store.database.write() as connection:
        promotions.promote(connection, name, model=candidate.model, actor=ACTOR, action=action, instead_of=before)
    store.database.close()
    told: dict[str, Any] = {"serving": name, "model": candidate.model, "taxonomy": candidate.taxonomy.id}
    click.echo(json.dumps(told) if as_json else f"{name} is in service; workers switch with their next chunk and analyse the history again")


def _preview(settings: Settings, candidate: Analyser, size: int) -> "Preview":
    from vocservice.jobs.reanalysis import preview
    from vocservice.store.analysed import promotions
    from vocservice.store.opened import open_store

    store = open_store(settings.store)
    with store.database.read() as connection:
        drawn = promotions.sample(connection, size)
    store.database.close()
    return preview(drawn, candidate)


def _table(found: "Preview", model: str) -> str:
    """Labels, most changed first."""
    compared = found.records - found.rejected
    share = f"{found.unchanged / compared:.1%}" if compared else "none"
    head = f"{model}: {compared} records compared, {share} unchanged, {found.rejected} rejected"
    rows = [f"  {one.label}  +{one.gained} -{one.lost}" for one in found.moved]
    return "\n".join([head, *rows, "nothing was written"])
