"""Text in, character spans of its segments out: sentences, then clauses at contrast and coordination.

A segment is the unit of evidence: small enough that a label points at the words that carry it ("great food but the
refund took four calls" gives two), large enough to be read on its own. Spans are half-open character offsets, in
order, without overlap; what lies between two spans is white space only.
"""

from functools import lru_cache
from typing import NamedTuple

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Token

from vocservice.records import Segment, Verbatim

Span = tuple[int, int]

MAX_TOKENS = 40
_MIN_TOKENS = 2

_SENTENCE_END = frozenset({".", "!", "?", "…", "..", "...", "....", "。", "‼", "⁉"})
_CLAUSE_MARK = frozenset({",", ";", ":", "-", "–", "—", "--", "/", "(", "|", "•", "*", "+", "&"})
_CONTRAST = frozenset({"but", "however", "although", "though", "yet", "except", "whereas", "while", "despite", "unfortunately", "nevertheless"})
_COORDINATION = frozenset({"and", "or", "nor", "because", "since", "plus"})
_CLOSERS = frozenset({")", "]", "}", '"', "'", "”", "’", "»"})


class _Break(NamedTuple):
    """A place where a segment may end: before token `index`; hard breaks are never undone by merging."""

    index: int
    hard: bool


@lru_cache(maxsize=1)
def tokeniser() -> Language:
    """The blank English pipeline whose rule-based tokeniser every text step shares."""
    nlp = spacy.blank("en")
    nlp.max_length = 10_000_000
    return nlp


def segment(text: str) -> list[Span]:
    """Split `text` into segments.

    Args:
        text: one verbatim or one turn.

    Returns:
        Half-open character offsets, sorted, each with at least one visible character; empty for blank text.
    """
    doc = tokeniser().make_doc(text)
    tokens = [token for token in doc if not token.is_space]
    if not tokens:
        return []
    starts = _merge_short(_breaks(doc, tokens), len(tokens))
    bounds = zip(starts, starts[1:] + [len(tokens)], strict=True)
    pieces = (piece for first, last in bounds for piece in _cap(first, last))
    return [(tokens[first].idx, tokens[last - 1].idx + len(tokens[last - 1])) for first, last in pieces]


def segments_of(verbatim: Verbatim) -> list[Segment]:
    """The segments of a verbatim: only the customer's turns have any."""
    return [
        Segment(index, start, end)
        for index, turn in enumerate(verbatim.turns)
        if turn.speaker == "customer"
        for start, end in segment(turn.text)
    ]


def _breaks(doc: Doc, tokens: list[Token]) -> list[_Break]:
    breaks = []
    for index in range(1, len(tokens)):
        before, here = tokens[index - 1], tokens[index]
        if _ends_sentence(doc, before, here):
            breaks.append(_Break(index, hard=True))
        elif here.lower_ in _CONTRAST:
            breaks.append(_Break(index, hard=False))
        elif here.lower_ in _COORDINATION or (before.text in _CLAUSE_MARK and _stands_alone(before)):
            breaks.append(_Break(index, hard=False))
    return breaks


def _ends_sentence(doc: Doc, before: Token, here: Token) -> bool:
    if "\n" in doc.text[before.idx + len(before) : here.idx]:
        return True
    ended = before.text in _SENTENCE_END or before.text[-1] in ".!?" or before.text in _CLOSERS and before.i > 0 and doc[before.i - 1].text in _SENTENCE_END
    return ended and here.text not in _SENTENCE_END and here.text not in _CLOSERS and here.text[0] not in ".!?"


def _stands_alone(mark: Token) -> bool:
    """True for a comma or a spaced dash; false for the hyphen or slash inside a word."""
    return mark.text in {",", ";", ":"} or bool(mark.i and mark.doc[mark.i - 1].whitespace_)


def _merge_short(breaks: list[_Break], count: int) -> list[int]:
    """Drop soft breaks that would leave fewer than two tokens on either side."""
    starts = [0]
    for position, (index, hard) in enumerate(breaks):
        following = next((b.index for b in breaks[position + 1 :]), count)
        if hard or (index - starts[-1] >= _MIN_TOKENS and following - index >= _MIN_TOKENS):
            starts.append(index)
    return starts


def _cap(first: int, last: int) -> list[tuple[int, int]]:
    """Cut a run-on segment into equal parts of at most `MAX_TOKENS` tokens."""
    parts = -(-(last - first) // MAX_TOKENS)
    size = -(-(last - first) // parts)
    return [(at, min(at + size, last)) for at in range(first, last, size)]
