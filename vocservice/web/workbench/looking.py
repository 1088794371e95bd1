"""A workspace and a selection in, its figures and records out: the columns of this process, filtered, and cached reports.

For a large workspace a page first gets the counts; figures that need resampling or texts are computed in the background.
"""

from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from vocservice.errors import InputError
from vocservice.reporting.recovery import Mended
from vocservice.store.analysed import issues, reading
from vocservice.store.analysed.exported import Segments
from vocservice.store.analysed.reading import Line, Page, Selection
from vocservice.store.analysed.table import Held, Table
from vocservice.store.database import Database
from vocservice.taxonomy import Taxonomy
from vocservice.web.workbench.library import Library, Making
from vocservice.web.workbench.selecting import Asked
from vocservice.web.workbench.tables import Tables

if TYPE_CHECKING:  # numpy is imported with the first figure: gunicorn forks, and numpy's threads must not exist before
    from vocservice.reporting.frame import Bools
    from vocservice.reporting.report import Report, Wish

Periods = tuple[tuple[date, date], tuple[date, date]]

SMALL = 1_000  # up to this size a page waits for the whole report; above, it takes longer
SMALL_SECONDS = 0.1
LISTED = 25
DAYS = 28


@dataclass(slots=True)
class Looking:
    """One look at a workspace; `held` are its columns, once read, `wanted` the selected rows, and
    `told_mended` what its issues say was mended."""

    database: Database
    workspace_id: str
    taxonomy: Taxonomy
    asked: Asked
    today: date
    table: Table
    tables: Tables
    library: Library
    theme_customers: int = 0
    held: Held | None = None
    wanted: "Bools | None" = None
    told_mended: tuple[Mended, ...] | None = None

    def load(self, *, timeout: float | None = None) -> Held:
        """The columns as of the first call.

        Raises:
            TimeoutError: they are still being read.
            StoreError: the same without a `timeout`: too many wait already, or it takes too long (`queue_full`).
        """
        if self.held is None:
            self.held = self.tables.current(self.table, timeout=timeout)
        return self.held

    def at_once(self) -> "Report":
        """The report as far as available now: whole if there are few records and it is quickly made, else only the counts."""
        if self.count() <= SMALL and not self.library.is_busy():
            with suppress(TimeoutError):
                return self._making().result(timeout=SMALL_SECONDS)
        return self.counted()

    def begin(self) -> None:
        """Have the whole report made in the background; the page that waits for it is better written before, as both need this process."""
        self._making()

    def counted(self) -> "Report":
        """The counts; the whole report if already made."""
        from vocservice.reporting.report import report_of

        if (found := self.library.made(self.key())) is not None:
            return found
        columns, mask, wish = self.load().columns, self._around(), self._wish()
        return report_of(columns.frame(mask, segments=wish.named), (), columns.skipped(self.mask()), wish, is_brief=True)

    def whole(self) -> "Report":
        """The whole report, however long it takes."""
        return self._making().result()

    def mask(self) -> "Bools":
        """The selected rows."""
        if self.wanted is None:
            self.wanted = self.mask_of(self.asked.selection)
        return self.wanted

    def count(self) -> int:
        """Number of selected records."""
        from vocservice.reporting.frame import count_of

        return count_of(self.mask())

    def mask_of(self, selection: Selection) -> "Bools":
        """The rows of a selection; days after today belong to no period with a first day."""
        from vocservice.store.analysed.choosing import chosen
        from vocservice.store.analysed.worded import worded

        columns = self.load().columns
        found = chosen(columns, selection, mended=self.mended if selection.fixed else ())
        if selection.words:
            with self.database.read() as connection:
                found &= worded(connection, self.workspace_id, columns, selection.words)
        return found if selection.since is None else found & (columns.fields["day"] <= self.today.toordinal())

    @property
    def mended(self) -> tuple[Mended, ...]:
        """What the issues of the workspace say was mended, as of the first call."""
        if self.told_mended is None:
            with self.database.read() as connection:
                self.told_mended = issues.mended(connection, self.workspace_id)
        return self.told_mended

    def periods(self) -> Periods:
        """First and last days of the two requested periods; else of the last four weeks with records, and the four before."""
        if self.asked.periods:
            return self.asked.periods
        day = self.load().columns.fields["day"][self.mask()]
        past = day[(day > 0) & (day <= self.today.toordinal())]
        return weeks_until(date.fromordinal(max(int(past.max()), 2 * DAYS)) if len(past) else self.today)

    def page(self, mask: "Bools", *, after: Line | None, listed: int = LISTED) -> Page:
        """Records of a mask, last received first."""
        from vocservice.store.analysed.choosing import lines

        found = lines(self.load().columns, mask, after=after, limit=4 * reading.LARGEST_PAGE)
        with self.database.read() as connection:
            return reading.page(connection, self.workspace_id, found, limit=listed)

    def ids(self) -> list[str]:
        """The ids of the records in the order of receipt."""
        from vocservice.store.analysed.choosing import ids_of

        return ids_of(self.load().columns, self.mask().nonzero()[0])

    def told(self, name: str) -> tuple[str, ...]:
        """The channels, models or taxonomies of the workspace; empty while it is being read."""
        from vocservice.store.analysed.choosing import told

        return told(self.held.columns, name) if self.held else ()

    def own(self) -> Mapping[str, Mapping[str, int]]:
        """The segments of the workspace, with the number of records of each value; empty while it is being read."""
        return self.held.columns.told if self.held else {}

    def segments(self) -> "Segments":
        """The segments of the workspace with the values that may be shown."""
        self.load()
        return {name: frozenset(values) for name, values in self.own().items()}

    def key(self) -> tuple[Hashable, ...]:
        """Equal for looks at the same state."""
        return self.workspace_id, self.asked, self.load().revision, self.today, self.mended

    @property
    def cause_customers(self) -> int:
        """Number of different customers that a cause needs."""
        from vocservice.reporting.quotes import ANONYMOUS

        return max(self.theme_customers, ANONYMOUS)

    def _wish(self) -> "Wish":
        """Raises:
        InputError: a hidden custom field is to break figures down or to be explained (`field_hidden`).
        """
        from vocservice.reporting.report import Wish

        if hidden := self.load().fields.hidden.intersection((self.asked.by, self.asked.target)):
            raise InputError(f"the custom field {min(hidden)!r} is hidden in this workspace; an admin can show it", code="field_hidden")
        compared, least, (since, until) = self.asked.compared, self.cause_customers, self._period()
        return Wish(
            today=self.today,
            segment=self.asked.by,
            target=self.asked.target,
            compared=compared,
            cause_customers=least,
            mended=self.mended,
            since=since,
            until=until,
            is_live=self.asked.selection.until is None,
        )

    def _around(self) -> "Bools":
        """The rows of the report, including as many days before if it is for a period."""
        asked = self.asked.selection
        since, _ = self._period()
        if since is None:
            return self.mask()
        (first, _), _ = and_before(since, min(asked.until or self.today, self.today))
        return self.mask_of(replace(asked, since=first))

    def _period(self) -> tuple[date | None, date | None]:
        """The period for a report; open without a first day or records, or if two other periods are compared."""
        asked = self.asked.selection
        if asked.since is None or self.asked.periods or not (self.mask() & ~self.load().columns.is_skipped).any():
            return None, None
        return asked.since, asked.until and min(asked.until, self.today)

    def _making(self) -> "Making[Report]":
        from vocservice.store.analysed.reported import reported

        columns, mask, counted, wish = self.load().columns, self._around(), self.mask(), self._wish()

        def make() -> "Report":
            with self.database.read() as connection:
                return reported(connection, self.workspace_id, columns, mask, wish, counted=counted)

        return self.library.get(self.key(), make)


def weeks_until(last: date) -> Periods:
    """The four weeks before the last four, and the last four, up to a day."""
    middle = last - timedelta(days=DAYS)
    return (middle - timedelta(days=DAYS - 1), middle), (middle + timedelta(days=1), last)


def and_before(since: date, last: date) -> Periods:
    """A period and as many days before it, as in a report."""
    first, day_before = (date.fromordinal(max(day, 1)) for day in (2 * since.toordinal() - last.toordinal() - 1, since.toordinal() - 1))
    return (first, day_before), (since, last)
