"""Texts about one subject in, its themes out: clusters named by their own words, with share, sentiment and typical quotes.

A theme needs enough different customers. It is named by distinguishing terms that as many of them use,
else by the terms that most of them use; the remaining records are counted as others.
Records are clustered by their vectors, if there are any, else by their words.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vocservice.reporting.clusters import Clusters, Floats, Ints, clustered, spread_out, unit
from vocservice.reporting.estimate import Estimate, net, share
from vocservice.reporting.quotes import Quote
from vocservice.reporting.terms import Terms, frequency_of, named, term_rows, terms_of, usual
from vocservice.reporting.voices import Heard

LARGEST = 1500
MOST = 12
QUOTES = 3
_TOLD_FROM = 4  # minimum length of a quote


@dataclass(frozen=True, slots=True)
class Said:
    """One record's text about the subject.

    Attributes:
        words: text for naming: the evidence, or the customer's whole text.
        customer: id of the customer; the record's own id if unknown.
        level: of its sentiment, -2 to 2.
        vector: signed bytes, all of one bundle; empty if missing.
    """

    id: str
    words: str
    customer: str
    level: int | None
    quote: Quote | None
    vector: bytes = b""


@dataclass(frozen=True, slots=True)
class Theme:
    """Records that say much the same.

    Attributes:
        terms: its name: distinguishing words, best first; empty if too few customers share one.
        usual: without a name, the words that most of its customers use, even if others use them too.
        share: of all grouped records.
        sentiment: positive minus negative records, -1 to 1.
        typical: ids of the records nearest to its centre, one per customer.
    """

    terms: tuple[str, ...]
    usual: tuple[str, ...]
    records: int
    customers: int
    share: Estimate
    sentiment: Estimate
    typical: tuple[str, ...]
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes of some records, largest first.

    Attributes:
        total: requested records, of which the latest are grouped.
        records, customers: grouped records and their customers.
        left_out: records without a vector, if most have one.
        by: `meaning` or `words`.
        least: customers that a theme needs.
        other: records in no shown theme.
        apart: silhouette of the groups, -1 to 1; 0 for one group.
    """

    total: int
    records: int
    customers: int
    left_out: int
    by: str
    least: int
    themes: tuple[Theme, ...]
    other: int
    apart: float


@dataclass(frozen=True, slots=True)
class Grouped:
    """Clustered records; arrays parallel to `said`, except `frequency`: document frequency of terms."""

    said: tuple[Said, ...]
    terms: tuple[Terms, ...]
    frequency: Mapping[str, int]
    rows: Floats
    clusters: Clusters
    customers: Ints
    left_out: int
    by: str

    def members(self, group: int) -> Ints:
        return np.flatnonzero(self.clusters.groups == group)

    def name(self, group: int, *, least: int) -> tuple[str, ...]:
        return named(self.terms, self.clusters.groups, self.customers, self.frequency, group=group, least=least)

    def usual(self, group: int) -> tuple[str, ...]:
        return usual(self.terms, self.clusters.groups, self.customers, group=group)

    def nearest(self, group: int) -> Iterator[Said]:
        """The members, nearest to the centre first, one per customer."""
        members = self.members(group)
        order = np.argsort(-(self.rows[members] @ self.clusters.centres[group]), kind="stable")
        seen: set[int] = set()
        for at in members[order]:
            if (customer := int(self.customers[at])) not in seen:
                seen.add(customer)
                yield self.said[at]


def themes_of(said: Sequence[Said], *, least: int, total: int | None = None) -> Themes:
    """Find the themes of records; only the first 1,500 are used.

    Args:
        said: latest first.
        least: different customers that a theme needs.
        total: number of records these are taken from.
    """
    found = grouped(said[:LARGEST], least=least, most=MOST)
    shown = [theme for group in range(len(found.clusters.centres)) if (theme := theme_of(found, group, least=least)) is not None]
    ordered = tuple(sorted(shown, key=lambda theme: (-theme.records, theme.terms)))
    records = len(found.said)
    other = records - sum(theme.records for theme in ordered)
    customers = len(np.unique(found.customers))
    asked = len(said) if total is None else total
    return Themes(asked, records, customers, found.left_out, found.by, least, ordered, other, found.clusters.silhouette)


def grouped(said: Sequence[Said], *, least: int, most: int) -> Grouped:
    """Cluster records by their vectors, or by words if fewer than half have one."""
    kept = [one for one in said if one.vector]
    by_meaning = bool(kept) and 2 * len(kept) >= len(said)
    used = tuple(kept if by_meaning else said)
    terms = tuple(terms_of(one.words) for one in used)
    frequency = frequency_of(terms)
    rows = spread_out(matrix_of([one.vector for one in used])) if by_meaning else term_rows(terms, frequency)
    clusters = clustered(rows, least=2 * least, most=most)
    return Grouped(used, terms, frequency, rows, clusters, _numbers(used), len(said) - len(used), "meaning" if by_meaning else "words")


def matrix_of(vectors: Sequence[bytes]) -> Floats:
    """(n, width) rows of length 1 from vectors of equal length."""
    found = np.frombuffer(b"".join(vectors), np.int8).reshape(len(vectors), -1)
    return unit(found.astype(np.float32))


def quotes_of(said: Iterable[Said]) -> Iterator[Quote]:
    """Up to three distinct quotes."""
    seen: set[str] = set()
    for one in said:
        text = "".join(piece.text for piece in one.quote.pieces).strip() if one.quote else ""
        if one.quote and len(text) >= _TOLD_FROM and text.lower() not in seen:
            seen.add(text.lower())
            yield one.quote
        if len(seen) == QUOTES:
            return


def theme_of(found: Grouped, group: int, *, least: int) -> Theme | None:
    """A group as a theme; None if it has too few customers."""
    members = found.members(group)
    customers = len(np.unique(found.customers[members]))
    if customers < least:
        return None
    felt = [at for at in members if found.said[at].level is not None]
    levels = [found.said[at].level or 0 for at in felt]
    mood = net(sum(level > 0 for level in levels), sum(level < 0 for level in levels), len(levels), heard=Heard.of(found.customers[felt]))
    part = share(len(members), len(found.said), heard=Heard.of(found.customers))
    near = tuple(found.nearest(group))
    typical, quotes = tuple(one.id for one in near[:QUOTES]), tuple(quotes_of(near))
    name = found.name(group, least=least)
    return Theme(name, () if name else found.usual(group), len(members), customers, part, mood, typical, quotes)


def _numbers(said: Sequence[Said]) -> Ints:
    """(n,) customer number of each record."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(one.customer, len(numbers)) for one in said], dtype=np.int64)
