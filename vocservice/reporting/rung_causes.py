"""A frame, its rows and the candidates of a ladder in, the causes of each out: clusters of complaints, tested on other customers.

Customers are split into two random halves. The complaints of one half are clustered; each group with enough of them
and distinguishing words is a cause. Its frequency is counted and tested on the other half alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vocservice.reporting.bases import Bases, average_of, sides_of
from vocservice.reporting.clusters import Floats
from vocservice.reporting.draws import customers_drawn, threshold
from vocservice.reporting.estimate import share
from vocservice.reporting.frame import Bools, Frame, Ints, distinct
from vocservice.reporting.frame import Floats as Doubles
from vocservice.reporting.inflow import complaints_of
from vocservice.reporting.regions import Region, region_of
from vocservice.reporting.rows import Row, rows_at, vectors_at
from vocservice.reporting.saying import said
from vocservice.reporting.scope import Cause, Rung, cells_of, climbed
from vocservice.reporting.stats import benjamini_hochberg
from vocservice.reporting.themes import Grouped, grouped, matrix_of
from vocservice.reporting.voices import Heard

RUNGS = 10
MADE_OF = 500
TESTED_ON = 1000
MOST = 5
TYPICAL = 3
HALF = 0.5
_HELD = 0.9


def with_causes(frame: Frame, rows: Sequence[Row], ladder: Sequence[Rung], *, least: int) -> tuple[Rung, ...]:
    """The ladder, with the causes of its first ten candidates.

    Args:
        frame: the records.
        rows: the records as rows, by `frame.index`; per rung at most 500 are read, and the vectors of 1,000 more.
        least: different customers that a cause needs.
    """
    first = [rung for rung in ladder if rung.step == "candidate"][:RUNGS]
    if not first:
        return tuple(ladder)
    halves = _Halves.of(frame)
    made = {(rung.stage, rung.factor): _split(rung, halves, rows, least) for rung in first}
    qs = iter(benjamini_hochberg([cause.p for rung in made.values() for cause in rung.causes]))
    judged = {cell: replace(rung, causes=_judged(rung.causes, qs)) for cell, rung in made.items()}
    return tuple(judged.get((rung.stage, rung.factor), rung) for rung in ladder)


@dataclass(frozen=True, slots=True)
class _Halves:
    """The two halves of customers: forming and testing causes.

    Attributes:
        drawn: (n,) random number of each row's customer; those below one half form causes.
        complaints: (n,) rows that are service complaints.
        sides: (n,) rows of the last 28 days, and dated rows before.
        average: the share of the average blamed cell among complaints of the testing half.
    """

    frame: Frame
    drawn: Doubles
    complaints: Bools
    sides: tuple[Bools, Bools]
    average: float

    @classmethod
    def of(cls, frame: Frame) -> "_Halves":
        complaints, drawn = frame.is_service, customers_drawn(frame)
        tested = complaints & (drawn >= HALF)
        average = average_of(cells_of(frame, frame.blamed(), tested).values(), tested, frame.subject)
        return cls(frame, drawn, complaints, sides_of(frame, complaints), average)

    def making(self, members: Ints) -> Ints:
        """The latest complaints of the forming half."""
        own = members[self.drawn[members] < HALF]
        return own[np.lexsort((-own, -self.frame.day[own].astype(np.int64)))][:MADE_OF]

    def testing(self, members: Ints) -> tuple[Ints, Bools]:
        """Complaints of the testing half (possibly sampled), and all rows of the sampled customers."""
        own = members[self.drawn[members] >= HALF]
        limit = threshold(self.drawn[own], TESTED_ON)
        return own[self.drawn[own] <= limit], (self.drawn >= HALF) & (self.drawn <= limit)

    def bases(self, among: Bools) -> Bases:
        """The bases for complaints among some rows."""
        return Bases.of(self.frame.subject, self.complaints & among, self.sides, self.average)


@dataclass(frozen=True, slots=True)
class _Vectors:
    """The vectors of one bundle for some rows of a frame, by row."""

    bundle: str
    by_row: Mapping[int, bytes]

    @classmethod
    def of(cls, frame: Frame, rows: Sequence[Row], at: Ints) -> "_Vectors":
        """The vectors of the bundle with the most of them."""
        found = vectors_at(rows, frame.index[at].tolist())
        bundle, _ = next(iter(Counter(made_by for made_by, _ in found.values()).most_common(1)), ("", 0))
        places = zip(at.tolist(), frame.index[at].tolist(), strict=True)
        return cls(bundle, {row: found[place][1] for row, place in places if place in found and found[place][0] == bundle})

    def told(self, at: Ints) -> Bools:
        """Mask of the rows that have one."""
        return np.array([row in self.by_row for row in at.tolist()], dtype=bool)

    def matrix(self, at: Ints) -> Floats:
        """(n, width) of rows that have one, one at least."""
        return matrix_of([self.by_row[row] for row in at.tolist()])


@dataclass(frozen=True, slots=True)
class _Seen:
    """The examined complaints of a rung.

    Attributes:
        looked: its rows with a vector, from both halves.
        vectors: (looked, width).
        is_tested: (looked,) rows of the testing half.
        without: rows of the testing half without a vector.
        bases: the bases for its causes, among the testing customers.
    """

    looked: Ints
    vectors: Floats
    is_tested: Bools
    without: Ints
    bases: Bases


def _split(rung: Rung, halves: _Halves, rows: Sequence[Row], least: int) -> Rung:
    """The rung with its causes, not tested yet; without causes if most complaints have no vector."""
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
    seen = _Seen(looked, vectors.matrix(looked), is_tested, testing[~vectors.told(testing)], halves.bases(among))
    causes = tuple(_causes(halves, found, seen, vectors.bundle, least))
    others = len(looked) - sum(cause.records for cause in causes)
    return replace(rung, causes=causes, looked=len(looked), others=others, left_out=len(asked) - len(looked))


def _grouped(frame: Frame, rows: Sequence[Row], factor: str, making: Ints, vectors: _Vectors, least: int) -> Grouped | None:
    """Clusters of the forming half; None if most of it has no vector."""
    read = rows_at(rows, frame.index[making].tolist())
    places = zip(making.tolist(), frame.index[making].tolist(), strict=True)
    told = [said(read[place], factor=factor, vector=vectors.by_row.get(row, b"")) for row, place in places if place in read]
    found = grouped(told, least=least, most=MOST)
    return found if found.by == "meaning" else None


def _causes(halves: _Halves, found: Grouped, seen: _Seen, bundle: str, least: int) -> Iterator[Cause]:
    """The groups with enough customers, in the forming half and among all examined, and with a name."""
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
        weeks=distinct((days[days > 0] - 1) // 7), share=share(len(held), len(seen.looked), heard=Heard.of(frame.subject[seen.looked])),
        tested=0, expected=None, ratio=None, p=None, q=None, base="", step="shared",
        ids=tuple(_typical(frame, held, region.distances(seen.vectors[is_held]))), region=region,
    )  # fmt: skip
    over = seen.bases.excess(seen.looked[is_held & seen.is_tested], seen.without)
    return replace(made, tested=over.hits, expected=over.expected, ratio=over.ratio, p=over.p, base=over.base) if over else made


def _typical(frame: Frame, held: Ints, distances: Floats) -> Iterator[str]:
    """The nearest to the centre, one per customer."""
    order = held[np.argsort(distances, kind="stable")]
    _, first = np.unique(frame.subject[order], return_index=True)
    for at in order[np.sort(first)[:TYPICAL]].tolist():
        yield frame.ids[at].decode("utf-8", "surrogatepass")


def _judged(causes: Sequence[Cause], qs: Iterator[float]) -> tuple[Cause, ...]:
    """Candidates first, then the most frequent."""
    found = [cause if cause.p is None else climbed(cause, q) for cause, q in zip(causes, qs, strict=False)]
    return tuple(sorted(found, key=lambda one: (one.step != "candidate", -one.records, one.words)))
