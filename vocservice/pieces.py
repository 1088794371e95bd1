"""Records in, request-sized pieces out: limited in number and bytes.

Records that JSON cannot express are rejected in place and sent as null, so that the service's numbering stays the same.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vocservice.errors import RecordError
from vocservice.records import Json, Rejected

MOST_ITEMS = 1000
MOST_BYTES = 4 * 1024**2
Record = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A record as sent, or its rejection; one without an id is named by number, as the service does."""

    id: str
    json: bytes = b"null"
    fault: Rejected | None = None


def pieces(records: Iterable[Record], size: int) -> Iterator[list[Item]]:
    """`size` records (`MOST_ITEMS` at most) and `MOST_BYTES` of JSON at a time; a record of more bytes goes by itself."""
    held: list[Item] = []
    weight = 0
    for record in map(plain, records):
        item = _item(record, len(held) + 1)
        if held and weight + len(item.json) > MOST_BYTES:
            yield held
            held, weight = [], 0
        held.append(item)
        weight += len(item.json)
        if len(held) >= min(size, MOST_ITEMS):
            yield held
            held, weight = [], 0
    if held:
        yield held


def body_of(items: Sequence[Item]) -> bytes:
    """The body of one request."""
    return b'{"records":[' + b",".join(item.json for item in items) + b"]}"


def plain(record: Record) -> Json:
    """A record as a mapping; a text becomes a record with a text only."""
    return {"text": record} if isinstance(record, str) else dict(record)


def packed(value: Any) -> bytes:
    """A value as JSON, its times in ISO 8601.

    Raises:
        RecordError: it has a lone surrogate (`invalid_encoding`), or NaN or infinity (`invalid_json`).
        TypeError: it has a value that JSON cannot express.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_time).encode()
    except UnicodeEncodeError:
        raise RecordError("what is to be sent holds half of a surrogate pair; send whole characters", code="invalid_encoding") from None
    except ValueError:
        raise RecordError("what is to be sent holds NaN or infinity, which JSON cannot say; leave it out", code="invalid_json") from None


def _item(record: Json, number: int) -> Item:
    name = str(record.get("id") or f"item-{number}").encode(errors="replace").decode()
    try:
        return Item(name, packed(record))
    except RecordError as error:
        return Item(name, fault=Rejected(name, error.code, error.message))


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
