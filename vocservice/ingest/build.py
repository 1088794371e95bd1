"""The parts of a record in, its `Upsert` out: without NUL, pasted dialogues split, times parsed, metadata flattened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any

from vocservice.ingest.events import NO_TEXT, Emptied, Event, Skipped, Upsert
from vocservice.ingest.payload import short_key
from vocservice.ingest.times import Order, iso, parse_time
from vocservice.records import RawTurn, RawVerbatim
from vocservice.tables.prefixes import dialogue, parted
from vocservice.turns import has_unknown

NUL, REPLACEMENT = "\0", "\ufffd"
_MAX_METADATA = 50
_MAX_VALUE = 1000
_LONGEST_EXACT = 2**63
_HIGHEST_SCORE = 1000


@dataclass(frozen=True, slots=True)
class Clock:
    """How to read the times of a delivery; see `parse_time`."""

    received_at: datetime
    zone: tzinfo | None = None
    order: Order | None = None

    def read(self, value: Any, *, day_is_enough: bool = False) -> str | None:
        """The time as ISO-8601 in UTC with microseconds, or None."""
        moment = parse_time(value, received_at=self.received_at, zone=self.zone, order=self.order, day_is_enough=day_is_enough)
        return iso(moment) if moment else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record as the sender gives it: `created` and `updated` are times in any form, `metadata` is any object.

    A blank `text` means that the customer's text was removed; a missing one says nothing about that.
    """

    record_id: str
    text: str | None = None
    turns: Sequence[RawTurn] = ()
    channel: str | None = None
    question: str | None = None
    created: Any = None
    updated: Any = None
    language: str | None = None
    subject: str | None = None
    score: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    author: str | None = None
    warnings: tuple[str, ...] = ()


def upsert(draft: Draft, clock: Clock) -> Event:
    """Return the event of a record: `Emptied` if its text is blank, `Skipped("no_text")` if there is none or only others speak."""
    turns = tuple(parted(draft.turns)) or dialogue(draft.text or "")
    draft = replace(draft, turns=turns, text=None if turns else draft.text)
    record_id, updated = short_key(draft.record_id), clock.read(draft.updated)
    if not _says_something(draft):
        return Skipped(NO_TEXT) if draft.text is None else Emptied(record_id, updated)
    created = clock.read(draft.created, day_is_enough=True)
    metadata = flat(draft.metadata)
    verbatim = RawVerbatim(
        id=record_id,
        text=_clean(draft.text) if draft.text is not None else None,
        turns=tuple(RawTurn(turn.speaker, _clean(turn.text), turn.at, turn.author) for turn in draft.turns),
        channel=_short(draft.channel),
        question=_cleaned(draft.question),
        created_at=created,
        language=_short(draft.language),
        subject=_cleaned(draft.subject),
        score=draft.score,
        metadata=metadata or None,
        author=_cleaned(draft.author),
    )
    found = {
        "nul_replaced": _has_nul(draft),
        "timestamp_unusable": (created is None and _is_given(draft.created)) or (updated is None and _is_given(draft.updated)),
        "metadata_cut": len(metadata) < len(draft.metadata),
        "speaker_unknown": has_unknown(draft.turns),
    }
    return Upsert(record_id, updated, verbatim, (*draft.warnings, *(code for code, is_so in found.items() if is_so)))


def upserts(drafts: Iterable[Draft], clock: Clock) -> tuple[Event, ...]:
    """Return the events of the records of one response; `Skipped("no_text")` if there are none."""
    return tuple(upsert(draft, clock) for draft in drafts) or (Skipped(NO_TEXT),)


def score(kind: str, value: int | float | None, scale: int | float | None) -> Mapping[str, Any] | None:
    """Return a score of the contract, None without a usable value; `scale` is the highest value."""
    if value is None or abs(value) > _HIGHEST_SCORE:
        return None
    return (
        ({"kind": kind} if kind else {})
        | {"value": value}
        | ({"scale": scale} if scale is not None and 0 < scale <= _HIGHEST_SCORE else {})
    )


def flat(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Keep plain values and lists of them under short names: at most 50, texts of at most 1000 characters."""
    kept = {_clean(str(name)): _plain(value) for name, value in metadata.items() if _is_plain(value) and len(str(name)) <= _MAX_VALUE}
    return dict(list(kept.items())[:_MAX_METADATA])


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= _MAX_METADATA and all(_is_plain(item) for item in value if not isinstance(item, list))
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _MAX_VALUE)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value if not isinstance(item, list)]
    if isinstance(value, str):
        return _clean(value)
    return str(value) if isinstance(value, int) and abs(value) >= _LONGEST_EXACT else value


def _says_something(draft: Draft) -> bool:
    return bool(draft.text and draft.text.strip()) or any(turn.speaker == "customer" and turn.text.strip() for turn in draft.turns)


def _is_given(value: Any) -> bool:
    return value is not None and value != ""


def _has_nul(draft: Draft) -> bool:
    texts = (draft.text, draft.question, draft.subject, draft.record_id, *(turn.text for turn in draft.turns))
    return any(NUL in text for text in texts if text)


def _clean(text: str) -> str:
    return text.replace(NUL, REPLACEMENT)


def _cleaned(text: str | None) -> str | None:
    return _clean(text.strip()) if text and text.strip() else None


def _short(word: str | None) -> str | None:
    cleaned = _cleaned(word)
    return cleaned if cleaned and len(cleaned) <= 64 else None
