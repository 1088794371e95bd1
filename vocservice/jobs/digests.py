"""A store and a schedule in, the report of the past week or month out, one page per workspace in a folder, for download.

Off unless `reports.every` is set. A page has no quotes and names no record; of customers' words it has only those
used by at least five customers.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic

from vocservice.errors import OutputError
from vocservice.settings import ReportSettings
from vocservice.store.accounts import workspaces
from vocservice.store.analysed import issues
from vocservice.store.analysed.table import Table
from vocservice.store.database import Database
from vocservice.store.figures import is_behind
from vocservice.tables.partial import Partial
from vocservice.taxonomy import Taxonomy

log = logging.getLogger("vocservice.jobs")

LOOK_SECONDS = 600.0
SUFFIX = ".html"
_NAME = re.compile(r"\d{4}-(?:W(?:0[1-9]|[1-4]\d|5[0-3])|0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A week (`2026-W47`) or month (`2026-10`) with its first and last day, and the previous one."""

    name: str
    first: date
    last: date

    @classmethod
    def of(cls, name: str) -> "Period":
        """Parse the name of a period.

        Raises:
            ValueError: it is not a period.
        """
        if "W" in name:
            return ended("weekly", date.fromisoformat(f"{name}-7") + timedelta(days=1))
        return ended("monthly", date.fromisoformat(f"{name}-01") + timedelta(days=31))

    @property
    def before(self) -> "Period":
        return ended("weekly" if "W" in self.name else "monthly", self.first)


def ended(every: str, today: date) -> Period:
    """The last complete week or month before a day."""
    if every == "weekly":
        last = today - timedelta(days=today.isoweekday())
        year, week, _ = last.isocalendar()
        return Period(f"{year}-W{week:02d}", last - timedelta(days=6), last)
    last = today.replace(day=1) - timedelta(days=1)
    return Period(f"{last:%Y-%m}", last.replace(day=1), last)


def _utc() -> datetime:
    return datetime.now(UTC)


class Digests:
    """Makes due reports, checking every ten minutes at most; old ones are replaced by newer ones.

    On the first day after its period, a report waits for records of the period that are not analysed yet.
    """

    def __init__(self, database: Database, settings: ReportSettings, *, clock: Callable[[], datetime] = _utc):
        self._database, self._settings, self._clock = database, settings, clock
        self._looked: float | None = None

    def turn(self, taxonomy: Taxonomy) -> int:
        """Make the due reports; return their number.

        Raises:
            StoreError: the database does not answer.
        """
        is_early = self._looked is not None and monotonic() - self._looked < LOOK_SECONDS
        if self._settings.every == "never" or is_early:
            return 0
        self._looked = monotonic()
        period = ended(self._settings.every, self._clock().date())
        with self._database.read() as connection:
            names = [workspace.id for workspace in workspaces.listed(connection)]
        return sum(self._made(name, period, taxonomy) for name in names)

    def _made(self, workspace_id: str, period: Period, taxonomy: Taxonomy) -> bool:
        output = Partial(Path(self._settings.folder) / workspace_id / f"{period.name}{SUFFIX}")
        if output.target.exists() or self._waits(workspace_id, period):
            return False
        page = page_of(self._database, workspace_id, period, taxonomy)
        try:
            output.target.parent.mkdir(parents=True, exist_ok=True)
            output.partial.write_bytes(page.encode("utf-8", "replace"))
            output.finish()
            for old in [page for page in kept(self._settings, workspace_id) if page != output.target][self._settings.keep - 1 :]:
                old.unlink(missing_ok=True)
        except (OSError, OutputError) as error:
            log.error("a report cannot be kept (%s); see reports.folder", error.strerror if isinstance(error, OSError) else error.message)
            return False
        log.info("report kept", extra={"fields": {"workspace": workspace_id, "period": period.name}})
        return True

    def _waits(self, workspace_id: str, period: Period) -> bool:
        over = datetime.combine(period.last + timedelta(days=1), datetime.min.time(), UTC)
        if self._clock() >= over + timedelta(days=1):
            return False
        with self._database.read() as connection:
            return is_behind(connection, workspace_id, before=over)


def page_of(database: Database, workspace_id: str, period: Period, taxonomy: Taxonomy) -> str:
    """The report of all records up to the end of a period, comparing it with the previous one.

    Raises:
        StoreError: the database does not answer.
    """
    from vocservice.reporting.page import render
    from vocservice.reporting.report import DATE, Where, Wish
    from vocservice.store.analysed.reported import reported

    columns = Table(database, workspace_id, taxonomy).load().columns
    with database.read() as connection:
        mask = (columns.fields["day"] > 0) & (columns.fields["day"] <= period.last.toordinal())
        compared = tuple(Where(DATE, f"{one.first}..{one.last}") for one in (period.before, period))
        mended = issues.mended(connection, workspace_id)
        title = f"All records up to {period.last}; {period.name} against {period.before.name}"
        wish = Wish(today=period.last, compared=compared, title=title, is_kept=True, is_live=True, mended=mended)
        return render(reported(connection, workspace_id, columns, mask, wish))


def kept(settings: ReportSettings, workspace_id: str) -> list[Path]:
    """The pages of a workspace, newest first, by their last day."""
    found = (path for path in (Path(settings.folder) / workspace_id).glob(f"*{SUFFIX}") if _NAME.fullmatch(path.stem))
    return sorted(found, key=lambda path: Period.of(path.stem).last, reverse=True)
