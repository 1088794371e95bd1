"""A workspace in, its analysed records as a file for other tools out: `voc export -o FILE`; redacted texts, no customer keys."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vocservice.cli.holding import ACTOR, in_workspace, opened
from vocservice.errors import OutputError
from vocservice.tables.partial import Partial

if TYPE_CHECKING:
    from vocservice.store.analysed.exported import Segments
    from vocservice.store.analysed.reading import Taken

    Write = Callable[[Path, Iterable[Taken], Segments], object]

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("-o", "--output", required=True, metavar="FILE", help="Output file; its suffix sets the format.")
@click.option("--since", type=DAY, help="First day, in UTC; all by default.")
@click.option("--until", type=DAY, help="Last day, in UTC; all by default.")
@in_workspace
def export(output: str, since: datetime | None, until: datetime | None, workspace: str | None) -> None:
    """Export the analysed records of a workspace for other tools.

    FILE is a table with one row per record (.parquet, .csv, .jsonl), or an SQLite file (.sqlite) with a table of records and
    one per label set. Texts are redacted, and customer keys are left out. docs/exports.md describes the columns.
    """
    from vocservice.store import audit
    from vocservice.store.analysed import reading
    from vocservice.store.analysed.exported import written
    from vocservice.store.analysed.segments import told
    from vocservice.store.audit import Act

    path = Path(output)
    write = _writer(path)
    days = {name: day.date() if day else None for name, day in (("since", since), ("until", until))}
    with opened(workspace) as here, Partial(_checked(path, here.database.url.database)).written() as partial:
        with here.database.read() as connection:
            ids = reading.ids(connection, here.workspace_id, **days)
        segments = told(here.database, here.workspace_id)
        records = written(here.database, here.workspace_id, ids, partial, lambda file, found: write(file, found, segments))
        with here.database.write() as connection:
            act = Act(ACTOR, "records.export", here.workspace_id, {"format": path.suffix.lower(), "records": records})
            audit.write(connection, here.workspace_id, act)
    click.echo(f"{records} records", err=True)


def _writer(path: Path) -> "Write":
    """Return the writer for a suffix.

    Raises:
        OutputError: there is none.
    """
    writers = _writers()
    if path.suffix.lower() not in writers:
        raise OutputError(f"an export is one of {', '.join(writers)}, by the suffix of the file")
    return writers[path.suffix.lower()]


def _writers() -> Mapping[str, "Write"]:
    from vocservice.store.analysed.exported import exported
    from vocservice.store.analysed.sqlite_file import write_sqlite
    from vocservice.tables.write_records import ANONYMOUS, write_lines, write_records, write_table

    def of_rows(write: Callable[..., None], **options: Any) -> "Write":
        return lambda path, records, segments: write(path, (exported(taken, segments) for taken in records), **options)

    return {
        ".parquet": of_rows(write_records, schema=ANONYMOUS),
        ".csv": of_rows(write_table),
        ".jsonl": of_rows(write_lines),
        ".sqlite": write_sqlite,
    }


def _checked(path: Path, store: str | None) -> Path:
    """Check that the path is not the store itself.

    Raises:
        OutputError: it is the store.
    """
    if store and path.resolve() == Path(store).resolve():
        raise OutputError("the export would overwrite the store; choose another name")
    return path
