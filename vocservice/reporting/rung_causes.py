"""A frame, its rows and the candidates of a ladder in, the causes of each out: themes of its complaints, tested on other customers.

Customers are drawn into two halves. The complaints of one half are grouped as themes are; each group that enough of them
stand behind and that words set apart is a cause. How frequent it is, is counted and tested on the other half alone.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vocservice.reporting.clusters import Floats
from vocservice.reporting.draws import customers_drawn, threshold
from vocservice.reporting.estimate import MIN_N, share
from vocservice.reporting.frame import Bools, Frame, Ints, count_of, distinct
from vocservice.reporting.frame import Floats as Doubles
from vocservice.reporting.inflow import complaints_of
from vocservice.reporting.regions import Region, region_of
from vocservice.reporting.rows import Row, rows_at, vectors_at
from vocservice.reporting.saying import said
from vocservice.reporting.scope import CLEAR_Q, MIN_EARLIER, Cause, Rung, late_and_earlier
from vocservice.reporting.stats import benjamini_hochberg, binomial_tail, predictive_tail
from vocservice.reporting.themes import Grouped, grouped, matrix_of

RUNGS = 10
MADE_OF = 500
TESTED_ON = 1000
MOST = 5
TYPICAL = 3
HALF = 0.5
_HELD = 0.9


def with_causes(frame: Frame, rows: Sequence[Row], ladder: Sequence[Rung], *, least: int) -> tuple[Rung, ...]:
    """The ladder, its first ten candidates with their causes.

    Args:
        frame: the records.
        rows: the same as rows, by `frame.index`; of a rung at most 500 are read, and the vectors of 1,000 more.
        least: different customers that must stand behind a cause.
    """
    first = [rung for rung in ladder if rung.step == "candidate"][:RUNGS]
    if not first:
        return tuple(ladder)
    halves = _Halves.of(frame)
    made = {(rung.stage, rung.factor): _split(rung, halves, rows, least) for rung in first}
    qs = iter(benjamini_hochberg([math.nan if cause.p is None else cause.p for rung in made.values() for cause in rung.causes]))
    judged = {cell: replace(rung, causes=_judged(rung.causes, qs)) for cell, rung in made.items()}
    return tuple(judged.get((rung.stage, rung.factor), rung) for rung in ladder)


@dataclass(frozen=True, slots=True)
class _Halves:
    """Who makes causes and on whom they are tested.

    Attributes:
        drawn: (n,) number of each row's customer; those below a half make causes.
        complaints: (n,) rows that are service complaints.
        is_late, is_earlier: (n,) rows of the last 28 days, and dated ones before.
        average: the share of the average blamed cell among the complaints of the testing half.
    """

    frame: Frame
    drawn: Doubles
    complaints: Bools
    is_late: Bools
    is_earlier: Bools
    average: float

    @classmethod
    def of(cls, frame: Frame) -> "_Halves":
        complaints, drawn = frame.is_service, customers_drawn(frame)
        average = _average(frame, complaints & (drawn >= HALF))
        return cls(frame, drawn, complaints, *late_and_earlier(frame, complaints), average)

    def making(self, members: Ints) -> Ints:
        """The latest complaints of the one half."""
        own = members[self.drawn[members] < HALF]
        return own[np.lexsort((-own, -self.frame.day[own].astype(np.int64)))][:MADE_OF]

    def testing(self, members: Ints) -> tuple[Ints, Bools]:
        """Complaints of the other half, and all rows of their customers and of those who were drawn with them."""
        own = members[self.drawn[members] >= HALF]
        limit = threshold(self.drawn[own], TESTED_ON)
        return own[self.drawn[own] <= limit], (self.drawn >= HALF) & (self.drawn <= limit)


@dataclass(frozen=True, slots=True)
class _Vectors:
    """The vectors that one bundle made of some rows of a frame, by row."""

    bundle: str
    by_row: Mapping[int, bytes]

    @classmethod
    def of(cls, frame: Frame, rows: Sequence[Row], at: Ints) -> "_Vectors":
        """Those of the bundle that made the most of them."""
        found = vectors_at(rows, frame.index[at].tolist())
        bundle, _ = next(iter(Counter(made_by for made_by, _ in found.values()).most_common(1)), ("", 0))
        places = zip(at.tolist(), frame.index[at].tolist(), strict=True)
        return cls(bundle, {row: found[place][1] for row, place in places if place in found and found[place][0] == bundle})

    def told(self, at: Ints) -> Bools:
        """Which of some rows have one."""
        return np.array([row in self.by_row for row in at.tolist()], dtype=bool)

    def matrix(self, at: Ints) -> Floats:
        """(n, width) of rows that have one, one at least."""
        return matrix_of([self.by_row[row] for row in at.tolist()])


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is looked at of a rung.

    Attributes:
        looked: its rows that have a vector, of both halves.
        vectors: (looked, width).
        is_tested: (looked,) rows of the testing half.
        without: rows of the testing half that have no vector.
        among: (n,) rows of all customers on whom is tested.
    """

    looked: Ints
    vectors: Floats
    is_tested: Bools
    without: Ints
    among: Bools


def _average(frame: Frame, complaints: Bools) -> float:
    blamed = frame.blamed(complaints)
    cells = np.bincount(blamed.stage.astype(np.int64) * len(frame.factor_keys) + blamed.factor)
    return float(cells[cells > 0].mean()) / count_of(complaints) if len(cells) else 0.0


