"""Rankings in, one ranking out; and texts that hold all of some words in, how much they are about them out."""

from collections.abc import Iterable, Mapping, Sequence

SMOOTH = 60
_SATURATION, _LENGTH = 1.2, 0.75


def fused(*rankings: Sequence[str]) -> list[str]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): best first, whatever the scores of each ranking were."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, name in enumerate(ranking, 1):
            scores[name] = scores.get(name, 0.0) + 1 / (SMOOTH + rank)
    return sorted(scores, key=lambda name: (-scores[name], name))


def by_words(texts: Mapping[str, str], words: Iterable[str]) -> list[str]:
    """Names of texts by how often they say the words for their length, as BM25 counts (Robertson and Zaragoza 2009); all hold all words."""
    wanted = [word.casefold() for word in words]
    lengths = {name: max(len(text.split()), 1) for name, text in texts.items()}
    usual = sum(lengths.values()) / max(len(lengths), 1)
    scores = {name: _score(text.casefold(), wanted, lengths[name] / usual) for name, text in texts.items()}
    return sorted(scores, key=lambda name: (-scores[name], name))


def _score(text: str, words: Sequence[str], length: float) -> float:
    part = _SATURATION * (1 - _LENGTH + _LENGTH * length)
    return sum((count := text.count(word)) / (count + part) for word in words)
