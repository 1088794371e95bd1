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
    """JSON, without the row, which never goes to a store; half a surrogate pair, which no encoding holds, becomes U+FFFD.

    What most records do not have is left out, so that the bytes of one stay what they were before there was such a thing.
    """
    value = {name: held for name, held in asdict(replace(verbatim, row=None)).items() if held or name not in _SELDOM}
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(plain_json(value), ensure_ascii=False, sort_keys=True).encode()


def from_bytes(raw: bytes) -> RawVerbatim:
    """The verbatim of `to_bytes`."""
    return from_json(json.loads(raw))


def from_json(value: dict[str, Any]) -> RawVerbatim:
    """The verbatim of its JSON object."""
    lists = {"turns": tuple(RawTurn(**turn) for turn in value.get("turns") or ()), "warnings": tuple(value.get("warnings") or ())}
    return RawVerbatim(**{**value, **lists})


def from_kept(clean: dict[str, Any], details: Any) -> RawVerbatim:
    """The verbatim of what is kept of a record after its analysis: its redacted text, with its redacted metadata."""
    return from_json({**clean, "metadata": details})


def content_hash(raw: bytes) -> str:
    """SHA-256 of what `to_bytes` made of a verbatim: equal where nothing changed."""
    return hashlib.sha256(raw).hexdigest()
