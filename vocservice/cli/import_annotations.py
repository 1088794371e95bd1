"""Decisions changed in another tool in, decisions of a user out: `voc import-annotations FILE --by EMAIL`."""

from pathlib import Path

import click

from vocservice.cli.holding import in_workspace, opened
from vocservice.errors import InputError


@click.command(name="import-annotations")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--by", required=True, metavar="EMAIL", help="Author of the decisions: a support lead or an admin.")
@in_workspace
def import_annotations(path: Path, by: str, workspace: str | None) -> None:
    """Import the decisions of a file as corrections by a user.

    JSON Lines, or one list, as `voc export-annotations` writes them in any of its formats. Rows that are based on an outdated
    decision are skipped and counted.
    """
    from vocservice.settings import load_settings
    from vocservice.store.accounts import users
    from vocservice.store.review import exchange
    from vocservice.taxonomy import load_taxonomy

    settings = load_settings()
    taxonomy = load_taxonomy(Path(settings.taxonomy) if settings.taxonomy else None)
    rows = [exchange.incoming(value) for value in exchange.values_of(_read(path))]
    with opened(workspace) as here:
        with here.database.read() as connection:
            user = next((one for one in users.listed(connection, here.workspace_id) if one.email == by.strip().casefold()), None)
        if user is None or not user.may(users.SUPPORT_LEAD):
            raise InputError("no support lead or admin of this workspace has this e-mail address", code="user_unknown")
        found = exchange.bring_in(here.database, user, rows, taxonomy)
    click.echo(", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "nothing to import", err=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {error.strerror}") from None
