"""Text in, character spans of its segments out: sentences, then clauses at contrast, coordination and subordination.

A segment is the unit of evidence: small enough that a label points at the relevant words ("great food but the
refund took four calls" gives two), large enough to be read alone. Spans are half-open character offsets, in
order, without overlap, separated only by white space.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vocservice.records import Segment, Verbatim
from vocservice.text.tokens import Token, tokens_of

Span = tuple[int, int]

MAX_TOKENS = 40
_MIN_TOKENS = 2
_MIN_SUBORDINATE = 3


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SENTENCE_END = frozenset({".", "!", "?", "…", "..", "...", "....", "。", "！", "？", "‼", "⁉"})
_CLAUSE_MARK = frozenset({",", ";", ":", "-", "–", "—", "--", "/", ")", "|", "*", "+", "、", "，", "；"})
_CONTRAST = frozenset(
    {"but", "however", "although", "though", "yet", "except", "whereas", "while", "despite", "unfortunately", "nevertheless"}
)
_COORDINATION = frozenset({"and", "or", "nor", "because", "since", "plus", "&"})
_SUBORDINATION = frozenset({"which", "who", "whose", "where", "when", "whenever", "if", "unless", "until"})
_JOINING = _CONTRAST | _COORDINATION | _SUBORDINATION
_OPENERS = frozenset({"(", "•"})
_CLOSERS = frozenset({")", "]", "}", '"', "'", "”", "’", "»"})
# Abbreviations before the word they belong to, and those that may also end a sentence.
_LEADING = _listed("mr mrs ms dr prof st rev gen sgt capt lt e.g i.e eg ie vs v cf approx incl fig dept nr vol ca messrs hon mt")
_TRAILING = _listed("etc inc ltd co corp jr sr ave blvd rd hrs mins min sec tel ext est a.m p.m u.s u.k e.u u.s.a d.c")
_INITIALS = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]")
_STARTERS = _listed(
    "the i i'm i've it it's we they he she this that these those there my our your but and so then when if no not very great good bad also "
    "after before now never what why how who you as at in on for a an all staff please thank thanks however overall unfortunately"
)
_EMOJI = re.compile("[\u2600-\u27bf\u2b50\U0001f000-\U0001faff]")


class _Break(NamedTuple):
    """A possible boundary: before token `at`, if `least` tokens are on either side; 0 for a certain boundary."""

    at: int
    least: int


def segment(text: str) -> list[Span]:
    """Split `text` into segments.

    Args:
        text: one verbatim or one turn.

    Returns:
        Half-open character offsets, sorted, each with at least one visible character; empty for blank text.
    """
    tokens = tokens_of(text)
    if not tokens:
        return []
    starts = _merge_short(list(_breaks(tokens)), len(tokens))
    bounds = zip(starts, starts[1:] + [len(tokens)], strict=True)
    pieces = (piece for first, last in bounds for piece in _cap(first, last))
    return [(tokens[first].start, tokens[last - 1].end) for first, last in pieces]


def segments_of(verbatim: Verbatim) -> list[Segment]:
    """The segments of a verbatim, from the customer's turns only."""
    return [
        Segment(index, start, end)
        for index, turn in enumerate(verbatim.turns)
        if turn.speaker == "customer"
        for start, end in segment(turn.text)
    ]


def _breaks(tokens: Sequence[Token]) -> Iterator[_Break]:
    plain = [_is_plain(token.text) for token in tokens]
    for index in range(1, len(tokens)):
        if plain[index] and plain[index - 1] and not tokens[index].opens_line:
            continue
        if tokens[index].opens_line or _ends_sentence(tokens, index):
            yield _Break(index, 0)
        elif _starts_clause(tokens, index) or _ends_clause(tokens, index):
            yield _Break(index, _MIN_TOKENS)
        elif tokens[index].text.lower() in _SUBORDINATION and not _starts_clause(tokens, index - 1):
            yield _Break(index, _MIN_SUBORDINATE)


@lru_cache(maxsize=20_000)
def _is_plain(word: str) -> bool:
    """Plain English letters: between two such words on a line there is no boundary, which covers most token pairs."""
    return word.isascii() and word.isalpha() and word.lower() not in _JOINING


