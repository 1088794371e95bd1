"""The shipped sample in, peak memory of `voc classify` at several numbers of rows out, as ratios to a program that loads all rows.

    python benchmarks/memory.py [--rows 10000 --rows 200000]

Rows are recombined sentences of the sample; a fake model gives every row the same labels, so that what is measured is the way through
files, steps and shards. Each run is a process of its own; the figure is its largest resident set. The last column is the peak over
that of the fewest rows: 1 means that memory does not grow.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.scale import ended
from benchmarks.throughput import sample
from vocservice import api
from vocservice.api import Analyser
from vocservice.cli import run
from vocservice.records import Analysis, Evidence, Factor, Label, RawVerbatim, Rejected, Result, Sentiment
from vocservice.taxonomy import load_taxonomy

SENTENCES = 400
WAYS = ("voc classify", "all rows at once")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: peak resident memory in MiB, and its ratio to the same way's run with the fewest rows."""

    way: str
    rows: int
    peak: float
    ratio: float


def recombined(rows: int) -> Iterator[tuple[str, str]]:
    """Ids and texts: distinct pairs of sentences."""
    texts = sample(SENTENCES)
    for number in range(rows):
        first, second = divmod(number, SENTENCES)
        yield str(number), f"{texts[second]} {texts[first % SENTENCES]} {number}"


def write_rows(path: Path, rows: int) -> None:
    """A CSV with a number of rows."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerow(("id", "text"))
        csv.writer(stream).writerows(recombined(rows))


def measure(rows: Sequence[int]) -> list[Measured]:
    """Run every way at every number of rows, fewest first."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            peaks = [peak_of(way, Path(folder), count) for count in sorted(rows)]
            found += [Measured(way, count, peak, peak / peaks[0]) for count, peak in zip(sorted(rows), peaks, strict=True)]
    return found


def peak_of(way: str, folder: Path, rows: int) -> float:
    """Peak memory of one run in MiB."""
    given = folder / f"{rows}.csv"
    if not given.exists():
        write_rows(given, rows)
    return ended([sys.executable, "-m", "benchmarks.memory", "--run", way, str(given), str(folder / "out.csv")]).peak


def run_one(way: str, given: str, out: str) -> None:
    """One run in this process."""
    analyser = Analyser(Labels(), "fake", load_taxonomy())
    if way == WAYS[0]:
        api.load = lambda *_, **__: analyser
        if run(["classify", given, "-o", out, "--no-progress"]):
            raise click.ClickException("voc classify failed")
    else:
        with open(given, encoding="utf-8", newline="") as stream:
            results = analyser.analyse([row["text"] for row in csv.DictReader(stream)])
        Path(out).write_text("\n".join(json.dumps(result.to_dict()) for result in results), encoding="utf-8")


class Labels:
    """Labels without a model or steps; the first letters are the evidence."""

    def analyse(self, records: Iterable[RawVerbatim | Rejected]) -> Iterator[Result]:
        return (record if isinstance(record, Rejected) else _labelled(record) for record in records)


def _labelled(record: RawVerbatim) -> Analysis:
    text = record.text or ""
    evidence = (Evidence(0, 5, None, text[:5]),)
    return Analysis(
        id=record.id,
        text=text,
        stages=(Label("use", 0.9, evidence),),
        factors=(Factor("technology", "-", 0.8, evidence),),
        sentiment=Sentiment(-1, -0.4, {"-1": 1.0}),
        scope=None,
        flags=(),
        language="en",
        redactions=(),
        abstained=(),
        model="fake",
        taxonomy="voc",
        row=record.row,
    )


def report(found: Sequence[Measured]) -> str:
    """One Markdown table."""
    rows = [f"| {one.way} | {one.rows:,} | {one.peak:,.0f} | {one.ratio:.2f} |" for one in found]
    return "\n".join(["### Memory", "", "| way | rows | peak, MiB | over the fewest rows |", "|---|---|---|---|", *rows, ""])


@click.command()
@click.option("--rows", multiple=True, type=click.IntRange(min=1), default=(10_000, 200_000), show_default=True, help="How many rows.")
@click.option("--run", "one", nargs=3, hidden=True, default=None, type=str)
def main(rows: tuple[int, ...], one: tuple[str, str, str] | None) -> None:
    """Measure and print."""
    if one is not None:
        run_one(*one)
    else:
        click.echo(report(measure(rows)))


if __name__ == "__main__":
    main()
