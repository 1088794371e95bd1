"""Raw verbatims in, bytes to seal out, and back."""

import hashlib
import json
from dataclasses import asdict, fields
from typing import Any

import orjson

from vocservice.records import RawTurn, RawVerbatim
from vocservice.store.types import plain_json

_NAMES = tuple(field.name for field in fields(RawVerbatim))
_SELDOM = ("author", "warnings")


def to_bytes(verbatim: RawVerbatim) -> bytes:
    """Encode as JSON without the row, which is never stored; lone surrogates become U+FFFD.

    Rare fields are left out when empty, so that the bytes of old records stay the same when fields are added.
    """
    held = {name: getattr(verbatim, name) for name in _NAMES}
    value = {name: one for name, one in held.items() if one or name not in _SELDOM}
    value |= {"turns": [asdict(turn) for turn in verbatim.turns], "row": None}
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(plain_json(value), ensure_ascii=False, sort_keys=True).encode()


def from_bytes(raw: bytes) -> RawVerbatim:
    """Decode the result of `to_bytes`."""
    return from_json(json.loads(raw))


def from_json(value: dict[str, Any]) -> RawVerbatim:
    """Decode a verbatim from its JSON object."""
    lists = {"turns": tuple(RawTurn(**turn) for turn in value.get("turns") or ()), "warnings": tuple(value.get("warnings") or ())}
    return RawVerbatim(**{**value, **lists})


def from_kept(clean: dict[str, Any], details: Any) -> RawVerbatim:
    """The verbatim stored after analysis: redacted text and metadata."""
    return from_json({**clean, "metadata": details})


def content_hash(raw: bytes) -> str:
    """SHA-256 of the bytes of `to_bytes`: equal if nothing changed."""
    return hashlib.sha256(raw).hexdigest()
