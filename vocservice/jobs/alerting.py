"""A due alert in, a mail to its readers and events for endpoints out: counts, ids, labels and links, never a text.

At least once: a worker that dies between the mail and its transaction causes a second mail, with the same Message-ID.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

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
            text = f'The alert "{letter.alert.name}" reaches you. Nothing has happened; somebody tries it out.'
            self._mail(letter, f"Trying out: {letter.alert.name}", text)
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
    return f"{count} {'record' if count == 1 else 'records'} to review: {letter.alert.name}"


def lines_of(letter: Letter, url: str) -> Iterator[str]:
    """The text of a mail; `url` is the address of the service, blank for no links."""
    yield f'New on the review desk under the alert "{letter.alert.name}": {len(letter.matters)}.\n'
    for number, matter in enumerate(letter.matters[:SHOWN], 1):
        yield f"{number}. {_line(matter, url)}"
    if (more := len(letter.matters) - SHOWN) > 0:
        yield f"... and {more} less urgent."
    yield f"\n{letter.waiting} wait on the desk, {letter.overdue} of them longer than they should."
    yield "No words of customers stand in this mail." + (f" Alerts are set at {url.rstrip('/')}/admin/alerts" if url else "")


def _is_news(letter: Letter) -> bool:
    """A digest also counts overdue records; other alerts only new ones."""
    return bool(letter.matters or (letter.alert.is_digest and letter.overdue))


def _line(matter: Matter, url: str) -> str:
    labels = ", ".join(matter.labels) or "no label"
    place = f"{url.rstrip('/')}/desk/{quote(matter.record_id)}" if url else matter.record_id
    return f"urgency {matter.points:.0f}: {labels}\n   {place}"


def _fingerprint(letter: Letter, subject: str) -> str:
    """The same for a repeated message."""
    said = [letter.alert.id, subject, str(letter.alert.last_sent_at), *(matter.record_id for matter in letter.matters)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
