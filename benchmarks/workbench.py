"""A number of made-up records in, the time of every look at the workbench out, beside the naive query of the same run, as ratios.

    python -m benchmarks.workbench [--records 1000000] [--rounds 3] [--url postgresql://voc@localhost/empty]

Naive is what a program does that asks the database for the records and counts: every analysis of the workspace read, filtered, made
into rows and figures. The columns are what the workbench does: a mask, a frame, the figures of a page. Times are of one thread of this
process, the best of the rounds; the naive way runs once for each filter that is named with it. Look at the ratios, not at the seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from benchmarks.workspace import DAYS, FIRST_DAY, WORKSPACE, fill
from vocservice.reporting import page
from vocservice.reporting.columns import Columns, frame_of
from vocservice.reporting.report import Wish, report_of
from vocservice.reporting.rows import rarely_collected, row_of
from vocservice.store import choosing, migrate, reading
from vocservice.store.database import Database
from vocservice.store.reading import Selection
from vocservice.taxonomy import load_taxonomy
from vocservice.web.tables import Table

LAST_DAY = FIRST_DAY.date() + timedelta(days=DAYS - 1)
TODAY = date(2026, 1, 31)
SELECTIONS: Mapping[str, Selection] = {
    "everything": Selection(),
    "one channel": Selection(channel="email"),
    "last four weeks": Selection(since=LAST_DAY - timedelta(days=27)),
    "service complaints": Selection(scope="service_complaint"),
    "one cell": Selection(stage="purchase", factor="fulfilment"),
    "channel, polarity and half a year": Selection(channel="review", polarity="-", since=LAST_DAY - timedelta(days=181)),
}
NAIVE = ("everything", "one cell")


@dataclass(frozen=True, slots=True)
class Measured:
    """One look: its seconds, those of the naive way where it was run, and of how many records."""

    name: str
    records: int
    seconds: float
    naive: float | None = None


def measure(url: str, count: int, rounds: int) -> list[Measured]:
    """Fill an empty database and look at it in every way."""
    database = Database(url)
    migrate.upgrade(database)
    found = [Measured("writing the records (not a look)", count, seconds_of(lambda: fill(database, count)))]
    table = Table(database, WORKSPACE, load_taxonomy())
    found.append(Measured("first look ever: records are packed", count, seconds_of(table.load)))
    table = Table(database, WORKSPACE, load_taxonomy())
    found.append(Measured("first look of a process: columns are read", count, seconds_of(table.load)))
    found.append(Measured("look at columns where nothing changed", count, best(rounds, table.load)))
    columns = table.load().columns
    found += [_selected(database, columns, name, selection, rounds) for name, selection in SELECTIONS.items()]
    found += _more(database, columns, rounds)
    fill(database, 1, is_new=False, start=count)
    found.append(Measured("look after one more record", count + 1, seconds_of(table.load)))
    database.close()
    return found


def seconds_of(act: Callable[[], object]) -> float:
    """How long it took."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def best(rounds: int, act: Callable[[], object]) -> float:
    """The shortest of some rounds."""
    return min(seconds_of(act) for _ in range(rounds))


def figures(columns: Columns, selection: Selection) -> Any:
    """What a page of a large workspace has at once."""
    mask = choosing.chosen(columns, selection)
    return report_of(columns.frame(mask), (), columns.skipped(mask), Wish(today=TODAY), is_brief=True)


def naive(database: Database, selection: Selection) -> Any:
    """The same figures of the same records, by reading them all."""
    with rarely_collected(), database.read() as connection:
        ids = reading.ids(connection, WORKSPACE)
        every = (row_of(taken.analysis, taken.origin) for taken in reading.in_order(connection, WORKSPACE, ids))
        rows = [row for row in every if fits(row, selection)]
    return report_of(frame_of(rows, load_taxonomy()), (), {}, Wish(today=TODAY), is_brief=True)


def fits(row: Any, selection: Selection) -> bool:
    """Whether a row counts in the cell that is asked for; any does where none is."""
    if selection.stage is None:
        return True
    return any(one.key == selection.factor for one in row.factors) and any(one.key == selection.stage for one in row.stages)


def report(found: Sequence[Measured]) -> str:
    """One Markdown table."""
    head = ["### Workbench", "", "| look | records | ms | naive, ms | naive over ours |", "|---|---:|---:|---:|---:|"]
    return "\n".join([*head, *map(_line, found), ""])


def _line(one: Measured) -> str:
    told = (f"{1000 * one.naive:,.0f}", f"{one.naive / one.seconds:,.0f}") if one.naive else ("", "")
    return f"| {one.name} | {one.records:,} | {1000 * one.seconds:,.1f} | {told[0]} | {told[1]} |"


def _selected(database: Database, columns: Columns, name: str, selection: Selection, rounds: int) -> Measured:
    seconds = best(rounds, lambda: figures(columns, selection))
    plain = seconds_of(lambda: naive(database, selection)) if name in NAIVE else None
    return Measured(f"filter: {name}", int(choosing.chosen(columns, selection).sum()), seconds, plain)


def _more(database: Database, columns: Columns, rounds: int) -> list[Measured]:
    """What follows the figures: the page's HTML, what comes later on it, a list of records."""
    count, selection = len(columns), SELECTIONS["one cell"]
    brief = figures(columns, Selection())
    found = [Measured("the page's HTML of those figures", count, best(rounds, lambda: page.figures(brief, _Links())))]
    with database.read() as connection:
        rows = reading.StoredRows(connection, WORKSPACE, columns.ids)
        whole = best(1, lambda: report_of(columns.frame(), rows, {}, Wish(today=TODAY)))
        found.append(Measured("all figures, in a thread beside the page", count, whole))
        listed = best(rounds, lambda: _page(connection, columns, selection, ()))
        found.append(Measured("list of the records of one cell", count, listed))
        searched = best(rounds, lambda: _page(connection, columns, Selection(), ("zebra",)))
        found.append(Measured("search of 50,000 for a word that none has", count, searched))
    return found


def _page(connection: Any, columns: Columns, selection: Selection, words: Sequence[str]) -> Any:
    lines = choosing.lines(columns, choosing.chosen(columns, selection), limit=reading.SEARCHED + 1 if words else 400)
    return reading.page(connection, WORKSPACE, lines, words)


class _Links:
    """Links of about the length of the workbench's."""

    def cell(self, cell: Any) -> str:
        return f"/workbench/verbatims?stage={cell.stage}&factor={cell.factor}"

    def record(self, record_id: str) -> str:
        return f"/desk/{record_id}"

    def chart(self, name: str) -> str:
        return f"/workbench/charts/{name}.json"


@click.command()
@click.option("--records", "counts", multiple=True, type=click.IntRange(min=1), default=(100_000,), show_default=True, help="How many.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="The best of so many counts.")
@click.option("--url", help="An empty database; a file of its own by default.")
def main(counts: tuple[int, ...], rounds: int, url: str | None) -> None:
    """Measure and print."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            click.echo(report(measure(url or f"sqlite:///{Path(folder) / 'voc.db'}", count, rounds)))


if __name__ == "__main__":
    main()
