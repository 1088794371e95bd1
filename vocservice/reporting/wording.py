"""A text in, its words out; a typed query in, its search terms out: the only definition of a word.

A word is a run of letters and digits, case-insensitive; everything else separates words. Characters of scripts without
spaces between words, and emoji, are single words.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

GAP = "·"  # marks redactions, so that the words around them are not adjacent
MOST_TERMS = 8
LONGEST = 100
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2600-\u27bf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001f300-\U0001faff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"\[[A-Z_]+\]|[{_ALONE}]|[^\W_{_ALONE}]+")
_PLACEHOLDER = "["
_TERM = re.compile(r'(-?)(?:"([^"]*)"(\*?)|([^\s"]+))')
_BEGINNING = "*"


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or several adjacent ones.

    Attributes:
        is_beginning: the last word is a prefix.
        is_unwanted: it must not occur.
    """

    words: tuple[str, ...]
    is_beginning: bool = False
    is_unwanted: bool = False


NOWHERE = Term(())  # occurs in no text


def words_of(text: str) -> list[str]:
    """The words of a redacted text in order; redactions are gaps."""
    return list(_words(text))


def terms_of(typed: str | None) -> tuple[Term, ...]:
    """Parse a query: words, phrases in double quotes, `begin*` and `-unwanted`; the first eight. `NOWHERE` without any word."""
    found = (_term(minus, phrase or word, star) for minus, phrase, star, word in _TERM.findall(typed or ""))
    terms = tuple(islice((term for term in found if term.words), MOST_TERMS))
    return terms or ((NOWHERE,) if typed and not typed.isspace() else ())


def count_of(words: Sequence[str], term: Term) -> int:
    """Number of occurrences in a text."""
    length = len(term.words)
    return sum(_is_at(words, start, term) for start in range(len(words) - length + 1))


def _term(minus: str, text: str, star: str) -> Term:
    words = tuple(word for word in _words(text) if word != GAP)
    return Term(words, is_beginning=bool(star) or text.rstrip().endswith(_BEGINNING), is_unwanted=bool(minus))


def _is_at(words: Sequence[str], start: int, term: Term) -> bool:
    *before, last = term.words
    end = start + len(before)
    if list(words[start:end]) != before:
        return False
    return words[end].startswith(last) if term.is_beginning else words[end] == last


def _words(text: str) -> Iterator[str]:
    for found in _WORD.findall(unicodedata.normalize("NFKC", text)):
        yield GAP if found.startswith(_PLACEHOLDER) else found.casefold()[:LONGEST]
