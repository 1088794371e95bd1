"""Raw verbatims in, bytes to seal out, and back."""

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

import orjson

from vocservice.records import RawTurn, RawVerbatim
from vocservice.store.types import plain_json


def to_bytes(verbatim: RawVerbatim) -> bytes:
    """JSON, without the row, which never goes to a store; half a surrogate pair, which no encoding holds, becomes U+FFFD."""
    value = asdict(replace(verbatim, row=None))
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(plain_json(value), ensure_ascii=False, sort_keys=True).encode()


def from_bytes(raw: bytes) -> RawVerbatim:
    """The verbatim of `to_bytes`."""
    return from_json(json.loads(raw))


def from_json(value: dict[str, Any]) -> RawVerbatim:
    """The verbatim of its JSON object."""
    return RawVerbatim(**{**value, "turns": tuple(RawTurn(**turn) for turn in value.get("turns") or ())})


def from_kept(clean: dict[str, Any], details: Any) -> RawVerbatim:
    """The verbatim of what is kept of a record after its analysis: its redacted text, with its redacted metadata."""
    return from_json({**clean, "metadata": details})


def content_hash(raw: bytes) -> str:
    """SHA-256 of what `to_bytes` made of a verbatim: equal where nothing changed."""
    return hashlib.sha256(raw).hexdigest()
