"""Raw text in, the text for all later steps out: normalised, redacted, with offsets into the raw text.

The single composition of both steps, shared by serving and training, so that both read the same text.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from vocservice.records import Redaction
from vocservice.text.normalise import normalise
from vocservice.text.redact import RedactionRules, redact

_LONGEST_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Clean:
    """Text ready for analysis; `offsets[i]` is the raw offset of its character `i`, the last offset that of its end."""

    text: str
    offsets: Sequence[int]
    redactions: tuple[Redaction, ...] = ()
    warnings: tuple[str, ...] = ()


def clean(raw: str, *, rules: RedactionRules, known_names: Iterable[str] = ()) -> Clean:
    """Normalise, then redact.

    Args:
        raw: one verbatim or one turn as received.
        rules: the kinds of personal data to mask.
        known_names: names of the people involved, as the sender gave them.
    """
    plain = normalise(raw)
    masked = redact(plain.text, rules=rules, known_names=known_names)
    offsets = array("I", map(plain.offsets.__getitem__, masked.offsets)) if masked.spans else plain.offsets
    return Clean(masked.text, offsets, masked.spans, plain.warnings)


def clean_question(raw: str | None, rules: RedactionRules) -> str | None:
    """A cleaned survey question, as used by the model and stored; None if nothing is left. Cached, as many records share one."""
    asked = _asked if len(raw or "") <= _LONGEST_KEPT else _asked.__wrapped__
    return asked(raw, rules) if raw else None


@lru_cache(maxsize=256)
def _asked(raw: str, rules: RedactionRules) -> str | None:
    return clean(raw, rules=rules).text.strip() or None
