"""A delivery's body in, JSON values or form fields out; and safe look-ups in them, which never raise.

The body is untrusted: any field may be missing or of another type, and then counts as not given.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from vocservice.errors import UnusableBodyError
from vocservice.ingest.delivery import Delivery
from vocservice.strictjson import JsonError, parse_json
from vocservice.tables.cells import as_number

_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"\d{19}")
_MAX_FIELDS = 1000
MAX_KEY = 200
_SHOWN = 64
_LONGEST_NAME = 100


def read_json(delivery: Delivery) -> Any:
    """Parse the body as JSON; a UTF-8 byte order mark is skipped.

    Raises:
        UnusableBodyError: the body is empty or not strict JSON in UTF-8.
    """
    raw = delivery.body.removeprefix(_BOM)
    if not raw.strip():
        raise UnusableBodyError("the body is empty")
    try:
        return parse_json(raw, is_exact=lambda _: not _LONG_NUMBER.search(raw))
    except JsonError as fault:
        raise UnusableBodyError(str(fault)) from None


def read_object(delivery: Delivery) -> Mapping[str, Any]:
    """Parse the body as a JSON object.

    Raises:
        UnusableBodyError: as `read_json`, or the value is not an object.
    """
    value = read_json(delivery)
    if not isinstance(value, dict):
        raise UnusableBodyError("the body must be a JSON object")
    return value


def read_form(delivery: Delivery) -> Mapping[str, str]:
    """Parse a form-encoded body; of repeated fields the last one counts.

    Raises:
        UnusableBodyError: empty, not UTF-8, or more than 1000 fields.
    """
    return dict(form_pairs(delivery.body))


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """As `read_form`, but with all fields in order, untrimmed."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise UnusableBodyError("the body is not a form in UTF-8 of at most 1000 fields") from None
    if not pairs:
        raise UnusableBodyError("the body holds no form fields")
    return pairs


def at(value: Any, *path: str | int) -> Any:
    """The value at a path of keys and indexes, or None."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def text_at(value: Any, *path: str | int) -> str | None:
    """The text there; None if blank or not a text."""
    found = at(value, *path)
    return found if isinstance(found, str) and found.strip() else None


def blank_at(value: Any, *fields: str) -> str | None:
    """A blank text if at least one of these fields is present and all present ones are blank or null; else None."""
    found = [value[field] for field in fields if field in value] if isinstance(value, Mapping) else []
    return "" if found and all(text is None or (isinstance(text, str) and not text.strip()) for text in found) else None


def key_at(value: Any, *path: str | int) -> str | None:
    """The id there: a text or integer of at most 200 characters; a longer one is replaced by its SHA-256."""
    found = at(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return short_key(found) if isinstance(found, str) and found.strip() else None


def short_key(key: str) -> str:
    """The id, stripped and without NUL, or its SHA-256 if longer than 200 characters."""
    key = key.strip().replace("\0", "\ufffd")
    return key if len(key) <= MAX_KEY else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def needed_key(value: Any, *path: str | int) -> str:
    """As `key_at`.

    Raises:
        UnusableBodyError: there is none; the message names the field.
    """
    found = key_at(value, *path)
    if found is None:
        raise UnusableBodyError(f"the field {'.'.join(map(str, path))} must be an id")
    return found


def name_at(value: Any, *fields: str) -> str | None:
    """The name of a person, whose parts the fields hold, to be masked in what is said; None where there is none, or one of over 100
    characters."""
    found = " ".join(part.strip() for field in fields if (part := text_at(value, field)))
    return found if 0 < len(found) <= _LONGEST_NAME else None


def number_at(value: Any, *path: str | int) -> int | float | None:
    """The finite number there, given as number or text."""
    return as_number(at(value, *path))


def objects_at(value: Any, *path: str | int) -> list[Mapping[str, Any]]:
    """The objects of the list there; empty if missing."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def language_at(value: Any, *path: str | int) -> str | None:
    """The language there as its primary subtag in lower case (`en-GB` is `en`)."""
    found = text_at(value, *path)
    primary = re.split(r"[-_]", found.strip(), maxsplit=1)[0].lower() if found else ""
    return primary if re.fullmatch(r"[a-z]{2,3}", primary) else None


def digest(*parts: str) -> str:
    """Twelve hex digits derived from the parts, for questions without an id."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def word_at(value: Any, *path: str | int) -> str | None:
    """The text there, for metadata: at most 64 characters, else None."""
    found = at(value, *path)
    found = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    return found.strip() if isinstance(found, str) and 0 < len(found.strip()) <= _SHOWN else None
