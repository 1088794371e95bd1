"""Decisions that another tool changed in, decisions of a user of ours out: `voc import-annotations FILE --by EMAIL`."""

from collections import Counter
from pathlib import Path

import click
import orjson

from vocservice.cli.holding import in_workspace, opened
from vocservice.errors import InputError


@click.command(name="import-annotations")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--by", required=True, metavar="EMAIL", help="Whose decisions they become: a support lead or an admin.")
@in_workspace
def import_annotations(path: Path, by: str, workspace: str | None) -> None:
    """Store the decisions of a file as those of a user.

    JSON Lines as `voc export-annotations` writes them, in any of its formats. What rests on another decision than the one that
    stands is left out and counted.
    """
    from vocservice.settings import load_settings
    from vocservice.store import audit, exchange, users
    from vocservice.store.audit import Act
    from vocservice.taxonomy import load_taxonomy

    settings = load_settings()
    taxonomy = load_taxonomy(Path(settings.taxonomy) if settings.taxonomy else None)
    values = _values(path)
    with opened(workspace) as here:
        with here.database.read() as connection:
            user = next((one for one in users.listed(connection, here.workspace_id) if one.email == by.strip().casefold()), None)
        if user is None or not user.may(users.SUPPORT_LEAD):
            raise InputError("no support lead or admin of this workspace has this e-mail address", code="user_unknown")
        found: Counter[str] = Counter()
        for value in values:
            row = exchange.incoming(value) if isinstance(value, dict) else None
            with here.database.write() as connection:
                found[exchange.take(connection, user, row, taxonomy) if row else "refused"] += 1
        with here.database.write() as connection:
            audit.write(connection, here.workspace_id, Act(user.actor, "annotations.import", here.workspace_id, dict(found)))
    click.echo(", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "nothing to import", err=True)


def _values(path: Path) -> list[object]:
    try:
        return [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path.name} is not JSON Lines", code="invalid_json") from None
