"""A number of made-up records in, the time of every look at the workbench out, beside the naive query of the same run, as ratios.

    python -m benchmarks.workbench [--records 1000000] [--rounds 3] [--url postgresql://voc@localhost/empty]

A look is a request to the application in this process, signed in, until the page's HTML is there; no network. Each filter is asked for in
as many ways as there are rounds, none of which was asked for before, so that nothing of it is kept: first right after the page of all
records was opened, while the whole report of these is being made beside it, then once that is done. The table has the median and the
slowest. Naive is what a program does that asks the database for the records and counts: every analysis of the workspace read,
filtered, made into rows and figures; it runs once for each filter that is named with it. Look at the ratios, not at the milliseconds.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count as numbers
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from flask.testing import FlaskClient

from benchmarks.desk import application, client_of, opened
from benchmarks.workspace import DAYS, FIRST_DAY, WORKSPACE, fill
from vocservice.reporting.columns import frame_of
from vocservice.reporting.report import Wish, report_of
from vocservice.reporting.rows import rarely_collected, row_of
from vocservice.store import reading
from vocservice.store.database import Database
from vocservice.taxonomy import load_taxonomy
from vocservice.web.tables import Table

LAST_DAY = FIRST_DAY.date() + timedelta(days=DAYS - 1)
TODAY = date(2026, 1, 31)
FILTERS: Mapping[str, Mapping[str, str]] = {
    "everything": {},
    "one channel": {"channel": "email"},
    "last four weeks": {"since": str(LAST_DAY - timedelta(days=27))},
    "service complaints": {"scope": "any_service"},
    "one cell": {"stage": "purchase", "factor": "fulfilment"},
    "channel, polarity and half a year": {"channel": "review", "polarity": "-", "since": str(LAST_DAY - timedelta(days=181))},
    "two days": {"since": str(LAST_DAY - timedelta(days=1))},
    "two days, one channel": {"since": str(LAST_DAY - timedelta(days=1)), "channel": "phone"},
}
PAGES: Mapping[str, str] = {
    "list of the records of one cell": "/workbench/verbatims?stage=purchase&factor=fulfilment",
    "list: 50,000 looked through for a word that none has": "/workbench/verbatims?q=zebra",
    "two sets side by side": "/workbench/compare?a_channel=phone&b_channel=chat",
    "issues": "/workbench/issues",
}
NAIVE = ("everything", "one cell")
_later = numbers()


@dataclass(frozen=True, slots=True)
class Measured:
    """One look: its median and slowest seconds, those of the naive way where it was run, and of how many records."""

    name: str
    records: int
    seconds: float
    slowest: float
    naive: float | None = None


def measure(url: str, count: int, rounds: int) -> Iterator[Measured]:
    """Fill an empty database and look at it in every way."""
    database = opened(url)
    client = client_of(application(database, url), database, WORKSPACE)
    yield timed("writing the records (not a look)", count, 1, lambda: fill(database, count, is_new=False))
    yield timed("first look ever: records are packed", count, 1, Table(database, WORKSPACE, load_taxonomy()).load)
    yield timed("first look of a process: columns are read", count, 1, lambda: _page(client, "/workbench", waits=True))
    for name in FILTERS:
        yield _filtered(client, database, name, rounds, beside="while all figures are made")
    yield timed("all figures, in a thread beside the page", count, 1, lambda: _whole(client))
    for name in FILTERS:
        yield _filtered(client, database, name, rounds)
    for name, path in PAGES.items():
        yield timed(name, count, rounds, lambda path=path: _page(client, path))  # type: ignore[misc]
    fill(database, 1, is_new=False, start=count)
    yield timed("filter: two days, after one more record", count + 1, 1, lambda: _page(client, _path("two days")))
    database.close()


def timed(name: str, records: int, rounds: int, act: Callable[[], object]) -> Measured:
    """How long it takes."""
    found = [seconds_of(act) for _ in range(rounds)]
    return Measured(name, records, statistics.median(found), max(found))


def seconds_of(act: Callable[[], object]) -> float:
    """How long it took."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def naive(database: Database, name: str) -> Any:
    """The figures of the page of a filter, by reading every record."""
    with rarely_collected(), database.read() as connection:
        ids = reading.ids(connection, WORKSPACE)
        every = (row_of(taken.analysis, taken.origin) for taken in reading.in_order(connection, WORKSPACE, ids))
        rows = [row for row in every if fits(row, FILTERS[name])]
    return report_of(frame_of(rows, load_taxonomy()), (), {}, Wish(today=TODAY), is_brief=True)


def fits(row: Any, wanted: Mapping[str, str]) -> bool:
    """Whether a row has the stage and the factor that are asked for."""
    found = {"stage": {one.key for one in row.stages}, "factor": {one.key for one in row.factors}}
    return all(wanted[name] in keys for name, keys in found.items() if name in wanted)


def report(found: Iterator[Measured]) -> str:
    """One Markdown table."""
    head = ["### Workbench", "", "| look | records | ms | slowest | naive, ms | naive over ours |", "|---|---:|---:|---:|---:|---:|"]
    return "\n".join([*head, *map(_line, found), ""])


def _line(one: Measured) -> str:
    told = (f"{1000 * one.naive:,.0f}", f"{one.naive / one.seconds:,.0f}") if one.naive else ("", "")
    return f"| {one.name} | {one.records:,} | {1000 * one.seconds:,.1f} | {1000 * one.slowest:,.1f} | {told[0]} | {told[1]} |"


def _filtered(client: FlaskClient, database: Database, name: str, rounds: int, *, beside: str = "") -> Measured:
    plain = seconds_of(lambda: naive(database, name)) if name in NAIVE and not beside else None
    told = re.search(r"<p>(\d+) records", _page(client, _path(name)))
    records = int(told[1]) if told else 0
    found = [_asked(client, _path(name), waits=not beside) for _ in range(rounds)]
    return Measured(f"filter: {name}{beside and ', '}{beside}", records, statistics.median(found), max(found), plain)


def _asked(client: FlaskClient, path: str, *, waits: bool) -> float:
    """How long a page takes; with `waits` the next is asked for only once nothing is made of it any more."""
    found = seconds_of(lambda: _page(client, path))
    if waits:
        _whole(client, path)
    return found


def _path(name: str) -> str:
    """A filter as nobody asked for it before: with a last day that all records are before."""
    until = date(3000, 1, 1) + timedelta(days=next(_later))
    return f"/workbench?{urlencode({**FILTERS[name], 'until': str(until)})}"


def _whole(client: FlaskClient, path: str = "/workbench") -> None:
    """Until a page has all figures."""
    while "data-later" in _page(client, path):
        time.sleep(0.5)


def _page(client: FlaskClient, path: str, *, waits: bool = False) -> str:
    answer = client.get(path)
    while waits and answer.status_code == 202:
        answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return answer.text


@click.command()
@click.option("--records", "counts", multiple=True, type=click.IntRange(min=1), default=(100_000,), show_default=True, help="How many.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How often each is asked for.")
@click.option("--url", help="An empty database; a file of its own by default.")
def main(counts: tuple[int, ...], rounds: int, url: str | None) -> None:
    """Measure and print."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            click.echo(report(measure(url or f"sqlite:///{Path(folder) / 'voc.db'}", count, rounds)))


if __name__ == "__main__":
    main()
