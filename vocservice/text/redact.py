"""Readable text in, text with masked personal data out: placeholders, their kinds and spans, and offsets.

One detector per kind, in an explicit order: of overlapping spans the earlier detector's wins, then the longer one.
Values are never stored, logged or returned.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from vocservice.records import Redaction
from vocservice.text.detectors.links import find_emails, find_handles, find_urls
from vocservice.text.detectors.names import find_names
from vocservice.text.detectors.payment import find_cards, find_ibans
from vocservice.text.detectors.phones import find_phones
from vocservice.text.detectors.references import find_accounts, find_orders
from vocservice.text.detectors.span import Span, has_digits
from vocservice.text.rules import KINDS, RedactionRules, shipped_rules

__all__ = ["RedactionRules", "Redacted", "redact"]

Detector = Callable[[str], Iterator[Span]]
_Found = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Redacted:
    """Masked text; `spans` are its placeholders, `offsets[i]` is the input offset of its character `i` (plus the end)."""

    text: str
    spans: tuple[Redaction, ...]
    offsets: Sequence[int]


_OF_DIGITS = frozenset({"iban", "card", "order", "account", "phone"})
_MASKED = re.compile(rf"\[({'|'.join(KINDS)})\]|<({'|'.join(KINDS)})>", re.IGNORECASE)


def redact(text: str, *, rules: RedactionRules | None = None, known_names: Iterable[str] = ()) -> Redacted:
    """Mask personal data in `text`.

    Args:
        text: normalised text of one verbatim or one turn.
        rules: the kinds to mask; by default the shipped rules.
        known_names: names of the people involved, as the sender gave them.

    Returns:
        The masked text with kinds and spans of its placeholders, including existing ones.
    """
    rules = rules or shipped_rules()
    found = _find(text, rules, tuple(known_names))
    return _mask(text, _without_overlaps(found)) if any(found) else Redacted(text, (), range(len(text) + 1))


def detectors(rules: RedactionRules, known_names: Iterable[str]) -> dict[str, Detector]:
    """The detector of each kind, in order of priority."""
    return {
        "url": find_urls,
        "email": find_emails,
        "iban": find_ibans,
        "card": find_cards,
        "order": find_orders,
        "account": find_accounts,
        "phone": partial(find_phones, regions=rules.phone_regions),
        "handle": partial(find_handles, never=rules.names.never),
        "name": partial(find_names, words=rules.names, known_names=known_names),
    }


def _find(text: str, rules: RedactionRules, known_names: tuple[str, ...]) -> list[list[_Found]]:
    """The spans of each detector, in registry order; existing masks come first."""
    masked = _MASKED.finditer(text) if "[" in text or "<" in text else ()
    found = [[(*match.span(), (match[1] or match[2]).lower()) for match in masked]]
    left_out = frozenset[str]() if has_digits(text) else _OF_DIGITS
    for kind, detector in detectors(rules, known_names).items():
        if kind in rules.kinds and kind not in left_out:
            found.append([(start, end, kind) for start, end in detector(text)])
    return found


def _without_overlaps(ranked: Iterable[list[_Found]]) -> list[_Found]:
    """Earlier detectors first, then longer spans; a bytearray of occupied characters keeps this linear."""
    kept: list[_Found] = []
    for found in ranked:
        kept += _free_of(kept, sorted(found, key=lambda span: (span[0] - span[1], span[0])))
    return sorted(kept)


def _free_of(kept: list[_Found], found: list[_Found]) -> list[_Found]:
    if not found:
        return []
    taken = bytearray(max(end for _, end, _ in kept + found))
    for start, end, _ in kept:
        taken[start:end] = b"\1" * (end - start)
    free = []
    for start, end, kind in found:
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            free.append((start, end, kind))
    return free


def _mask(text: str, found: list[_Found]) -> Redacted:
    pieces: list[str] = []
    spans: list[Redaction] = []
    offsets = array("I")
    at = length = 0
    for start, end, kind in found:
        placeholder = f"[{kind.upper()}]"
        length += start - at
        pieces += (text[at:start], placeholder)
        offsets.extend(range(at, start))
        offsets.extend([start] * len(placeholder))
        spans.append(Redaction(kind, length, length + len(placeholder)))
        length += len(placeholder)
        at = end
    pieces.append(text[at:])
    offsets.extend(range(at, len(text) + 1))
    return Redacted("".join(pieces), tuple(spans), offsets)
