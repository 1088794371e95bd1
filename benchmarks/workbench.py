"""A number of synthetic records in, times of all workbench pages out, as ratios to a naive query of the same run.

    python -m benchmarks.workbench [--records 1000000] [--rounds 3] [--keep FOLDER] [--url postgresql://voc@localhost/empty]

A look is a request to the application in this process, signed in, until the page's HTML is complete; no network. Each filter is
requested once per round in a new variant, so that nothing is cached: first right after the page of all
records was opened, while whole reports are being computed, then once all are done. The table has the median and the
slowest. Naive is a program that reads all records from the database and counts: every analysis of the workspace read,
filtered, turned into rows and figures; for words, every text read and searched. With `--keep` the records stay for the next time,
which begins with the looks; `--only-make` stops before them. Compare the ratios, not the milliseconds.
"""

from __future__ import annotations

import base64
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from datetime import time as time_of_day
from functools import partial
from itertools import count as numbers
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import click
import numpy as np
from flask.testing import FlaskClient
from sqlalchemy import Connection, insert, update
from sqlalchemy import Table as SqlTable

from benchmarks.desk import application, client_of, opened, signed_in
from benchmarks.workspace import BATCH, DAYS, FIRST_DAY, REASON, SEED, WORKSPACE, fill, id_of
from vocservice.interpreter import under_load
from vocservice.reporting.columns import Columns
from vocservice.reporting.packing import pack
from vocservice.reporting.report import Wish, report_of
from vocservice.reporting.rows import Row, row_of
from vocservice.reporting.wording import words_of
from vocservice.store.analysed import packed, reading
from vocservice.store.analysed.reading import Taken
from vocservice.store.analysed.table import Table
from vocservice.store.database import Database
from vocservice.store.schema import annotations, issues, records, vectors
from vocservice.taxonomy import load_taxonomy
from vocservice.web.workbench import pages
from vocservice.web.workbench.selecting import listed

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()  # of synthetic records, the same every time
EMAIL = f"{WORKSPACE}@example.org"
LAST_DAY = FIRST_DAY.date() + timedelta(days=DAYS - 1)
TODAY = date(2026, 1, 31)
ISSUE = "iss_benchmark"
WIDTH = 384  # of a vector
FILTERS: Mapping[str, Mapping[str, str | list[str]]] = {
    "everything": {},
    "one channel": {"channel": "email"},
    "last four weeks": {"since": str(LAST_DAY - timedelta(days=27))},
    "service complaints": {"scope": "any_service"},
    "one cell": {"stage": "purchase", "factor": "fulfilment"},
    "channel, polarity and half a year": {"channel": "review", "polarity": "-", "since": str(LAST_DAY - timedelta(days=181))},
    "any of three stages": {"stage": ["purchase", "use", "cultivation"]},
    "all channels but two": {"channel": ["review", "email"], "not": "channel"},
    "reason for review": {"reason": REASON},
    "needs review": {"needs_review": "true"},
    "corrected by a person": {"is_corrected": "true"},
    "two days": {"since": str(LAST_DAY - timedelta(days=1))},
    "two days, one channel": {"since": str(LAST_DAY - timedelta(days=1)), "channel": "phone"},
    "one customer": {"customer_of": id_of(0)},
}
PAGES: Mapping[str, str] = {
    "list of the records of one cell": "/workbench/verbatims?stage=purchase&factor=fulfilment",
    "journey map, each cell by its customers, as JSON": "/workbench/charts/journey.json",
    "words: one that many say": "/workbench/verbatims?q=parcel",
    "words: a phrase, a beginning, one left out": "/workbench/verbatims?q=%22nine+days%22+parc*+-phone",
    "words: one that none says": "/workbench/verbatims?q=zebra",
    "words, the best first": "/workbench/search?q=parcel+late",
    "meaning: like one record": f"/workbench/search?like={id_of(0)}",
    "meaning, within one channel": f"/workbench/search?like={id_of(0)}&channel=email",
    "words and meaning": f"/workbench/search?q=parcel&like={id_of(0)}",
    "two sets side by side": "/workbench/compare?a_channel=phone&b_channel=chat",
    "issues": "/workbench/issues",
    "one issue": f"/workbench/issues/{ISSUE}",
}
NAIVE = ("everything", "one cell", "any of three stages")
NAIVE_WORDS: Mapping[str, str] = {"words: one that many say": "parcel", "words: one that none says": "zebra"}
_later = numbers()


