"""Open inputs, an engine and a plan in, a complete output with manifest and rejects out, or the shards of an unfinished one."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vocservice.batch import manifest
from vocservice.batch.engines import Engine
from vocservice.batch.failpoints import reached
from vocservice.batch.inputs import Inputs, changed
from vocservice.batch.plan import Plan, print_of
from vocservice.batch.shards import Shards
from vocservice.records import Result
from vocservice.tables import open_writer
from vocservice.tables.formats import STANDARD_STREAM


@dataclass(frozen=True, slots=True)
class Run:
    """Inputs, engine, plan and output of a run."""

    inputs: Inputs
    engine: Engine
    label_sets: tuple[str, ...]
    plan: Plan
    output: str
    excel: bool = False
    explode: str | None = None
    delimiter: str | None = None
    lacks: tuple[str, ...] = ()


def write(run: Run, shards: Shards | None, seen: Callable[[Result], None]) -> None:
    """Write every result; the output gets its name when complete.

    Args:
        run: the run.
        shards: storage of finished work; None stores nothing.
        seen: called with each written result; its errors end the run.

    Raises:
        InputError: an input is damaged, or changed while it was read.
        OutputError: the output cannot be written.
    """
    with open_writer(
        run.output,
        facts=run.inputs.facts,
        label_sets=run.label_sets,
        lacks=run.lacks,
        excel=run.excel,
        delimiter=run.delimiter,
        explode=run.explode,
    ) as writer:
        for row, result in enumerate(run.engine.run(iter(run.inputs), shards), 1):
            writer.write(result, run.inputs.origin(row))
            seen(result)
            if not row % run.plan.shard_records:
                _check_sizes(run)
        _check_unchanged(run)
        reached("before_output")
        if run.output != STANDARD_STREAM:  # the manifest of an earlier output must not stand beside the new one
            manifest.forget(Path(run.output))


def _check_sizes(run: Run) -> None:
    """Detect growing inputs early, not after all the work."""
    for path, planned in zip(run.inputs.paths, run.plan.inputs, strict=True):
        with suppress(OSError):
            if planned.bytes is not None and os.stat(path).st_size != planned.bytes:
                raise changed(path)


def _check_unchanged(run: Run) -> None:
    """Check that the hash of an input matches what was read."""
    for index in run.inputs.touched():
        path = run.inputs.paths[index]
        if print_of(path).sha256 != run.plan.inputs[index].sha256:
            raise changed(path)
