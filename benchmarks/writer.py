"""A model and texts in, the speed of the main process of a Ray run out: rows per second that it reads, sends, receives and writes.

The workers are stand-ins with precomputed answers, so only the CPU time of the main process is measured.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import scale
from vocservice.api import Analyser
from vocservice.batch.inputs import Inputs, Selection
from vocservice.batch.plan import make_plan
from vocservice.batch.ray_crew import Shard
from vocservice.batch.ray_engine import SHARDS_A_WORKER, RayEngine
from vocservice.batch.run import Run, write
from vocservice.batch.shards import Shards
from vocservice.batch.stored import encode
from vocservice.settings import Settings
from vocservice.tables.places import Place

FORMATS = ("csv", "jsonl")


class Ready:
    """A crew of instant workers: the result lines of every row are precomputed."""

    def __init__(self, lines: Sequence[bytes], size: int):
        self._lines, self._size = lines, size
        self._finished: deque[int] = deque()

    def submit(self, shard: Shard) -> None:
        self._finished.append(shard.number)

    def finished(self) -> tuple[int, bytes]:
        number = self._finished.popleft()
        return number, b"".join(self._lines[number * self._size : (number + 1) * self._size])

    def dismiss(self) -> None:
        pass


def paces(analyser: Analyser, folder: Path, texts: Sequence[str], *, rows: int, rounds: int) -> dict[str, float]:
    """Rows per CPU second by output format; the best round counts."""
    some = list(analyser.stream(texts))
    lines = [encode(replace(some[number % len(some)], id=str(number))) for number in range(rows)]
    given = scale.write_csv(folder / "in.csv", [texts[number % len(texts)] for number in range(rows)])
    return {name: rows / min(_seconds(analyser, given, folder / f"out.{name}", lines) for _ in range(rounds)) for name in FORMATS}


def _seconds(analyser: Analyser, given: Path, out: Path, lines: Sequence[bytes]) -> float:
    with Inputs.open([Place(str(given))], Selection(), is_table=out.suffix != ".jsonl") as inputs:
        plan = make_plan(inputs.places, analyser, Settings(), options={}, mapping=inputs.mapping)
        size = plan.shard_records
        crew: Any = lambda: Ready(lines, size)  # noqa: E731
        run = Run(inputs, RayEngine(crew, connected=nullcontext, size=size, window=SHARDS_A_WORKER), analyser.label_sets, plan, str(out))
        with Shards.open(out, plan, resume=False) as shards:
            started = time.process_time()
            write(run, shards, lambda _: None)
            taken = time.process_time() - started
            shards.remove()
    return taken