@dataclass(frozen=True, slots=True)
class Measured:
    """One look: median seconds, number of records; beside a running report, and the naive way, if measured."""

    name: str
    records: int
    seconds: float
    slowest: float
    beside: float | None = None
    naive: float | None = None


def measure(database: Database, url: str, rounds: int) -> Iterator[Measured]:
    """Measure all looks at the records of a database, with the naive way where it was run."""
    with patch.object(pages, "datetime", _LastDay):
        yield from _measured(database, url, rounds)


class _LastDay(datetime):
    """The clock of the pages: noon of the last day with records, since periods end today."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _LastDay:
        return cls.combine(LAST_DAY, time_of_day(12), tz)


def _measured(database: Database, url: str, rounds: int) -> Iterator[Measured]:
    client = signed_in(application(database, url, key=KEY), EMAIL)
    count = held(database)
    yield timed("first look of a process: columns are read", count, 1, lambda: _page(client, "/workbench", waits=True))
    beside = {name: statistics.median(_asked(client, _path(name))[0] for _ in range(rounds)) for name in FILTERS}
    yield timed("all figures of all these choices, made in a thread beside them", count, 1, lambda: _whole(client))
    found = {}
    for name in FILTERS:
        found[name] = _filtered(client, name, rounds, beside[name])
        yield found[name]
    for name, path in PAGES.items():
        found[name] = timed(name, count, rounds, partial(_page, client, path))
        yield found[name]
    yield timed("all figures of everything, nothing beside", count, 1, lambda: _whole(client, _path("everything")))
    fill(database, 1, is_new=False, start=count)
    yield timed("two days, after one more record", count + 1, 1, lambda: _page(client, _path("two days")))
    peak = _megabytes()
    plain = {**naive(database, NAIVE), **naive_words(database, NAIVE_WORDS)}
    yield from (replace(found[name], naive=seconds) for name, seconds in plain.items())
    yield Measured(f"most memory of the process before the naive way: {peak} MB; with it {_megabytes()} MB", count, 0.0, 0.0)


def made(url: str, count: int) -> tuple[Database, list[Measured]]:
    """A database with a number of records, creating and packing missing ones, and the time that took; resumable."""
    database, found = opened(url), []
    if held(database) == 0:
        client_of(application(database, url, key=KEY), database, WORKSPACE)
        with database.write() as connection:
            connection.execute(insert(issues), _issue())
    if missing := max(count - held(database), 0):
        start = count - missing
        found.append(timed("writing the records", missing, 1, lambda: _write(database, start, missing)))
    with database.read() as connection:
        is_waiting = packed.waits(connection, WORKSPACE)
    if is_waiting:
        found.append(timed("first look ever: records are packed", count, 1, Table(database, WORKSPACE, load_taxonomy()).load))
    return database, found


def _write(database: Database, start: int, count: int) -> None:
    """Records with random vectors; one in ten needs review, one in two hundred was corrected."""
    for first in range(start, start + count, BATCH):
        some = range(first, min(first + BATCH, start + count))
        fill(database, len(some), is_new=False, start=first)
        with database.write() as connection:
            _review(connection, some)
            _put(connection, vectors, list(_vectors(some)))


def _review(connection: Connection, numbers: range) -> None:
    chosen = {step: [id_of(number) for number in numbers if number % step == 0] for step in (10, 200)}
    connection.execute(update(records).where(records.c.id.in_(chosen[10])).values(needs_review=True))
    decided = {"workspace_id": WORKSPACE, "revision": 1, "bundle": "made-1", "decision": "correct", "created_at": FIRST_DAY}
    labels = {"stages": ["use"], "factors": [], "sentiment": 0, "scope": "neither", "flags": [], "reasons": [REASON], "needs_review": True}
    rows = [{"id": f"ann{name[3:]}", "record_id": name, "submission": name, "labels": labels, **decided} for name in chosen[200]]
    _put(connection, annotations, rows)


def _vectors(numbers: range) -> Iterator[Mapping[str, Any]]:
    drawn = np.random.default_rng([SEED, numbers.start]).normal(0, 40, (len(numbers), WIDTH)).clip(-127, 127).astype(np.int8)
    own = {"workspace_id": WORKSPACE, "bundle": "made-1", "revision": 1}
    for number, vector in zip(numbers, drawn, strict=True):
        yield {"record_id": id_of(number), "vector": vector.tobytes(), **own}


def _issue() -> Mapping[str, Any]:
    """An open issue of all complaints of one cell, from half a year before the last day."""
    opened_at = FIRST_DAY + timedelta(days=DAYS // 2)
    cell = {"stage": "purchase", "factor": "fulfilment", "cause": "", "title": "Late parcels", "owner": "operations"}
    held = {"id": ISSUE, "workspace_id": WORKSPACE, "status": "open", "opened_by": "benchmark"}
    evidence = {"records": 100, "customers": 90, "weeks": 8, "ratio": 1.5, "base": "", "q": 0.01, "words": []}
    return {**cell, **held, "evidence": evidence, "opened_at": opened_at, "changed_at": opened_at}


def _put(connection: Connection, table: SqlTable, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def held(database: Database) -> int:
    """Number of records."""
    with database.read() as connection:
        return packed.count(connection, WORKSPACE)


def timed(name: str, records: int, rounds: int, act: Callable[[], object]) -> Measured:
    """How long it takes."""
    found = [seconds_of(act) for _ in range(rounds)]
    return Measured(name, records, statistics.median(found), max(found))


def seconds_of(act: Callable[[], object]) -> float:
    """How long it took."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def naive(database: Database, names: Sequence[str]) -> Mapping[str, float]:
    """Seconds to the figures of each filter's page by reading every record; the reading is done once and counted in each."""
    begun = time.perf_counter()
    kept: dict[str, list[Columns]] = {name: [] for name in names}
    for rows in _batches(map(_row, _all(database))):
        for name, parts in kept.items():
            fitting = [(row.id, pack(row, order=at)) for at, row in enumerate(rows) if fits(row, FILTERS[name])]
            parts.append(Columns.of(load_taxonomy(), fitting))
    read = time.perf_counter() - begun
    return {name: read + seconds_of(partial(_figures, kept.pop(name))) for name in names}


