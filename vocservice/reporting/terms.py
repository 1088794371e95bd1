"""Texts in, their words and word pairs as numbers out: vectors to cluster, and terms that distinguish a group.

A term is a word, or two adjacent ones; function words, redaction placeholders and numbers are excluded.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from vocservice.reporting.clusters import Floats, Ints, unit

Terms = frozenset[str]

WIDEST = 2000
FEW = 2  # customers that must use a common, not distinguishing term
_WORD = re.compile(r"\[[A-Z_]+\]|[^\W\d_]+(?:['’][^\W\d_]+)*")
_PLACEHOLDER = "["
_FUNCTION = frozenset(
    """a about above after again all also am an and any are aren't as at be because been before being below between both but by can can't
    cannot could couldn't did didn't do does doesn't doing don't down during each even ever every few for from further get gets getting go
    goes going got had hadn't has hasn't have haven't having he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's
    its itself just let like made make many me more most much my myself no nor not now of off on once one only or other our ours out over
    own quite really same say says she should so some still such than that that's the their them then there there's these they they're
    this those though through to too under until up us use used using very was wasn't we we're we've well were weren't what when where
    which while who why will with won't would wouldn't yet you you're your yours""".split()  # noqa: SIM905
)


def terms_of(text: str) -> Terms:
    """The terms of a text."""
    return frozenset(_terms(text))


def words_of(text: str) -> Terms:
    """The single-word terms of a text."""
    return frozenset(filter(_counts, _words(text)))


def frequency_of(texts: Sequence[Terms]) -> Mapping[str, int]:
    """Document frequency of each term."""
    return Counter(term for terms in texts for term in terms)


def term_rows(texts: Sequence[Terms], frequency: Mapping[str, int]) -> Floats:
    """(n, terms) TF-IDF rows of length 1 over the 2,000 most frequent shared terms."""
    kept = [term for term, count in sorted(frequency.items(), key=lambda found: (-found[1], found[0]))[:WIDEST] if count > 1]
    at = {term: place for place, term in enumerate(kept)}
    weights = np.array([np.log((1 + len(texts)) / (1 + frequency[term])) + 1 for term in kept], dtype=np.float32)
    rows = np.zeros((len(texts), len(kept)), np.float32)
    for number, terms in enumerate(texts):
        places = [at[term] for term in terms if term in at]
        rows[number, places] = weights[places]
    return unit(rows)


def named(
    texts: Sequence[Terms],
    groups: Ints,
    customers: Ints,
    frequency: Mapping[str, int],
    *,
    group: int,
    least: int,
    count: int = 3,
) -> tuple[str, ...]:
    """The distinguishing terms of a group, by class-based TF-IDF (Grootendorst 2022), best first.

    Args:
        groups, customers: (n,) number of each text's group and customer.
        frequency: document frequency of each term.
        least: customers of the group that must use a term.
    """
    inside = np.flatnonzero(groups == group).tolist()
    here = Counter(term for number in inside for term in texts[number])
    is_all = len(inside) == len(texts)
    told = {term for term, n in here.items() if n >= least and (is_all or n * len(texts) > frequency[term] * len(inside))}
    users = _users(texts, customers, inside)
    size, average = max(here.total(), 1), sum(frequency.values()) / max(len(np.unique(groups)), 1)
    scores = {term: here[term] / size * np.log(1 + average / frequency[term]) for term in told if len(users[term]) >= least}
    return tuple(_distinct(scores, count))


def usual(texts: Sequence[Terms], groups: Ints, customers: Ints, *, group: int, count: int = 3) -> tuple[str, ...]:
    """The terms that most customers of a group use, even if others use them too; never those of one customer alone.

    Args:
        groups, customers: as in `named`.
    """
    users = _users(texts, customers, np.flatnonzero(groups == group).tolist())
    return tuple(_distinct({term: len(who) for term, who in users.items() if len(who) >= FEW}, count))


def _users(texts: Sequence[Terms], customers: Ints, numbers: Sequence[int]) -> Mapping[str, set[int]]:
    """The customers that use each term."""
    users: dict[str, set[int]] = {}
    for number in numbers:
        for term in texts[number]:
            users.setdefault(term, set()).add(int(customers[number]))
    return users


def _words(text: str) -> list[str]:
    return [word if word.startswith(_PLACEHOLDER) else word.lower().replace("’", "'") for word in _WORD.findall(text)]


def _terms(text: str) -> Iterator[str]:
    words = _words(text)
    yield from (word for word in words if _counts(word))
    yield from (f"{first} {second}" for first, second in pairwise(words) if _counts(first) and _counts(second))


def _counts(word: str) -> bool:
    return len(word) > 2 and not word.startswith(_PLACEHOLDER) and word not in _FUNCTION


def _distinct(scores: Mapping[str, float], count: int) -> Iterator[str]:
    """The best terms without words in common."""
    said: set[str] = set()
    for term in sorted(scores, key=lambda term: (-scores[term] * (1 + term.count(" ")), term)):
        words = set(term.split())
        if not words & said:
            said |= words
            yield term
            count -= 1
        if not count:
            return
