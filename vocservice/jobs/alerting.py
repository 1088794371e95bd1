"""A due alert in, a mail to its readers and events for endpoints out: counts, ids, labels and links, never a text.

At least once: a worker that dies between the mail and its transaction causes a second mail, with the same Message-ID.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

from vocservice.jobs.mailing import Post, post, written
from vocservice.settings import Settings
from vocservice.store import jobs
from vocservice.store.database import now
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.review import alerts
from vocservice.store.review.alerts import Letter, Matter

MAX_ATTEMPTS = 12
SHOWN = 20
_KINDS: Mapping[str, str] = {"reasons": "reason", "flags": "flag", "outcome": "outcome", "scope": "scope", "rules": "rule"}


@dataclass(frozen=True, slots=True)
class Alerting:
    """Sends what alerts have collected."""

    store: Store
    settings: Settings
    post: Post = post

    def run(self, job: Job, lease: Lease) -> None:
        """Send it, unless the alert must wait longer.

        Raises:
            MailError: the mail server rejected it, or there is none.
            StoreError: the database does not answer.
        """
        with self.store.database.read() as connection:
            letter = alerts.letter(connection, job.target)
        if letter is None or self._is_put_off(letter):
            return self._finish(job, lease)
        if _is_news(letter):
            self._mail(letter, subject_of(letter), "\n".join(lines_of(letter, self.settings.http.public_url)))
        with self.store.database.write() as connection:
            if jobs.finish(connection, lease, job.id):
                alerts.said(connection, letter)
        return None

    def try_out(self, job: Job, lease: Lease) -> None:
        """Send a test mail to the readers of an alert.

        Raises:
            MailError, StoreError: as in `run`.
        """
        with self.store.database.read() as connection:
            letter = alerts.letter(connection, job.target)
        if letter is not None:
            text = f'This is a test of the alert "{letter.alert.name}": its mails reach you. Nothing has happened.'
            self._mail(letter, f"Test: {letter.alert.name}", text)
        self._finish(job, lease)

    def _is_put_off(self, letter: Letter) -> bool:
        with self.store.database.write() as connection:
            return alerts.put_off(connection, letter.alert)

    def _finish(self, job: Job, lease: Lease) -> None:
        with self.store.database.write() as connection:
            jobs.finish(connection, lease, job.id)

    def _mail(self, letter: Letter, subject: str, text: str) -> None:
        if not letter.addresses:
            return
        with self.store.database.read() as connection:
            at = now(connection)
        message = written(self.settings.mail, subject=subject, text=text, mark=_fingerprint(letter, subject), at=at)
        self.post(self.settings.mail, message, letter.addresses)


def subject_of(letter: Letter) -> str:
    """Subject: number of records and name of the alert."""
    count = len(letter.matters)
    told = f"{count} {'record' if count == 1 else 'records'} to review" if count else f"No new records, {letter.overdue} overdue"
    return f"{told}: {letter.alert.name}"


def lines_of(letter: Letter, url: str) -> Iterator[str]:
    """The text of a mail; `url` is the address of the service, blank for no links."""
    count = len(letter.matters)
    new = f"{count or 'No'} new {'record matches' if count == 1 else 'records match'}"
    yield f'{new} the alert "{letter.alert.name}" {_since(letter)}.\n'
    for number, matter in enumerate(letter.matters[:SHOWN], 1):
        yield f"{number}. {_line(matter, url)}"
    if (more := len(letter.matters) - SHOWN) > 0:
        yield f"... and {more} less urgent."
    yield f"\nOn the review desk now: {letter.waiting} waiting, {letter.overdue} of them overdue."
    yield "This mail contains no customer text." + (f" Admins can change or stop it: {url.rstrip('/')}/admin/alerts" if url else "")


def _since(letter: Letter) -> str:
    """The time that a mail covers, in the zone of its alert."""
    alert = letter.alert
    begun = "since its last mail" if alert.last_sent_at else "since it was created"
    at = (alert.last_sent_at or alert.created_at).astimezone(ZoneInfo(alert.timing.zone))
    return f"{begun} ({at:%d %b %Y %H:%M}, {alert.timing.zone})"


def _is_news(letter: Letter) -> bool:
    """A digest also counts overdue records; other alerts only new ones."""
    return bool(letter.matters or (letter.alert.is_digest and letter.overdue))


def _line(matter: Matter, url: str) -> str:
    labels = ", ".join(map(_words, matter.labels)) or "no label"
    place = f"{url.rstrip('/')}/desk/{quote(matter.record_id)}" if url else matter.record_id
    return f"Urgency {matter.points:.0f}: {labels}\n   {place}"


def _words(label: str) -> str:
    """`SET.KEY` for people; the name of a rule stays as it was given."""
    kind, _, key = label.partition(".")
    words = key if kind == "rules" else key.replace("_", " ")
    return f"{_KINDS.get(kind, kind)} {words}" if key else label.replace("_", " ")


def _fingerprint(letter: Letter, subject: str) -> str:
    """The same for a repeated message."""
    said = [letter.alert.id, subject, str(letter.alert.last_sent_at), *(matter.record_id for matter in letter.matters)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
