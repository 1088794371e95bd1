"""A frame in, service complaints against experience issues out: shares, weeks, owners, metrics.

Also the promotion ladder (shared service complaints) and what was recovered but not fixed
(transcripts that ended resolved while the cause is an experience issue).
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

import numpy as np

from vocservice.reporting.bases import Bases, Excess, average_of, sides_of
from vocservice.reporting.estimate import MIN_N, Estimate, share
from vocservice.reporting.frame import NEGATIVE, Bools, Frame, Ints, Places, any_of, count_of, distinct
from vocservice.reporting.mended import are_mended
from vocservice.reporting.quotes import ANONYMOUS
from vocservice.reporting.recovery import RESOLVED, Mended, is_handling
from vocservice.reporting.regions import Region
from vocservice.reporting.rows import Row, rows_at
from vocservice.reporting.stats import benjamini_hochberg
from vocservice.reporting.terms import words_of
from vocservice.reporting.voices import Heard, Runs

KEYS = ("service_complaint", "experience_issue", "both", "neither")
CUSTOMERS = 5
CLEAR_Q = 0.05
LISTED_IDS = 50
MAX_WEEKS = 260
SHOWN_WORDS = 5
WORDS_OF = 100
_LONG = 4  # letters
_COMMON = frozenset(("another", "done", "need", "never", "thing", "told", "took", "went", "without"))  # beside function words


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week: its Monday, its records with a scope, and shares; `both` also counts in the other two."""

    monday: date
    n: int
    counts: Mapping[str, int]
    service: Estimate
    experience: Estimate
    both: Estimate


