"""The events of a delivery: a record written, emptied, erased or to be fetched, or nothing to analyse.

Ids form a tree: `response/question` belongs to `response`. `Erase("response")` means that record and all below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vocservice.errors import UnusableBodyError
from vocservice.records import RawVerbatim

MOST_EVENTS = 1000  # per delivery, which is stored in one transaction

NO_TEXT = "no_text"


@dataclass(frozen=True, slots=True)
class Upsert:
    """The newest version of a record.

    Attributes:
        record_id: the sender's id of the record, the same for every version; at most 200 characters.
        version: the sender's time of change (ISO-8601 UTC with microseconds) or number, padded with zeros to 20 digits, which sorts in time
            order; None where the sender gives none.
        verbatim: its `id` is `record_id`; its `created_at` is ISO-8601 UTC, or None.
        warnings: codes of what was corrected: `nul_replaced`, `timestamp_unusable`, `version_unusable`, `metadata_cut`, `speaker_unknown`,
            `conversation_incomplete`.
        redactions: number of parts the sender redacted. If it grows, earlier versions must be deleted,
            and of two records of the same version the one with more redactions wins.
    """

    record_id: str
    version: str | None
    verbatim: RawVerbatim
    warnings: tuple[str, ...] = ()
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class Emptied:
    """A record whose text is blank: the text stored for older versions is deleted; an unknown record is skipped."""

    record_id: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A completely fetched response: stored records with this id prefix that are not in `said` are emptied.

    Attributes:
        begins: prefix of the ids.
        version: as of `Upsert`.
        said: ids of the records that have a text.
    """

    begins: str
    version: str | None
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erase:
    """A record, and every record below it (`record_id/...`), to be erased."""

    record_id: str
    version: str | None
    reason: Literal["deleted", "redacted"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A record without its text: a connector fetches it by `reference` (ids only, no text)."""

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
    """The events of one delivery, in order.

    Attributes:
        delivery_id: the sender's id of this delivery, used to detect duplicates; if None, the body is used.
        events: at least one, at most `MOST_EVENTS`.

    Raises:
        UnusableBodyError: there are more.
    """

    delivery_id: str | None
    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        if len(self.events) > MOST_EVENTS:
            raise UnusableBodyError(f"a delivery may contain at most {MOST_EVENTS} records, not {len(self.events)}: send fewer at once")