def _ends_sentence(tokens: Sequence[Token], index: int) -> bool:
    """Whether a sentence ends before token `index`."""
    here, at = tokens[index], index - 1
    while at > 0 and tokens[at].text in _CLOSERS and not tokens[at].spaced:
        at -= 1
    last = tokens[at].text
    if last not in _SENTENCE_END and last[-1] not in ".!?":
        return False
    if here.text in _SENTENCE_END or here.text[0] in ".!?" or (here.text in _CLOSERS and not here.spaced):
        return False
    return not (_is_open(last, here) or _is_abbreviation(tokens, at, here) or _is_number(tokens, at, here))


def _is_open(last: str, here: Token) -> bool:
    """An ellipsis within a sentence ("I waited... and waited")."""
    return (last == "…" or last.startswith("..")) and here.text[0].islower()


def _is_abbreviation(tokens: Sequence[Token], at: int, here: Token) -> bool:
    word = _word_before_stop(tokens, at)
    if word is None:
        return False
    lowered = word.lower()
    if lowered in _LEADING:
        return True
    if lowered == "no":
        return here.text[0].isdigit()
    if lowered in _TRAILING:
        return not (here.text[0].isupper() and (lowered in {"etc", "a.m", "p.m"} or here.text.lower() in _STARTERS))
    return _INITIALS.fullmatch(word) is not None and word != "I" and here.text.lower() not in _STARTERS


def _word_before_stop(tokens: Sequence[Token], at: int) -> str | None:
    """The word before a single full stop, whether or not the tokeniser kept them together."""
    text = tokens[at].text
    if text != ".":
        return text[:-1] if text[-1] == "." and text[-2:-1] != "." else None
    return tokens[at - 1].text if at and not tokens[at].spaced else None


def _is_number(tokens: Sequence[Token], at: int, here: Token) -> bool:
    """The number of a list item ("1. late") or a decimal cut in two."""
    word = _word_before_stop(tokens, at)
    if word is None or not word.isdigit():
        return False
    first = at if tokens[at].text != "." else at - 1
    return (len(word) <= 2 and tokens[first].opens_line) or (here.text[0].isdigit() and not here.spaced)


def _starts_clause(tokens: Sequence[Token], index: int) -> bool:
    here, before = tokens[index], tokens[index - 1]
    word = here.text.lower()
    if word == "&":
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        return here.spaced and not (before.text[0].isupper() and following[:1].isupper())  # not within a company name
    if word in _CONTRAST or word in _COORDINATION:
        return before.text not in {"/", "-"} or before.spaced
    return here.spaced and (here.text in _OPENERS or _is_item(tokens, index))


def _is_item(tokens: Sequence[Token], index: int) -> bool:
    """The "2)" of a list within a line."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    return tokens[index].text.isdigit() and following is not None and following.text == ")" and not following.spaced


def _ends_clause(tokens: Sequence[Token], index: int) -> bool:
    mark, here = tokens[index - 1], tokens[index]
    if mark.text in _CLAUSE_MARK:
        return _stands_alone(mark, here) and not (mark.text == ")" and index > 1 and tokens[index - 2].text.isdigit())
    if mark.text == "…" or mark.text.startswith(".."):
        return True
    if _EMOJI.match(mark.text):
        return here.text[0].isalpha() and not (index > 1 and tokens[index - 2].text.lower() in {"i", "we", "you", "the", "a", "my"})
    return False


def _stands_alone(mark: Token, here: Token) -> bool:
    """True for a comma, a spaced dash or a closed bracket; false for a hyphen or slash inside a word and the colon of 10:30."""
    if mark.text in {",", ":", ")"}:
        return here.spaced or (here.text[0].isalpha() and mark.text == ",")
    return mark.text in {";", "、", "，", "；"} or mark.spaced


def _merge_short(breaks: list[_Break], count: int) -> list[int]:
    """Drop breaks that would leave too few tokens on either side."""
    starts = [0]
    following = [later.at for later in breaks[1:]] + [count]
    for (index, least), next_index in zip(breaks, following, strict=False):
        if min(index - starts[-1], next_index - index) >= least:
            starts.append(index)
    return starts


def _cap(first: int, last: int) -> list[tuple[int, int]]:
    """Cut a run-on segment into equal parts of at most `MAX_TOKENS` tokens."""
    parts = -(-(last - first) // MAX_TOKENS)
    size = -(-(last - first) // parts)
    return [(at, min(at + size, last)) for at in range(first, last, size)]
