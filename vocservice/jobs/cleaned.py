"""A raw verbatim and its analysis in, the stored form out: redacted text and metadata, without names or customer keys.

Placeholders pass the steps unchanged, so the redacted text gets the same analysis and can be labelled again later.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from vocservice.records import Analysis, RawTurn, RawVerbatim
from vocservice.store.analysed.analyses import Cleaned
from vocservice.text.clean import clean, clean_question
from vocservice.text.rules import RedactionRules

CUSTOMER = "[CUSTOMER]"


def cleaned(raw: RawVerbatim, analysis: Analysis, rules: RedactionRules, *, keeps_vector: bool = True) -> Cleaned:
    """Build the stored form. Authors and the customer's key are dropped; metadata keys stay."""
    names = tuple({name for name in (raw.author, *(turn.author for turn in raw.turns)) if name})
    kept = replace(
        raw,
        text=None if raw.turns else analysis.text,
        turns=tuple(_turns(raw.turns, analysis, rules, names)),
        question=clean_question(raw.question, rules),
        subject=None,
        metadata=None,
        row=None,
        author=None,
    )
    details = None if raw.metadata is None else _scrubbed(raw.metadata, rules, names, raw.subject)
    return Cleaned(asdict(kept), details, analysis.vector if keeps_vector else b"")


def _turns(turns: Sequence[RawTurn], analysis: Analysis, rules: RedactionRules, names: Iterable[str]) -> Iterator[RawTurn]:
    """The turns as analysed, if the analysis has them; else cleaned here."""
    if analysis.conversation is not None:
        texts = [turn.text for turn in analysis.conversation.turns]
    else:
        texts = [clean(turn.text, rules=rules, known_names=names).text for turn in turns]
    for turn, text in zip(turns, texts, strict=True):
        yield RawTurn(turn.speaker, text, turn.at)


def _scrubbed(value: Any, rules: RedactionRules, names: Sequence[str], subject: str | None) -> Any:
    """The same structure with every string redacted, and the customer's key masked."""
    if isinstance(value, Mapping):
        return {key: _scrubbed(held, rules, names, subject) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(held, rules, names, subject) for held in value]
    if subject and isinstance(value, str | int) and str(value).strip().casefold() == subject.strip().casefold():
        return CUSTOMER
    return clean(value, rules=rules, known_names=names).text if isinstance(value, str) else value