@dataclass(frozen=True, slots=True)
class Owner:
    """A team: the records that blame something it owns, their scopes, the metrics affected, and the main cause."""

    key: str
    name: str
    records: int
    share: Estimate
    service: int
    experience: int
    main_factor: str | None
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and the records that blame a factor which moves it."""

    key: str
    name: str
    records: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class Cause:
    """Similar complaints of one cell, found as a cluster in half of its customers.

    Counts cover the examined complaints in its region. `expected`, `ratio`, `p`, `q` and `base` are as
    in a rung, but for the other half of the customers, with `tested` complaints of this cause; `step` is shared or candidate.

    Attributes:
        words: its name; each used by as many different customers as a cause needs.
        share: of the examined complaints.
        ids: complaints nearest to its centre, one per customer.
        region: decides which complaints belong to it; not exported.
    """

    words: tuple[str, ...]
    records: int
    customers: int
    known_customers: int
    weeks: int
    share: Estimate
    tested: int
    expected: float | None
    ratio: float | None
    p: float | None
    q: float | None
    base: str
    step: str
    ids: tuple[str, ...]
    region: Region | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Rung:
    """Service complaints that blame one factor at one stage.

    `step` is single (one customer), repeated, shared (at least the given number of customers), or candidate (shared, and
    more often than its base rate). `base` says what the expected number of customers is taken from: the average blamed cell, or
    earlier records, in which case it is the number expected in the last 28 days; blank where there is neither: no other cell is blamed,
    and too few complained earlier. `words` are what the evidence has in common: each used by
    at least five customers, and more often than in other complaints.

    Attributes:
        causes: of a candidate, if enough of its complaints have a vector.
        looked, others, left_out: complaints examined for causes, those in no cause, and those without a vector.
    """

    stage: str
    factor: str
    owner: str
    metrics: tuple[str, ...]
    records: int
    customers: int
    known_customers: int
    weeks: int
    expected: float | None
    ratio: float | None
    p: float | None
    q: float | None
    base: str
    step: str
    experience_issues: int
    ids: tuple[str, ...]
    words: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    looked: int = 0
    others: int = 0
    left_out: int = 0


One = TypeVar("One", Rung, Cause)


@dataclass(frozen=True, slots=True)
class Unfixed:
    """Resolved transcripts whose cause is an experience issue: the customer was helped, the cause remains.

    `causes` are what they blame except handling of the contact, `fixed` the number whose causes all have closed issues.
    """

    transcripts: int
    resolved: int
    unfixed: int
    share: Estimate
    causes: tuple[tuple[str | None, str, int], ...]
    ids: tuple[str, ...]
    fixed: int = 0


@dataclass(frozen=True, slots=True)
class ScopeFigures:
    """Everything about scope.

    Attributes:
        n, heard: records with a scope, and their customers.
        withheld: records without a scope; they are in no share.
    """

    n: int
    heard: Heard
    withheld: int
    shares: Mapping[str, Estimate]
    weeks: tuple[Week, ...]
    owners: tuple[Owner, ...]
    metrics: tuple[Metric, ...]
    ladder: tuple[Rung, ...]
    unfixed: Unfixed


def scope_figures(
    frame: Frame, rows: Sequence[Row], *, customers: int = CUSTOMERS, least: int = MIN_N, mended: Sequence[Mended] = ()
) -> ScopeFigures:
    """Compute everything about scope.

    Args:
        frame: the records.
        rows: the records as rows, for words in common; without them there are none.
        customers: number of different customers that makes a complaint shared.
        least: number of records a figure needs.
        mended: what the issues of a workspace say was mended.
    """
    n, heard = count_of(frame.has_scope), Heard.of(frame.subject[frame.has_scope])
    shares = {key: share(count_of(frame.scope.is_name(key)), n, heard=heard, least=least) for key in KEYS}
    return ScopeFigures(
        n=n,
        heard=heard,
        withheld=len(frame) - n,
        shares=shares,
        weeks=weeks_of(frame, least=least),
        owners=owners_of(frame, least=least),
        metrics=metrics_of(frame, least=least),
        ladder=tuple(promotion_ladder(frame, rows, customers=customers)),
        unfixed=recovered_but_unfixed(frame, least=least, mended=mended),
    )


def weeks_of(frame: Frame, *, least: int = MIN_N) -> tuple[Week, ...]:
    """The weeks from the first to the last dated record, including empty ones; at most the latest 260."""
    dated = (frame.day > 0) & frame.has_scope
    if not dated.any():
        return ()
    week, width = (frame.day - 1) // 7, len(frame.scope.names)
    last = int(week.max(where=dated, initial=0))
    earliest = int(week.min(where=dated, initial=last))
    first = max(earliest, last - MAX_WEEKS + 1)
    slots = ((week - earliest) * width + frame.scope.codes)[dated]
    table = np.bincount(slots, minlength=(last - earliest + 1) * width).reshape(-1, width)
    heard = Runs.of((week - earliest)[dated], frame.subject[dated], count=len(table)).heard()
    return tuple(_week(at, table[at - earliest], heard[at - earliest], frame, least) for at in range(first, last + 1))


def monday_of(week: int) -> date:
    """The Monday of a week numbered by `(day - 1) // 7` (day 1, 0001-01-01, was a Monday)."""
    return date.fromordinal(week * 7 + 1)


def owners_of(frame: Frame, *, least: int = MIN_N) -> tuple[Owner, ...]:
    """Each team by the records that blame something it owns; a record that blames two teams counts for both.

    A complaint that blames no factor counts for the owner of its scope.
    """
    heard = Heard.of(frame.subject)
    found = [_owner(frame, key, name, mask, heard, least) for key, name, mask in _owned(frame)]
    return tuple(sorted(found, key=lambda owner: (-owner.records, owner.key)))


def metrics_of(frame: Frame, *, least: int = MIN_N) -> tuple[Metric, ...]:
    """Each metric by the records that blame a factor which moves it."""
    negative = frame.factors == NEGATIVE
    labels = frame.taxonomy["factors"].labels if frame.factor_keys else ()
    found, heard = [], Heard.of(frame.subject)
    for key, name in frame.taxonomy.metrics.items():
        records = count_of(any_of(negative, (at for at, label in enumerate(labels) if key in label.metrics)))
        found.append(Metric(key, name, records, share(records, len(frame), heard=heard, least=least)))
    return tuple(sorted(found, key=lambda metric: (-metric.records, metric.key)))


def promotion_ladder(frame: Frame, rows: Sequence[Row], *, customers: int = CUSTOMERS) -> Iterator[Rung]:
    """Service complaints by stage and blamed factor, the candidates for one experience issue first."""
    complaints = frame.is_service
    if not complaints.any() or not frame.stage_keys:
        return
    blamed = frame.blamed()
    issues = cells_of(frame, blamed, frame.scope.is_name("experience_issue"))
    cells = cells_of(frame, blamed, complaints)
    made = {cell: _rung(frame, cell, members, customers, len(issues.get(cell, ()))) for cell, members in cells.items()}
    bases = Bases.of(frame.subject, complaints, sides_of(frame, complaints), average_of(cells.values(), complaints, frame.subject))
    found = [_held_against(rung, bases.excess(cells[cell])) if rung.step == "shared" else rung for cell, rung in made.items()]
    qs = benjamini_hochberg([1.0 if rung.p is None else rung.p for rung in found])  # untested cells are few by the same chance
    said = _Said.of(frame, complaints, rows) if rows else None
    words = [said.common(cell) if said and rung.step == "shared" else () for rung, cell in zip(found, cells, strict=True)]
    named = (replace(rung, words=own) for rung, own in zip(found, words, strict=True))
    stepped = (rung if rung.p is None else climbed(rung, q) for rung, q in zip(named, qs, strict=True))
    order = ("candidate", "shared", "repeated", "single")
    yield from sorted(stepped, key=lambda rung: (order.index(rung.step), -rung.customers, -rung.records, rung.stage, rung.factor))


def recovered_but_unfixed(frame: Frame, *, least: int = MIN_N, mended: Sequence[Mended] = ()) -> Unfixed:
    """Resolved transcripts with an experience issue, alone or with a complaint, unless their causes were mended."""
    resolved = frame.outcome.is_name(RESOLVED)
    whole = np.asarray(resolved & frame.is_experience)
    keys = {"stages": frame.stage_keys, "factors": frame.factor_keys}
    fixed = are_mended(whole, frame.places, frame.day, mended, **keys, taxonomy=frame.taxonomy)
    mask = whole & ~fixed
    causes = sorted(((len(members), cell) for cell, members in _blamed(frame, mask).items()), reverse=True)
    keyed = ((_stage_key(frame, stage), frame.factor_keys[factor], count) for count, (stage, factor) in causes)
    named = tuple(cell for cell in keyed if not is_handling(*cell[:2], frame.taxonomy))
    ids = _ids(frame, np.flatnonzero(mask))
    counts = count_of(frame.outcome.codes >= 0), count_of(resolved), count_of(mask)
    part = share(counts[2], counts[1], heard=Heard.of(frame.subject[resolved]), least=least)
    return Unfixed(*counts, part, named, ids, count_of(fixed))


@dataclass(frozen=True, slots=True)
class _Said:
    """Customers by word in the evidence, and blamed factor and stage."""

    by_cell: Mapping[tuple[int, int], Counter[str]]
    everywhere: Counter[str]

    @classmethod
    def of(cls, frame: Frame, complaints: Bools, rows: Sequence[Row]) -> "_Said":
        """From a limited number of the latest complaints of each cell."""
        found: dict[tuple[int, int], dict[str, set[int]]] = {}
        places = frame.blamed(complaints)
        places = places[_latest(frame, places)]
        read = rows_at(rows, np.unique(frame.index[places.row]).tolist())
        for at, stage, factor in zip(places.row.tolist(), places.stage.tolist(), places.factor.tolist(), strict=True):
            own = found.setdefault((stage, factor), {})
            row = read.get(int(frame.index[at]))
            for word in _evidence_words(row, frame.factor_keys[factor]) if row else ():
                own.setdefault(word, set()).add(int(frame.subject[at]))
        by_cell = {cell: Counter({word: len(who) for word, who in own.items()}) for cell, own in found.items()}
        return cls(by_cell, sum(by_cell.values(), Counter()))

    def common(self, cell: tuple[int, int]) -> tuple[str, ...]:
        """The most distinguishing words of a cell (log odds), each used by at least five customers."""
        own = self.by_cell.get(cell, Counter())
        total, rest = own.total() + 1, self.everywhere.total() - own.total() + 1
        scored = {
            word: count * math.log((count + 0.5) / total / ((self.everywhere[word] - count + 0.5) / rest))
            for word, count in own.items()
            if count >= ANONYMOUS
        }
        best = sorted((word for word, score in scored.items() if score > 0), key=lambda word: (-scored[word], word))
        return tuple(best[:SHOWN_WORDS])


def _latest(frame: Frame, places: Places) -> Bools:
    """Positions of the latest complaints of each cell, limited to those read for words."""
    cell = places.stage * len(frame.factor_keys) + places.factor
    order = np.lexsort((-places.row, -frame.day[places.row], cell))
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept = np.zeros(len(order), dtype=bool)
    kept[order] = rank < WORDS_OF
    return kept


def _evidence_words(row: Row, factor: str) -> frozenset[str]:
    pieces = (piece.text for one in row.factors if one.key == factor and one.polarity == "-" for piece in one.evidence)
    return frozenset(word for piece in pieces for word in words_of(piece) if len(word) >= _LONG and word not in _COMMON)


def _week(week: int, counts: Ints, heard: Heard, frame: Frame, least: int) -> Week:
    by_key = {key: int(counts[at]) for at, key in enumerate(frame.scope.names)}
    n, both = int(counts.sum()), by_key.get("both", 0)
    shares = (share(count, n, heard=heard, least=least) for count in (*(by_key.get(key, 0) + both for key in KEYS[:2]), both))
    return Week(monday_of(week), n, by_key, *shares)


def _owned(frame: Frame) -> Iterator[tuple[str, str, Bools]]:
    negative = frame.factors == NEGATIVE
    owners = [frame.owner_of(key) for key in frame.factor_keys]
    unnamed = ~negative.any(axis=1) & (frame.is_service | frame.is_experience)
    scopes = {label.key: label.owner for label in (frame.taxonomy["scope"].labels if "scope" in frame.taxonomy else ())}
    for key, name in frame.taxonomy.owners.items():
        blamed = any_of(negative, (at for at, owner in enumerate(owners) if owner == key))
        for scope in (scope for scope, owner in scopes.items() if owner == key):
            blamed |= unnamed & frame.scope.is_name(scope)
        yield key, name, blamed


def _owner(frame: Frame, key: str, name: str, mask: Bools, heard: Heard, least: int) -> Owner:
    own = [at for at, factor in enumerate(frame.factor_keys) if frame.owner_of(factor) == key]
    counts = [count_of(frame.factors[:, at] == NEGATIVE) for at in own]
    main = frame.factor_keys[own[int(np.argmax(counts))]] if any(counts) else None
    blamed = [frame.factor_keys[at] for at, count in zip(own, counts, strict=True) if count]
    metrics = tuple(dict.fromkeys(metric for factor in blamed for metric in frame.taxonomy["factors"][factor].metrics))
    records, service, experience = map(count_of, (mask, mask & frame.is_service, mask & frame.is_experience))
    return Owner(key, name, records, share(records, len(frame), heard=heard, least=least), service, experience, main, metrics)


def _blamed(frame: Frame, among: Bools) -> Mapping[tuple[int, int], Ints]:
    """Rows of a mask by blamed factor and its stage, if any."""
    return cells_of(frame, frame.places[frame.places.polarity == NEGATIVE], among) if among.any() else {}


def cells_of(frame: Frame, places: Places, among: Bools) -> Mapping[tuple[int, int], Ints]:
    """Rows of a mask by place, as (stage, factor)."""
    at = np.flatnonzero(among[places.row])
    width, n = len(frame.factor_keys), max(len(frame), 1)
    held = np.sort(((places.stage[at] + 1) * width + places.factor[at]).astype(np.int64) * n + places.row[at])
    flat, members = np.divmod(held[np.diff(held, prepend=-1) > 0], n)
    counts = np.bincount(flat)
    cells = np.flatnonzero(counts)
    parts = np.split(members, np.cumsum(counts[cells])[:-1])
    return {(cell // width - 1, cell % width): part for cell, part in zip(cells.tolist(), parts, strict=False)}


def _rung(frame: Frame, cell: tuple[int, int], members: Ints, wanted: int, issues: int) -> Rung:
    factor = frame.factor_keys[cell[1]]
    subjects = frame.subject[members]
    customers = distinct(subjects)
    days = frame.day[members]
    unknown = len(members) - count_of(frame.has_subject[members])  # each counts as a customer of its own
    return Rung(
        stage=frame.stage_keys[cell[0]], factor=factor, owner=frame.owner_of(factor), metrics=frame.taxonomy["factors"][factor].metrics,
        records=len(members), customers=customers, known_customers=customers - unknown,
        weeks=distinct((days[days > 0] - 1) // 7), expected=None, ratio=None, p=None, q=None, base="",
        step="shared" if customers >= wanted else "repeated" if customers > 1 else "single",
        experience_issues=issues, ids=_ids(frame, members),
    )  # fmt: skip


def _held_against(rung: Rung, over: Excess | None) -> Rung:
    return replace(rung, expected=over.expected, ratio=over.ratio, p=over.p, base=over.base) if over else rung


def climbed(one: One, q: float) -> One:
    """A rung or cause with its q, promoted to candidate if clearly above its base."""
    is_candidate = q <= CLEAR_Q and (one.ratio or 0) > 1
    return replace(one, q=q, step="candidate" if is_candidate else one.step)


def _ids(frame: Frame, members: Ints) -> tuple[str, ...]:
    """The latest first."""
    day = frame.day[members]
    if len(members) > LISTED_IDS:
        latest = day >= np.partition(day, -LISTED_IDS)[-LISTED_IDS]
        members, day = members[latest], day[latest]
    order = members[np.argsort(-day, kind="stable")][:LISTED_IDS]
    return tuple(found.decode("utf-8", "surrogatepass") for found in frame.ids[order].tolist())


def _stage_key(frame: Frame, at: int) -> str | None:
    return frame.stage_keys[at] if at >= 0 else None
