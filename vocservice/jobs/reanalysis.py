"""A promotion in, the history queued page by page out; also a candidate compared with the serving bundle.

The next page is queued when the last one is nearly done, so that new records never wait behind the history.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vocservice.api import Analyser
from vocservice.jobs.model import Load
from vocservice.records import Analysis, Json
from vocservice.store import jobs
from vocservice.store.analysed import previews, promotions
from vocservice.store.analysed.previews import Outcome
from vocservice.store.analysed.promotions import REANALYSE, Labelled
from vocservice.store.database import now
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.received.records import ANALYSE

MAX_ATTEMPTS, PREVIEW_ATTEMPTS = 20, 3
PAGE = 256
_PAUSE = 2.0
_MULTI = ("stages", "factors", "flags", "reasons")
_SINGLE = ("scope", "outcome")


class Reanalysis:
    """Pages through the history of one workspace for the serving bundle."""

    def __init__(self, store: Store, *, page: int = PAGE, pause: float = _PAUSE):
        self._store, self._page, self._pause = store, page, pause

    def run(self, job: Job, lease: Lease) -> None:
        """Queue the next page, or wait until the last one is processed; ends if another bundle serves.

        Raises:
            StoreError: the database does not answer.
        """
        with self._store.database.write() as connection:
            if not jobs.finish(connection, lease, job.id) or promotions.serving(connection) != job.payload["bundle"]:
                return
            after, delay = job.payload["after"], self._pause
            if jobs.waiting(connection, job.workspace_id, ANALYSE) < self._page:
                found = promotions.next_page(connection, job.workspace_id, job.payload["model"], after=after, limit=self._page)
                if found.last is None:
                    return
                after, delay = found.last, 0.0 if not found.queued else self._pause
            payload = {**job.payload, "after": after}
            jobs.enqueue(connection, job.workspace_id, REANALYSE, job.target, payload=payload, delay=delay)


class Previewing:
    """Compares a candidate with the serving bundle, and stores the result."""

    def __init__(self, store: Store, load_bundle: Load):
        self._store, self._load = store, load_bundle

    def run(self, job: Job, lease: Lease) -> None:
        """Load the candidate beside the serving bundle, label a sample, store the result.

        Raises:
            BundleError: the candidate cannot be used.
            StoreError: the database does not answer.
        """
        candidate = self._load(job.target)
        with self._store.database.read() as connection:
            drawn = promotions.sample(connection, int(job.payload["sample"]))
        found = preview(drawn, candidate).to_dict()
        with self._store.database.write() as connection:
            if jobs.finish(connection, lease, job.id):
                previews.keep(connection, Outcome(job.target, candidate.model, candidate.taxonomy.id, now(connection), found))


@dataclass(frozen=True, slots=True)
class Moved:
    """How often a label would be gained and lost."""

    label: str
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Changes by a candidate in a sample: records compared, unchanged and rejected, and changed labels."""

    records: int
    unchanged: int
    rejected: int
    moved: tuple[Moved, ...]

    def to_dict(self) -> Json:
        rows = [{"label": one.label, "gained": one.gained, "lost": one.lost} for one in self.moved]
        return {"records": self.records, "unchanged": self.unchanged, "rejected": self.rejected, "moved": rows}


def preview(sample: Sequence[Labelled], candidate: Analyser) -> Preview:
    """Label a sample with a candidate and compare per label; nothing is written."""
    gained: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    unchanged = rejected = 0
    for held, found in zip(sample, candidate.stream([one.verbatim for one in sample]), strict=True):
        if not isinstance(found, Analysis):
            rejected += 1
            continue
        before, after = set(_labels(held.result)), set(_labels(found.to_dict()))
        unchanged += before == after
        gained.update(after - before)
        lost.update(before - after)
    moved = (Moved(label, gained[label], lost[label]) for label in gained.keys() | lost.keys())
    ordered = sorted(moved, key=lambda one: (-one.gained - one.lost, one.label))
    return Preview(len(sample), unchanged, rejected, tuple(ordered))


def _labels(result: Mapping[str, object]) -> Iterator[str]:
    """Every label of an analysis in its JSON form, as `set.key`."""
    for name in _MULTI:
        yield from (f"{name}.{one['key']}{one.get('polarity', '')}" for one in _objects(result.get(name)))
    for name in _SINGLE:
        yield from (f"{name}.{one['key']}" for one in _objects([result.get(name)]))
    yield from (f"sentiment.{one['level']}" for one in _objects([result.get("sentiment")]))
    yield from ("needs_review" for one in _objects([result.get("needs_review")]) if one["value"])
    own = result.get("labels")
    for name, labels in own.items() if isinstance(own, Mapping) else ():
        yield from (f"{name}.{one['key']}{one.get('polarity', '')}" for one in _objects(labels))


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    yield from (one for one in value if isinstance(one, Mapping)) if isinstance(value, list | tuple) else ()