def naive_words(database: Database, wanted: Mapping[str, str]) -> Mapping[str, float]:
    """Seconds to find the records with a word by searching every text; the reading is done once and counted in each."""
    begun = time.perf_counter()
    for taken in _all(database):
        said = set(words_of(reading.customers_words(taken.analysis)))
        for word in wanted.values():
            word in said  # noqa: B015 - what it costs is what is measured
    return dict.fromkeys(wanted, time.perf_counter() - begun)


def _all(database: Database) -> Iterator[Taken]:
    with under_load(), database.read() as connection:
        yield from reading.in_order(connection, WORKSPACE, reading.ids(connection, WORKSPACE))


def _row(taken: Taken) -> Row:
    return row_of(taken.analysis, taken.origin)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """In batches, so that memory holds only packed ones."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def _figures(parts: Sequence[Columns]) -> None:
    report_of(Columns.joined(parts).frame(), (), {}, Wish(today=TODAY), is_brief=True)


def fits(row: Row, wanted: Mapping[str, str | list[str]]) -> bool:
    """Whether a row has any of the requested stages and factors."""
    found = {"stage": {one.key for one in row.stages}, "factor": {one.key for one in row.factors}}
    return all(not keys.isdisjoint(listed(wanted[name])) for name, keys in found.items() if name in wanted)


def report(found: Iterable[Measured]) -> str:
    """A Markdown table of the looks, as in docs/workbench.md, followed by other measurements."""
    head = ["| look | records | ms | slowest | while a report is made beside it | naive over ours |", "|---|---:|---:|---:|---:|---:|"]
    last = {one.name: one for one in found}.values()
    looks, others = (sorted((one for one in last if bool(one.beside) == is_look), key=_place) for is_look in (True, False))
    pages = [one for one in others if one.name in PAGES]
    rest = [
        f"- {one.name}: {f'{one.seconds:,.1f} s, ' if one.seconds else ''}{one.records:,} records" for one in others if one not in pages
    ]
    return "\n".join(["### Workbench", "", *head, *map(_line, (*looks, *pages)), "", *rest, ""])


def _place(one: Measured) -> int:
    names = (*FILTERS, *PAGES)
    return names.index(one.name) if one.name in names else len(names)


def _line(one: Measured) -> str:
    beside = f"{1000 * one.beside:,.0f}" if one.beside else ""
    ratio = f"{one.naive / one.seconds:,.0f}" if one.naive else ""
    return f"| {one.name} | {one.records:,} | {1000 * one.seconds:,.0f} | {1000 * one.slowest:,.0f} | {beside} | {ratio} |"


def _filtered(client: FlaskClient, name: str, rounds: int, beside: float) -> Measured:
    """Request a filter once no computation of the previous answer is running."""
    found = []
    for _ in range(rounds):
        path = _path(name)
        found.append(_asked(client, path))
        _whole(client, path)
    seconds = [taken for taken, _ in found]
    return Measured(name, found[0][1], statistics.median(seconds), max(seconds), beside)


def _asked(client: FlaskClient, path: str) -> tuple[float, int]:
    """Time of a page, and its number of records."""
    begun = time.perf_counter()
    page = _page(client, path)
    taken = time.perf_counter() - begun
    told = re.search(r"<p>(\d+) records", page)
    return taken, int(told[1]) if told else 0


def _path(name: str) -> str:
    """A new variant of a filter: with a last day after all records."""
    until = date(3000, 1, 1) + timedelta(days=next(_later))
    return f"/workbench?{urlencode({**FILTERS[name], 'until': str(until)}, doseq=True)}"


def _whole(client: FlaskClient, path: str = "") -> None:
    """Time until a page has all figures, for a new request, after all earlier ones."""
    path = path or _path("two days")
    begun = time.perf_counter()
    while "data-later" in _page(client, path):
        time.sleep(max(0.2, 2 * (time.perf_counter() - begun)))
        begun = time.perf_counter()


def _page(client: FlaskClient, path: str, *, waits: bool = False) -> str:
    answer = client.get(path)
    while waits and answer.status_code == 202:
        answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return answer.text


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@click.command()
@click.option("--records", "count", type=click.IntRange(min=1), default=100_000, show_default=True, help="How many.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How often each is asked for.")
@click.option("--url", help="An empty database; a file of its own by default.")
@click.option("--keep", type=click.Path(path_type=Path), help="A folder in which the records stay for the next time.")
@click.option("--only-make", is_flag=True, help="Write and pack the records and end there; broken off, it goes on the next time.")
def main(count: int, rounds: int, url: str | None, keep: Path | None, only_make: bool) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as own:
        folder = keep or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        url = url or f"sqlite:///{folder / 'voc.db'}"
        database, found = made(url, count)
        try:
            for one in () if only_make else measure(database, url, rounds):
                click.echo(f"{one.name}: {one.seconds:.3f} s", err=True)
                found.append(one)
        finally:  # existing records after an interruption
            click.echo(report(found))
            database.close()


if __name__ == "__main__":
    main()
