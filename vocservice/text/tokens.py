"""Text in, words and marks with positions out: spaCy's English rules, each distinct run of characters tokenised once."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import spacy
from spacy.vocab import Vocab

_RUN = re.compile(r"\S{1,100}")  # longer runs are split: the tokeniser takes quadratic time
_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 24
_WORD = re.compile(r"([A-Za-z]+)([,;!?]|(?<=[a-z])\.)?")
_GLUED = re.compile(r"(?<=[!?…])(?=[^\W\d_]{2})|(?<=[a-z]{2}\.)(?=[A-Z][a-z])")
_ADDRESS = re.compile(r"://|www\.|@|/|\.(?:com|org|net|co|uk|io)\b", re.IGNORECASE)

Parts = tuple[tuple[int, str], ...]


class Token(NamedTuple):
    """A word or mark with its position; `spaced` after white space, `opens_line` after a line break."""

    text: str
    start: int
    end: int
    spaced: bool
    opens_line: bool


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, in order, without white space."""
    runs = list(_RUN.finditer(text))
    tokens: list[Token] = []
    end = 0
    for run, parts in zip(runs, tokeniser().parts_of([run.group() for run in runs]), strict=True):
        at, stop = run.span()
        spaced, opens_line = at > end, not tokens or "\n" in text[end:at]
        for start, part in parts:
            tokens.append(Token(part, at + start, at + start + len(part), spaced, opens_line))
            spaced = opens_line = False
        end = stop
    return tokens


class Tokeniser:
    """Splits runs without spaces into words and marks, with a bounded cache of short ones."""

    def __init__(self) -> None:
        """The vocabulary is bare: other attributes that spaCy computes for new words (shape, kind ...) are not needed."""
        self._nlp = spacy.blank("en", vocab=Vocab())
        tokenizer: Any = self._nlp.tokenizer
        self._special = frozenset(tokenizer.rules)
        self._lock = Lock()
        self._known: dict[str, Parts] = {}

    def parts_of(self, runs: Sequence[str]) -> list[Parts]:
        """The parts of each run with their starts; new runs are tokenised together."""
        known = self._known
        new = {run for run in runs if run not in known}
        cut = self._cut(new) if new else {}
        return [cut[run] if run in cut else known[run] for run in runs] if new else [known[run] for run in runs]

    def _cut(self, runs: Collection[str]) -> dict[str, Parts]:
        words = {run: parts for run in runs if (parts := self._word(run))}
        with self._lock:
            cut = words | self._by_rules([run for run in runs if run not in words])
            if len(self._known) + len(cut) > _REMEMBERED:
                self._known = {}
            self._known.update((run, parts) for run, parts in cut.items() if len(run) <= _LONGEST_REMEMBERED)
        return cut

    def _word(self, run: str) -> Parts:
        """Fast path for a plain word with a trailing mark, as spaCy does, except its exceptions; empty for other runs."""
        found = _WORD.fullmatch(run)
        if found is None or run in self._special or found[1] in self._special:
            return ()
        return ((0, found[1]), (len(found[1]), found[2])) if found[2] else ((0, run),)

    def _by_rules(self, runs: Collection[str]) -> dict[str, Parts]:
        """The memory zone discards spaCy's words afterwards (it would keep all); it is not thread-safe, so callers lock."""
        if not runs:
            return {}
        with self._nlp.memory_zone():
            return {run: tuple(self._unglued(run)) for run in runs}

    def _unglued(self, run: str) -> Iterator[tuple[int, str]]:
        """The tokens of one run, splitting sentences without a space ("slow!Never", "nice.The")."""
        for token in self._nlp.tokenizer(run):
            at = token.idx
            for part in _split_glued(token.text):
                yield at, part
                at += len(part)


@lru_cache(maxsize=1)
def tokeniser() -> Tokeniser:
    """Created on first use."""
    return Tokeniser()


def _split_glued(word: str) -> Sequence[str]:
    if word.isalnum() or not _GLUED.search(word) or _ADDRESS.search(word):
        return (word,)
    return _GLUED.split(word)