def _split(rung: Rung, halves: _Halves, rows: Sequence[Row], least: int) -> Rung:
    """The rung with its causes, not judged yet; none where most complaints have no vector."""
    frame = halves.frame
    members = np.flatnonzero(complaints_of(frame, rung.stage, rung.factor))
    making, (testing, among) = halves.making(members), halves.testing(members)
    asked = np.concatenate([making, testing])
    vectors = _Vectors.of(frame, rows, asked)
    found = _grouped(frame, rows, rung.factor, making, vectors, least)
    if found is None:
        return replace(rung, left_out=len(asked) - len(vectors.by_row))
    has = vectors.told(asked)
    looked, is_tested = asked[has], (np.arange(len(asked)) >= len(making))[has]
    seen = _Seen(looked, vectors.matrix(looked), is_tested, testing[~vectors.told(testing)], among)
    causes = tuple(_causes(halves, found, seen, vectors.bundle, least))
    others = len(looked) - sum(cause.records for cause in causes)
    return replace(rung, causes=causes, looked=len(looked), others=others, left_out=len(asked) - len(looked))


def _grouped(frame: Frame, rows: Sequence[Row], factor: str, making: Ints, vectors: _Vectors, least: int) -> Grouped | None:
    """What the one half says, in groups; None where most of it has no vector."""
    read = rows_at(rows, frame.index[making].tolist())
    places = zip(making.tolist(), frame.index[making].tolist(), strict=True)
    told = [said(read[place], factor=factor, vector=vectors.by_row.get(row, b"")) for row, place in places if place in read]
    found = grouped(told, least=least, most=MOST)
    return found if found.by == "meaning" else None


def _causes(halves: _Halves, found: Grouped, seen: _Seen, bundle: str, least: int) -> Iterator[Cause]:
    """The groups that enough customers stand behind, in the half that made them and among all that is looked at, and that have a name."""
    rows, groups = matrix_of([one.vector for one in found.said]), found.clusters.groups
    for group in range(len(found.clusters.centres)):
        holding = round(_HELD * len(found.members(group)))
        region = region_of(rows, groups, found.customers, group=group, holding=holding, bundle=bundle, least=least)
        words = found.name(group, least=least) if region else ()
        cause = _cause(halves, seen, words, region) if region and words else None
        if cause and cause.customers >= least:
            yield cause


def _cause(halves: _Halves, seen: _Seen, words: tuple[str, ...], region: Region) -> Cause:
    frame, is_held = halves.frame, region.holds(seen.vectors)
    held, subjects = seen.looked[is_held], frame.subject[seen.looked[is_held]]
    days = frame.day[held]
    made = Cause(
        words=words, records=len(held), customers=distinct(subjects), known_customers=distinct(subjects[frame.has_subject[held]]),
        weeks=distinct((days[days > 0] - 1) // 7), share=share(len(held), len(seen.looked)),
        tested=0, expected=None, ratio=None, p=None, q=None, base="", step="shared",
        ids=tuple(_typical(frame, held, region.distances(seen.vectors[is_held]))), region=region,
    )  # fmt: skip
    return _held_against(made, list(_against(halves, seen.looked[is_held & seen.is_tested], seen)))


def _typical(frame: Frame, held: Ints, distances: Floats) -> Iterator[str]:
    """The nearest to the centre, one a customer."""
    order = held[np.argsort(distances, kind="stable")]
    _, first = np.unique(frame.subject[order], return_index=True)
    for at in order[np.sort(first)[:TYPICAL]].tolist():
        yield frame.ids[at].decode("utf-8", "surrogatepass")


def _held_against(cause: Cause, bases: Sequence["_Against"]) -> Cause:
    """The cause with the base that it exceeds most, as rungs are; p pays for the number of bases tried (Bonferroni)."""
    base = min(bases, key=lambda one: one.p)
    if not base.expected:
        return cause
    ratio, p = base.hits / base.expected, min(base.p * len(bases), 1.0)
    return replace(cause, tested=base.hits, expected=base.expected, ratio=ratio, p=p, base=base.name)


@dataclass(frozen=True, slots=True)
class _Against:
    """A base: how likely so many complaints or more are under its rate, how many there are, and how many it expects."""

    name: str
    p: float
    hits: int
    expected: float


def _against(halves: _Halves, held: Ints, seen: _Seen) -> Iterator[_Against]:
    """The complaints of a cause in the testing half, held against each base.

    An earlier complaint without a vector counts as one of the cause, so that none rises for want of vectors.
    """
    complaints = halves.complaints & seen.among
    n = count_of(complaints)
    yield _Against("the average cell", binomial_tail(len(held), n, halves.average), len(held), n * halves.average)
    late, earlier = (count_of(complaints & side) for side in (halves.is_late, halves.is_earlier))
    if earlier >= MIN_EARLIER and late >= MIN_N:
        before = sum(count_of(halves.is_earlier[rows]) for rows in (held, seen.without))
        hits = count_of(halves.is_late[held])
        yield _Against("earlier records", predictive_tail(hits, late, before, earlier), hits, late * (before + 0.5) / (earlier + 1))


def _judged(causes: Sequence[Cause], qs: Iterator[float]) -> tuple[Cause, ...]:
    """Candidates first, then the most frequent."""
    found = [cause if cause.p is None else replace(cause, q=q) for cause, q in zip(causes, qs, strict=False)]
    stepped = [replace(one, step="candidate") if one.q is not None and one.q <= CLEAR_Q and (one.ratio or 0) > 1 else one for one in found]
    return tuple(sorted(stepped, key=lambda one: (one.step != "candidate", -one.records, one.words)))
