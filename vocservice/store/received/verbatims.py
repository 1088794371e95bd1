"""Raw verbatims in, bytes to seal out, and back."""

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

import orjson

from vocservice.records import RawTurn, RawVerbatim
from vocservice.store.types import plain_json

_SELDOM = ("author", "warnings")


def to_bytes(verbatim: RawVerbatim) -> bytes:
    """Encode as JSON without the row, which is never stored; lone surrogates become U+FFFD.

    Rare fields are left out when empty, so that the bytes of old records stay the same when fields are added.
    """
    value = {name: held for name, held in asdict(replace(verbatim, row=None)).items() if held or name not in _SELDOM}
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
