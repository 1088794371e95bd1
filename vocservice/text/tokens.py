"""Text in, its words and marks with their places out: spaCy's rules for English, each distinct run of characters cut once."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import spacy
from spacy.vocab import Vocab

_RUN = re.compile(r"\S{1,100}")  # longer runs are cut: the tokeniser's time grows with the square of a run
_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 24
_WORD = re.compile(r"([A-Za-z]+)([,;!?]|(?<=[a-z])\.)?")
_GLUED = re.compile(r"(?<=[!?…])(?=[^\W\d_]{2})|(?<=[a-z]{2}\.)(?=[A-Z][a-z])")
_ADDRESS = re.compile(r"://|www\.|@|/|\.(?:com|org|net|co|uk|io)\b", re.IGNORECASE)

Parts = tuple[tuple[int, str], ...]


class Token(NamedTuple):
    """A word or mark with its place; `spaced` where white space stands before it, `opens_line` where a line break does."""

    text: str
    start: int
    end: int
    spaced: bool
    opens_line: bool


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, in order; white space is none."""
    runs = list(_RUN.finditer(text))
    tokens: list[Token] = []
    end = 0
    for run, parts in zip(runs, tokeniser().parts_of([run.group() for run in runs]), strict=True):
        at = run.start()
        between = text[end:at]
        spaced, opens_line = bool(between), "\n" in between or not tokens
        for start, part in parts:
            tokens.append(Token(part, at + start, at + start + len(part), spaced, opens_line))
            spaced = opens_line = False
        end = run.end()
    return tokens


class Tokeniser:
    """Cuts runs of characters without a space into words and marks, and remembers the short ones, a bounded number of them."""

    def __init__(self) -> None:
        """The vocabulary is bare: what spaCy would work out of every new word (its shape, its kind ...) nobody asks for."""
        self._nlp = spacy.blank("en", vocab=Vocab())
        tokenizer: Any = self._nlp.tokenizer
        self._special = frozenset(tokenizer.rules)
        self._lock = Lock()
        self._known: dict[str, Parts] = {}

    def parts_of(self, runs: Sequence[str]) -> list[Parts]:
        """For each run its parts with their starts; those that are new are cut together."""
        known = self._known
        new = {run for run in runs if run not in known}
        cut = self._cut(new) if new else {}
        return [cut[run] if run in cut else known[run] for run in runs]

    def _cut(self, runs: Collection[str]) -> dict[str, Parts]:
        words = {run: parts for run in runs if (parts := self._word(run))}
        with self._lock:
            cut = words | self._by_rules([run for run in runs if run not in words])
            if len(self._known) + len(cut) > _REMEMBERED:
                self._known = {}
            self._known.update((run, parts) for run, parts in cut.items() if len(run) <= _LONGEST_REMEMBERED)
        return cut

    def _word(self, run: str) -> Parts:
        """A plain word, and a mark behind it: what spaCy would make of it too, its exceptions apart; nothing for any other run."""
        found = _WORD.fullmatch(run)
        if found is None or run in self._special or found[1] in self._special:
            return ()
        return ((0, found[1]), (len(found[1]), found[2])) if found[2] else ((0, run),)

    def _by_rules(self, runs: Collection[str]) -> dict[str, Parts]:
        """The memory zone drops spaCy's own words afterwards (it would keep all); it is not safe among threads, as callers see to."""
        if not runs:
            return {}
        with self._nlp.memory_zone():
            return {run: tuple(self._unglued(run)) for run in runs}

    def _unglued(self, run: str) -> Iterator[tuple[int, str]]:
        """The tokens of one run, and two sentences written without a space ("slow!Never", "nice.The") apart."""
        for token in self._nlp.tokenizer(run):
            at = token.idx
            for part in _split_glued(token.text):
                yield at, part
                at += len(part)


@lru_cache(maxsize=1)
def tokeniser() -> Tokeniser:
    """Made once, at the first text."""
    return Tokeniser()


def _split_glued(word: str) -> Sequence[str]:
    if word.isalnum() or not _GLUED.search(word) or _ADDRESS.search(word):
        return (word,)
    return _GLUED.split(word)
