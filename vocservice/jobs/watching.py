"""A due watch in, a mail to its readers and an event for endpoints out: figures with n and links, never a text.

At least once: a worker that dies between the mail and its transaction causes a second mail, with the same Message-ID. What was
told is stored in that transaction, so that no other look repeats it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from vocservice.errors import BundleError
from vocservice.jobs.mailing import Post, post, written
from vocservice.records import Json
from vocservice.settings import Settings
from vocservice.store import jobs
from vocservice.store.analysed import issues, watches
from vocservice.store.analysed.table import Table
from vocservice.store.analysed.watches import Watch
from vocservice.store.database import now
from vocservice.store.figures import is_behind
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.review.telling import addresses
from vocservice.taxonomy import Taxonomy

if TYPE_CHECKING:  # numpy is imported with the first figure
    from vocservice.reporting.columns import Columns
    from vocservice.reporting.findings import Finding, Findings

MAX_ATTEMPTS = 12
BEHIND = timedelta(minutes=15)
_TITLES: Mapping[str, str] = {
    "figure": "Tracked figures, these seven days against the four weeks before",
    "change": "Cells that changed by more than chance, these seven days against the four weeks before",
    "anomaly": "Unusual days and weeks of the last four weeks",
    "issue": "Candidates for an experience issue, in all records up to yesterday",
    "theme": "Growing themes that no factor explains, these seven days against the four weeks before",
}
_KEYED = ("anomaly", "issue")
_SECTIONS: Mapping[str, str] = {"figure": "#changes", "change": "#changes", "anomaly": "#trends", "issue": "#ladder"}


@dataclass(frozen=True, slots=True)
class Message:
    """The content of a watch's message.

    Attributes:
        kinds: of findings it can contain.
        found: all findings, including those told before.
        news: the findings to tell.
        is_behind: records received before today await analysis.
        hidden: hidden custom fields in its segment.
    """

    watch: Watch
    kinds: tuple[str, ...]
    days: "Findings | None"
    found: "tuple[Finding, ...]"
    news: "tuple[Finding, ...]"
    is_behind: bool = False
    hidden: tuple[str, ...] = ()


@dataclass(slots=True)
class Watching:
    """Runs watches, one at a time; `taxonomy` is that of the serving bundle, None without one.

    Data read stay for the next look at the same workspace, until `rest`.
    """

    store: Store
    settings: Settings
    taxonomy: Callable[[], Taxonomy | None]
    post: Post = post
    _table: Table | None = None

    def run(self, job: Job, lease: Lease) -> None:
        """Look, and send what is new; a digest is sent whatever it finds.

        Raises:
            BundleError: no bundle serves.
            MailError: the mail server did not take it, or there is none.
            StoreError: the database does not answer.
        """
        with self.store.database.read() as connection:
            watch = watches.by_id(connection, job.target)
            at = now(connection)
        if watch is None or not watch.is_enabled:
            return self._finish(job, lease)
        is_late = self._is_behind(watch, at)
        if self._is_put_off(watch, is_late=is_late):
            return self._finish(job, lease)
        message = self._message(watch, at, is_late=is_late)
        speaks = bool(message.news) or watch.is_digest
        if speaks:
            self._mail(message, watch.readers, at, mark=job.id)
        with self.store.database.write() as connection:
            if jobs.finish(connection, lease, job.id):
                keys = [one.key for one in message.found if one.key]
                watches.said(connection, watch, keys, event=event_of(message, self._url) if speaks else None)
        return None

    def now(self, job: Job, lease: Lease) -> None:
        """Mail one person what the watch would send now, told before or not.

        Raises:
            BundleError, MailError, StoreError: as in `run`.
        """
        with self.store.database.read() as connection:
            watch = watches.by_id(connection, str(job.payload["watch"]))
            at = now(connection)
        if watch is not None:
            message = self._message(watch, at, is_late=self._is_behind(watch, at), with_told=True)
            self._mail(message, [str(job.payload["reader"])], at, mark=job.id)
        self._finish(job, lease)

    def rest(self) -> None:
        """Release cached records: no look is due."""
        self._table = None

    def _columns(self, workspace_id: str) -> "Columns":
        """The current records."""
        taxonomy, table = self.taxonomy(), self._table
        if taxonomy is None:
            raise BundleError("no bundle serves", remedy=BundleError.CHOOSE)
        if table is None or table.key != (workspace_id, taxonomy.id):
            table = self._table = Table(self.store.database, workspace_id, taxonomy)
        return table.load().columns

    @property
    def _url(self) -> str:
        return self.settings.http.public_url.rstrip("/")

    def _is_behind(self, watch: Watch, at: datetime) -> bool:
        """Whether records of the past day await analysis; those waiting longer delay nothing."""
        over = datetime.combine(at.date(), datetime.min.time(), UTC)
        with self.store.database.read() as connection:
            return is_behind(connection, watch.workspace_id, before=over, since=over - timedelta(days=1))

    def _is_put_off(self, watch: Watch, *, is_late: bool) -> bool:
        """Without a digest, wait for quiet hours and a cool-down, and for late records that would look like a fall."""
        with self.store.database.write() as connection:
            if is_late and not watch.is_digest:
                watches.wait(connection, watch, BEHIND)
                return True
            return watches.put_off(connection, watch)

    def _message(self, watch: Watch, at: datetime, *, is_late: bool, with_told: bool = False) -> Message:
        columns = self._columns(watch.workspace_id)
        days, found = self._findings(watch, columns, at.date())
        if not watch.is_digest:
            found = tuple(one for one in found if with_told or (one.last and one.last >= watch.since.date()))
        news = tuple(one for one in found if with_told or one.key not in watch.told)
        hidden = watch.fields_of(columns.own.fields.hidden)
        return Message(watch, tuple(_TITLES) if watch.is_digest else ("anomaly",), days, found, news, is_late, hidden)

    def _findings(self, watch: Watch, columns: "Columns", today: date) -> "tuple[Findings | None, tuple[Finding, ...]]":
        """Findings up to yesterday; without a digest only what stands out."""
        from vocservice.reporting.emerging import emerging
        from vocservice.reporting.findings import anomalies_of, days_of, findings_of
        from vocservice.store.analysed.choosing import chosen
        from vocservice.store.analysed.saying import period_of
        from vocservice.store.analysed.worded import worded

        day = columns.fields["day"]
        with self.store.database.read() as connection:
            mended = issues.mended(connection, watch.workspace_id)
            is_said = worded(connection, watch.workspace_id, columns, watch.selection.words)
        mask = chosen(columns, watch.selection, mended=mended) & is_said & (day > 0) & (day < today.toordinal())
        if not watch.is_digest:
            return None, tuple(anomalies_of(columns.frame(mask), today=today))
        with self.store.database.read() as connection:
            periods = [period_of(connection, watch.workspace_id, columns, mask, days) for days in days_of(today)]
            live = {(one.stage, one.factor) for one in issues.listed(connection, watch.workspace_id) if one.is_live and not one.cause}
        themes = emerging(*periods, least=self.settings.themes.customers)
        found = findings_of(columns.frame(mask), today=today, issues=live, themes=themes)
        return found, found.found

    def _mail(self, message: Message, readers: Sequence[str], at: datetime, *, mark: str) -> None:
        with self.store.database.read() as connection:
            to = addresses(connection, message.watch.workspace_id, readers, watches.READ_BY)
        if not to:
            return
        text, named = "\n".join(lines_of(message, self._url)), hashlib.sha256(mark.encode()).hexdigest()[:32]
        self.post(self.settings.mail, written(self.settings.mail, subject=subject_of(message), text=text, mark=named, at=at), to)

    def _finish(self, job: Job, lease: Lease) -> None:
        with self.store.database.write() as connection:
            jobs.finish(connection, lease, job.id)


def subject_of(message: Message) -> str:
    """Subject: the watch and the number of findings."""
    count = sum(one.kind != "figure" for one in message.news)
    return f"{message.watch.name}: {count or 'no'} {'finding' if count == 1 else 'findings'}"


def lines_of(message: Message, url: str) -> Iterator[str]:
    """The text of a mail; `url` is the address of the service, blank for no links."""
    watch, days = message.watch, message.days
    yield f"Records: {f'the segment {watch.segment}' if watch.segment else 'all of the workspace'}.\n"
    if message.hidden:
        yield f"The segment uses {', '.join(message.hidden)}, which an admin has hidden, so it has no records.\n"
    if days is not None:
        yield f"These seven days, {days.after[0]} to {days.after[1]}: n = {days.n_after} records."
        yield f"The four weeks before, {days.before[0]} to {days.before[1]}: n = {days.n_before} records.\n"
    if message.is_behind:
        yield "Some records received before today are not analysed yet, so the figures may still change.\n"
    for kind in message.kinds:
        yield from _section(message, kind, url)
    yield f"This mail contains no customer text.{f' Change it at {url}/workbench/watches/{watch.id}' if url else ''}"


def event_of(message: Message, url: str) -> Json:
    """Payload for endpoints: the same figures."""
    watch, days = message.watch, message.days
    found = [{"kind": one.kind, "key": one.key, "said": one.said, "url": _link(message, one.kind, url)} for one in message.news]
    told = {"watch": watch.id, "name": watch.name, "segment": watch.segment, "is_digest": watch.is_digest, "found": found}
    if days is None:
        return told
    sides = {"before": (days.before, days.n_before), "after": (days.after, days.n_after)}
    return told | {name: {"from": str(first), "to": str(last), "n": n} for name, ((first, last), n) in sides.items()}


def _section(message: Message, kind: str, url: str) -> Iterator[str]:
    news = [one for one in message.news if one.kind == kind]
    yield f"{_TITLES[kind]}:"
    yield from (f"- {one.said}" for one in news)
    if not news:
        yield _nothing(message, kind)
    yield f"  {_link(message, kind, url)}\n" if url else ""


def _nothing(message: Message, kind: str) -> str:
    days = message.days
    if days is not None and kind == "change" and not days.tested:
        return f"- not known: too few records (n = {days.n_after}, before n = {days.n_before})"
    if days is not None and kind == "theme" and days.unexplained is not None:
        return f"- not known: too few records that no factor explains (n = {days.unexplained})"
    return "- nothing new" if kind in _KEYED else "- nothing"


def _link(message: Message, kind: str, url: str) -> str:
    """Link to the section on the page; blank without the service's address."""
    if not url:
        return ""
    query = dict(message.watch.filters)
    if message.days is not None and kind not in _KEYED:
        (first, second), (third, last) = message.days.before, message.days.after
        days = {"before_since": first, "before_until": second, "after_since": third, "after_until": last}
        query |= {name: str(day) for name, day in days.items()}
    page = "/workbench/new-themes" if kind == "theme" else "/workbench"
    return f"{url}{page}{f'?{urlencode(query)}' if query else ''}{_SECTIONS.get(kind, '')}"
