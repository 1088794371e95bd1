"""A folder of texts in, three runs over all of it out: one command, again on Ray, and again killed and resumed.

    python -m benchmarks.corpora FOLDER [--limit 3000] [--workers 2]

Every file that `voc classify` reads is used (`*.jsonl.gz` by default). The outputs must be identical, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from vocservice.batch.shards import JOURNAL, shards_of
from vocservice.paths import home

PATTERN = "*.jsonl.gz"
SHARE = 0.6
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Ended:
    """One run: output records, rejected ones, its own seconds (without a warm-up, model loaded), SHA-256 of the output.

    `taken` are records done by an earlier run.
    """

    name: str
    records: int
    rejected: int
    seconds: float
    taken: int
    sha256: str

    @property
    def rate(self) -> float:
        return (self.records - self.taken) / self.seconds


@dataclass(frozen=True, slots=True)
class Task:
    """Inputs, limit and output folder; `options` are passed to every run."""

    pattern: str
    folder: Path
    options: tuple[str, ...] = ()

    def out(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def command(self, out: Path, *more: str) -> list[str]:
        return [sys.executable, "-m", "vocservice", "classify", self.pattern, "-o", str(out), "--json", *self.options, *more]


def classified(task: Task, name: str, *more: str) -> Ended:
    """One complete run; its progress goes to standard error.

    Raises:
        RuntimeError: it failed; exit code 3 (some records were rejected) is no failure.
    """
    out = task.out(name)
    done = subprocess.run(task.command(out, *more), cwd=home(), stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{name}: exit code {done.returncode}")
    summary = json.loads(done.stdout)
    timing = json.loads(out.with_name(f"{out.name}.manifest.json").read_text(encoding="utf-8"))["timing"]
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Ended(name, summary["records"], summary["rejected"], summary["seconds"], timing["resumed_records"], digest)


def killed_and_resumed(task: Task, name: str, *, records: int) -> Ended:
    """A run that is killed (SIGKILL) after 60 % of its records, and resumed.

    Raises:
        RuntimeError: it ended before; there are too few records.
    """
    out = task.out(name)
    with subprocess.Popen(task.command(out), cwd=home(), stdout=subprocess.DEVNULL) as process:  # noqa: S603
        while done_of(out) < SHARE * records:
            if process.poll() is not None:
                raise RuntimeError(f"{name}: ended before it could be killed")
            time.sleep(POLL_SECONDS)
        process.kill()
    if out.exists():
        raise RuntimeError(f"{name}: there is an output though it was killed")
    return classified(task, name, "--resume")


def done_of(out: Path) -> int:
    """Records in the finished shards of a running run."""
    journal = shards_of(out) / JOURNAL
    if not journal.exists():
        return 0
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    return sum(json.loads(line)["records"] for line in lines if line.endswith("\n"))


def measured(pattern: str, *, options: Sequence[str], workers: int) -> list[Ended]:
    """The runs over the same inputs; the first is the reference."""
    with tempfile.TemporaryDirectory() as folder:
        task = Task(pattern, Path(folder), tuple(options))
        runs = [classified(task, "one command")]
        runs.append(killed_and_resumed(task, f"killed at {SHARE:.0%} and gone on with", records=runs[0].records))
        if find_spec("ray"):
            runs.append(classified(task, f"Ray, {workers} workers", "--engine", "ray", "--workers", str(workers)))
        return runs


def figures(pattern: str, *, options: Sequence[str] = (), workers: int = 2) -> dict[str, Any]:
    """The same as plain values."""
    return {"runs": [asdict(run) | {"rate": run.rate} for run in measured(pattern, options=options, workers=workers)]}


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row per run: name, records, rejected, taken over, seconds, records per second, and whether its bytes equal the first's."""
    first = found["runs"][0]["sha256"]
    return [
        (
            run["name"],
            f"{run['records']:,}",
            f"{run['rejected']:,}",
            f"{run['taken']:,}",
            f"{run['seconds']:,.0f}",
            f"{run['rate']:,.0f}",
            "yes" if run["sha256"] == first else "**no**",
        )
        for run in found["runs"]
    ]


HEAD = ("run", "records", "rejected", "taken over", "seconds", "records/s", "same bytes")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pattern", default=PATTERN, show_default=True, help="Files of the folder.")
@click.option("--limit", type=click.IntRange(min=2048), help="Only so many records.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Of the local Ray cluster.")
@click.option("--bundle", help="Version under models/, or path.")
def main(folder: Path, pattern: str, limit: int | None, workers: int, bundle: str | None) -> None:
    """Run and print the table."""
    chosen = (("--limit", str(limit)), ("--bundle", bundle))
    options = [word for name, value in chosen if value is not None for word in (name, value)]
    found = figures(str(folder.resolve() / pattern), options=options, workers=workers)
    for row in (HEAD, ["---"] * len(HEAD), *rows(found)):
        click.echo(f"| {' | '.join(row)} |")
    sys.exit(len({run["sha256"] for run in found["runs"]}) - 1)


if __name__ == "__main__":
    main()
