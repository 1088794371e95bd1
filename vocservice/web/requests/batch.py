"""A JSON value in, its records out: one object, a list, or `{"records": [...]}`; checked like the rows of a file."""

from dataclasses import dataclass
from typing import Any

from vocservice.records import RawVerbatim, Rejected
from vocservice.settings import HttpLimits
from vocservice.tables import parse_record
from vocservice.turns import too_many
from vocservice.web.problems import RequestError


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one request, in order; `is_single` if one object was sent alone."""

    records: tuple[RawVerbatim | Rejected, ...]
    is_single: bool


def batch_of(value: Any, *, limits: HttpLimits) -> Batch:
    """Parse a request's records; an unreadable one is rejected in its place.

    Raises:
        RequestError: it is not a list, is empty, or holds more than `limits.max_items`.
    """
    listed = listed_of(value, limits=limits)
    items = [value] if listed is None else listed
    records = (record_of(item, number=number, limits=limits) for number, item in enumerate(items, 1))
    return Batch(tuple(records), is_single=listed is None)


def record_of(item: Any, *, number: int, limits: HttpLimits, default_id: str | None = None) -> RawVerbatim | Rejected:
    """One record, or its rejection; the default id is `default_id`, or `item-<number>`."""
    record = parse_record(item, default_id=default_id or f"item-{number}")
    if isinstance(record, Rejected):
        return record
    size = len(record.text or "") + sum(len(turn.text) for turn in record.turns)
    if size > limits.max_text:
        return Rejected(record.id, "text_too_long", f"the text has {size} characters; at most {limits.max_text} are read: split it")
    told = too_many(record.turns)
    return Rejected(record.id, "text_too_long", told) if told else record


def listed_of(value: Any, *, limits: HttpLimits) -> list[Any] | None:
    """The list of a batch; None for any other value, which is one record.

    Raises:
        RequestError: as in `batch_of`.
    """
    listed = value.get("records", value) if isinstance(value, dict) else value
    if listed is value and not isinstance(value, list):
        return None
    if not isinstance(listed, list):
        raise RequestError("records must be a list", code="invalid_type")
    if not listed:
        raise RequestError("there are no records", code="no_records")
    if len(listed) > limits.max_items:
        message = f"there are {len(listed)} records; at most {limits.max_items} are read: split them"
        raise RequestError(message, code="too_many_records", status=413)
    return listed
