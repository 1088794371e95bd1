"""Open inputs, a model and options in, a written output and an exit code out: one run of `voc classify`."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vocservice.batch import manifest
from vocservice.batch.engines import Engine
from vocservice.batch.inputs import Inputs
from vocservice.batch.plan import Plan
from vocservice.batch.run import Run, write
from vocservice.batch.shards import Shards, shards_of
from vocservice.cli.failures import INTERRUPTED, OK, SOME_REJECTED
from vocservice.cli.progress import open_progress
from vocservice.cli.summary import Summary, numbered
from vocservice.errors import InputError, OutputError
from vocservice.records import Result
from vocservice.tables.formats import STANDARD_STREAM, output_format, shown_name
from vocservice.turns import called


@dataclass(frozen=True, slots=True)
class Options:
    """The caller's options, by name."""

    output: str
    id_column: str | None
    text_column: str | None
    mapping: str | None
    save_mapping: str | None
    sheet: str | None
    limit: int | None
    customer: tuple[str, ...]
    bundle: str | None
    taxonomy: str | None
    resume: bool
    engine: str
    workers: int | None
    ray_address: str | None
    dry_run: bool
    excel: bool
    delimiter: str | None
    explode: str | None
    no_progress: bool
    as_json: bool

    @property
    def is_table(self) -> bool:
        """Whether the output keeps the inputs' columns."""
        return output_format(self.output).name != "jsonl"

    @property
    def deciding(self) -> dict[str, Any]:
        """The options that determine the output, except model and columns, which are recorded separately."""
        found = {name: getattr(self, name) for name in ("sheet", "limit", "excel", "delimiter", "explode")}
        return {"format": output_format(self.output).name, **found, **self._customers()}

    def _customers(self) -> dict[str, str]:
        """Hash of the customer names: the plan is stored, and must not contain names."""
        names = "\n".join(sorted(map(called, self.customer)))
        return {"customers": hashlib.sha256(names.encode("utf-8", "replace")).hexdigest()} if names else {}


@dataclass(frozen=True, slots=True)
class Job:
    """Inputs, engine and output plan of one run."""

    inputs: Inputs
    engine: Engine
    label_sets: tuple[str, ...]
    plan: Plan
    options: Options
    lacks: tuple[str, ...] = ()

    def to_run(self) -> Run:
        """The same without other options."""
        options = self.options
        wanted = options.output, options.excel, options.explode, options.delimiter
        return Run(self.inputs, self.engine, self.label_sets, self.plan, *wanted, lacks=self.lacks)


def run(job: Job) -> int:
    """Write every result; on Ctrl-C or a damaged input, what was written so far is kept.

    Raises:
        InputError: an input is damaged, or changed while it was read.
        OutputError: the disk is full; the message says if the run can be resumed.
        ResumeError: the run to resume had other inputs or options.
    """
    summary = Summary(job.plan.model.id, job.options.output)
    try:
        _write(job, summary)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {_what_is_left(summary)}{_how_to_go_on(job)}", err=True)
        return INTERRUPTED
    except InputError:
        if summary.records:
            click.echo(f"stopped: {_what_is_left(summary)}", err=True)
        raise
    except OutputError:
        if summary.records:
            click.echo(f"stopped after {numbered(summary.records, 'record')}{_how_to_go_on(job)}", err=True)
        raise
    summary.print(as_json=job.options.as_json)
    return SOME_REJECTED if summary.rejected else OK


def _write(job: Job, summary: Summary) -> None:
    options = job.options
    with ExitStack() as stack:
        shards = stack.enter_context(_opened(job)) if keeps_shards(options.output, job.plan) else None
        with open_progress(job.inputs, is_wanted=not options.no_progress) as progress:

            def seen(result: Result) -> None:
                summary.add(result)
                progress.show(summary.records)

            write(job.to_run(), shards, seen)
        _tell_how(job, summary, resumed=shards.resumed if shards is not None else 0)
        if shards is not None:
            shards.remove()


def keeps_shards(output: str, plan: Plan) -> bool:
    """Whether a run can be resumed: it reads files and writes one."""
    return output != STANDARD_STREAM and plan.is_resumable


def _opened(job: Job) -> Shards:
    """The shards of a run; reports those left by an earlier run."""
    shards = Shards.open(Path(job.options.output), job.plan, resume=job.options.resume)
    if job.options.resume:
        click.echo(f"resuming: {shards.resumed} records are done", err=True)
    elif shards.earlier:
        click.echo(f"starting over: {shards.name} holds {shards.earlier} records of an unfinished run; --resume continues it", err=True)
    return shards


def _tell_how(job: Job, summary: Summary, *, resumed: int) -> None:
    if job.options.output != STANDARD_STREAM:
        timing = manifest.timed(seconds=summary.seconds, records=summary.records, resumed_records=resumed, engine=job.options.engine)
        manifest.write(Path(job.options.output), job.plan, summary.counts(), timing)


def _what_is_left(summary: Summary) -> str:
    written = "1 record was written" if summary.records == 1 else f"{summary.records} records were written"
    return written if summary.output == STANDARD_STREAM or not summary.records else f"{written} to {shown_name(summary.output)}.partial"


def _how_to_go_on(job: Job) -> str:
    has_shards = keeps_shards(job.options.output, job.plan) and shards_of(Path(job.options.output)).exists()
    return "; --resume continues it" if has_shards else ""
