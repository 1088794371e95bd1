"""Rankings in, one ranking out; texts that contain some terms in, their relevance out."""

from collections.abc import Iterable, Mapping, Sequence

from vocservice.reporting.wording import Term, count_of

SMOOTH = 60
_SATURATION, _LENGTH = 1.2, 0.75


def fused(*rankings: Sequence[str]) -> list[str]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): best first, independent of scores."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, name in enumerate(ranking, 1):
            scores[name] = scores.get(name, 0.0) + 1 / (SMOOTH + rank)
    return sorted(scores, key=lambda name: (-scores[name], name))


def by_words(texts: Mapping[str, Sequence[str]], terms: Iterable[Term]) -> list[str]:
    """Names of texts by BM25 term frequency (Robertson and Zaragoza 2009); all texts contain all terms."""
    wanted = [term for term in terms if not term.is_unwanted]
    usual = sum(max(len(words), 1) for words in texts.values()) / max(len(texts), 1)
    scores = {name: _score(words, wanted, max(len(words), 1) / usual) for name, words in texts.items()}
    return sorted(scores, key=lambda name: (-scores[name], name))


def _score(words: Sequence[str], terms: Sequence[Term], length: float) -> float:
    part = _SATURATION * (1 - _LENGTH + _LENGTH * length)
    return sum((count := count_of(words, term)) / (count + part) for term in terms)
