"""A finished run in, `OUT.manifest.json` beside its output out: inputs, model, options and comparable figures.

Everything except `timing` is the same for every run of a plan.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from vocservice.batch.plan import Plan, Print, print_of
from vocservice.tables.output import manifest_of
from vocservice.tables.partial import unwritable

FORMAT = 1


class Counts(BaseModel):
    """Records in all, and those rejected by their code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    records: int
    ok: int
    rejected: int
    rejected_by_code: dict[str, int]


class Timing(BaseModel):
    """Start and end of the run's last process (UTC), its speed, and the records done by earlier ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    started: datetime
    finished: datetime
    seconds: float
    records_per_second: float | None
    resumed_records: int
    engine: str


class Manifest(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    plan: Plan
    counts: Counts
    output: Print
    timing: Timing


def timed(*, seconds: float, records: int, resumed_records: int, engine: str) -> Timing:
    """The timing of a run that ends now, after a number of seconds."""
    now = datetime.now(UTC)
    fresh = records - resumed_records
    return Timing(
        started=now - timedelta(seconds=seconds),
        finished=now,
        seconds=round(seconds, 3),
        records_per_second=round(fresh / seconds, 1) if seconds > 0 else None,
        resumed_records=resumed_records,
        engine=engine,
    )


def forget(output: Path) -> None:
    """Remove the manifest of an earlier output before it is replaced.

    Raises:
        OutputError: it cannot be removed.
    """
    file = manifest_of(output)
    try:
        file.target.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(file.name, error) from None


def write(output: Path, plan: Plan, counts: dict[str, Any], timing: Timing) -> None:
    """Write the manifest atomically.

    Args:
        output: the finished output.
        plan: of the run.
        counts: `records`, `ok`, `rejected` and `rejected_by_code`.
        timing: the part that differs between runs.

    Raises:
        OutputError: it cannot be written.
    """
    file = manifest_of(output)
    found = Manifest(plan=plan, counts=Counts(**counts), output=print_of(str(output)), timing=timing)
    try:
        file.partial.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(file.name, error) from None
    file.finish()
