"""Texts in, seconds and peak memory of complete `voc classify` runs out, each in its own process: cold start, many rows, Ray."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vocservice.paths import home

IMPORTS = "import spacy, onnxruntime, tokenizers"
_WATCH = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
found = {"seconds": time.perf_counter() - started, "peak": used.ru_maxrss / 1024, "code": os.waitstatus_to_exitcode(status)}
print(json.dumps(found))
"""
STEP = 7919  # prime, so that pairs of halves repeat as late as possible


@dataclass(frozen=True, slots=True)
class Ended:
    """One process: seconds, peak resident memory in MiB, and the speed in the run's manifest."""

    seconds: float
    peak: float
    rate: float = 0.0


def recombined(texts: Sequence[str], rows: int) -> Iterator[str]:
    """Rows of the first half of one text and the second of another: realistic lengths, hardly any repeats."""
    halves = [(words[: len(words) // 2], words[len(words) // 2 :]) for words in (text.split() for text in texts)]
    for number in range(rows):
        turn, first = divmod(number, len(halves))
        second = (first + 1 + turn * STEP) % len(halves)
        yield " ".join([*halves[first][0], *halves[second][1]]) or str(number)


def write_csv(path: Path, texts: Iterator[str] | Sequence[str]) -> Path:
    """Columns id and text."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerow(("id", "text"))
        csv.writer(stream).writerows(enumerate(texts))
    return path


def imports() -> Ended:
    """Start-up time of the imported libraries."""
    return ended([sys.executable, "-c", IMPORTS])


def classify(given: Path, *options: str, bundle: str | None = None, threads: int = 0) -> Ended:
    """`voc classify` of a file, with the output beside it.

    Raises:
        RuntimeError: it failed.
    """
    out = given.with_suffix(".out.csv")
    chosen = ("--bundle", bundle) if bundle else ()
    command = [sys.executable, "-m", "vocservice", "classify", str(given), "-o", str(out), "--no-progress", *chosen, *options]
    found = ended(command, environment={"VOC_THREADS": str(threads)})
    timing = json.loads(out.with_name(out.name + ".manifest.json").read_text(encoding="utf-8"))["timing"]
    return Ended(found.seconds, found.peak, timing["records_per_second"])


def ended(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a process to its end; exit code 3 (some records were rejected) is accepted.

    A small process starts and monitors it: a direct child would inherit this process's memory as its peak.
    """
    whole = [sys.executable, "-S", "-c", _WATCH, *command]
    done = subprocess.run(whole, env={**os.environ, **(environment or {})}, cwd=home(), capture_output=True, text=True, check=False)  # noqa: S603
    found = json.loads(done.stdout)
    if found["code"] not in (0, 3):
        raise RuntimeError(f"exit code {found['code']}: {done.stderr[-400:]}")
    return Ended(found["seconds"], found["peak"])


def marginal(run: list[tuple[int, float]]) -> float:
    """Records per second between the smallest and the largest run, which excludes start-up."""
    (few, short), (many, long) = sorted(run)[0], sorted(run)[-1]
    return (many - few) / (long - short)
