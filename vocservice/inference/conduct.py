"""Turns in, how agents handled the customer out: facts of each turn, found by keywords, without a probability."""

import re
from collections.abc import Iterator, Mapping, Sequence

from vocservice.records import Conduct, Turn

ANSWERING = frozenset({"agent", "bot", "supervisor"})
_TOLD: Mapping[Conduct, re.Pattern[str]] = {
    "apologises": re.compile(r"\b(?:sorry|apolog\w+|regret)\b", re.IGNORECASE),
    "asks": re.compile(r"\?"),
    "redirects": re.compile(
        r"\b(?:dm|direct message|private message|(?:pm|inbox|message|e-?mail|call|ring|phone) us|give us a (?:call|ring)"
        r"|(?:send|drop) us (?:a|an) (?:message|note|line|e-?mail)|link below|reach out to us)\b",
        re.IGNORECASE,
    ),
    "promises": re.compile(
        r"\b(?:(?:we|i)(?:['\u2019]ll| will|['\u2019]m going to|['\u2019]re going to| are going to| am going to)\b[^.?!]{0,40}"
        r"\b(?:look|check|pass|get back|let you know|investigat\w+|follow|forward|escalat\w+|contact|update|call|e-?mail)"
        r"|looking into|passed (?:this|it|that|your \w+) on|will be in touch)\b",
        re.IGNORECASE,
    ),
}
_WORD = re.compile(r"[^\W\d_]{4,}")
_ALIKE, _LEAST_WORDS = 0.5, 3  # least share of common words of a repetition, and least number of words to tell
_BEFORE = 10  # how many of the agent's earlier turns are searched for a repetition
_LEAST_OPENING = 3


def conduct_of(turns: Sequence[Turn]) -> list[tuple[Conduct, ...] | None]:
    """Return for each turn what an agent, bot or supervisor does in it; None for turns of others."""
    again = frozenset(repeats(turns))
    return [_conduct(turn.text, is_again=at in again) if turn.speaker in ANSWERING else None for at, turn in enumerate(turns)]


def repeats(turns: Sequence[Turn]) -> Iterator[int]:
    """Turns in which an agent repeats an earlier one: same beginning, or half of the longer words in common."""
    openings, before = set[str](), list[frozenset[str]]()
    for at, turn in enumerate(turns):
        if turn.speaker in ANSWERING:
            start, words = opening(turn.text), words_of(turn.text)
            if (len(start.split()) >= _LEAST_OPENING and start in openings) or _is_alike(words, before[-_BEFORE:]):
                yield at
            openings.add(start)
            before.append(words)


def alike(texts: Sequence[str]) -> float:
    """Highest Jaccard similarity of any text with one of the ten before it; 0 for a single text."""
    words = [words_of(text) for text in texts]
    return max((_shared(mine, other) for at, mine in enumerate(words) for other in words[max(0, at - _BEFORE) : at]), default=0.0)


def opening(text: str) -> str:
    """The beginning of a text without its first word, which may be a name."""
    return " ".join(text.lower().split()[1:7])


def words_of(text: str) -> frozenset[str]:
    """The longer words of a text."""
    return frozenset(_WORD.findall(text.lower()))


def _conduct(text: str, *, is_again: bool) -> tuple[Conduct, ...]:
    return (*(("repeats",) if is_again else ()), *(key for key, told in _TOLD.items() if told.search(text)))


def _is_alike(words: frozenset[str], before: Sequence[frozenset[str]]) -> bool:
    return len(words) >= _LEAST_WORDS and any(_shared(words, other) >= _ALIKE for other in before)


def _shared(mine: frozenset[str], other: frozenset[str]) -> float:
    return len(mine & other) / max(len(mine | other), 1)
