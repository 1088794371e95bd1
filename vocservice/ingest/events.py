"""What a delivery says, as events: a record written or emptied, a record erased, a record to fetch, or nothing of use.

Ids form a tree: `response/question` belongs to `response`. `Erase("response")` means that record and all below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vocservice.errors import UnusableBodyError
from vocservice.records import RawVerbatim

MOST_EVENTS = 1000  # of one delivery, which is stored in one transaction

NO_TEXT = "no_text"


@dataclass(frozen=True, slots=True)
class Upsert:
    """A record in its newest form.

    Attributes:
        record_id: the sender's id of the record, the same in every version; at most 200 characters.
        version: the sender's time of change (ISO-8601 UTC with microseconds) or number, padded with zeros to 20 digits, which sorts in time
            order; None where the sender gives none.
        verbatim: its `id` is `record_id`; its `created_at` is ISO-8601 UTC, or None.
        warnings: codes of what was put right: `nul_replaced`, `timestamp_unusable`, `version_unusable`, `metadata_cut`, `speaker_unknown`,
            `conversation_incomplete`.
        redactions: how many parts are redacted out of it: where they are more than before, what is kept of earlier versions must go,
            and of two of the same version the one with more counts, whichever comes first.
    """

    record_id: str
    version: str | None
    verbatim: RawVerbatim
    warnings: tuple[str, ...] = ()
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class Emptied:
    """A record whose text is blank: one that is known and older says nothing any longer, and what it said goes; another is skipped."""

    record_id: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A response that was fetched as a whole: of the records whose ids begin so, those that are not named say nothing any longer.

    Attributes:
        begins: how the ids begin.
        version: as of `Upsert`.
        said: the ids of those that do say something.
    """

    begins: str
    version: str | None
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erase:
    """A record, and every record below it (`record_id/...`), whose text must go."""

    record_id: str
    version: str | None
    reason: Literal["deleted", "redacted"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A record whose text the sender did not send: a connector fetches it by `reference` (ids only, no text)."""

    record_id: str
    version: str | None
    reference: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing to analyse; `reason` is a code such as `ping`, `internal_note`, `staff_author`, `no_text`, `unsubscribe`."""

    reason: str


Event = Upsert | Emptied | Whole | Erase | Fetch | Skipped


@dataclass(frozen=True, slots=True)
class Parsed:
    """The events of one delivery, in its order.

    Attributes:
        delivery_id: the sender's id of this delivery, the key for duplicates; None: the body stands for it.
        events: at least one, at most `MOST_EVENTS`.

    Raises:
        UnusableBodyError: there are more.
    """

    delivery_id: str | None
    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        if len(self.events) > MOST_EVENTS:
            raise UnusableBodyError(f"a delivery speaks of at most {MOST_EVENTS} records, not of {len(self.events)}: send fewer at once")
