"""Raw verbatims in, bytes to seal out, and back."""

import hashlib
from dataclasses import asdict, replace
from typing import Any

import orjson

from vocservice.records import RawTurn, RawVerbatim


def to_bytes(verbatim: RawVerbatim) -> bytes:
    """JSON, without the row, which never goes to a store."""
    return orjson.dumps(asdict(replace(verbatim, row=None)), option=orjson.OPT_SORT_KEYS)


def from_bytes(raw: bytes) -> RawVerbatim:
    """The verbatim of `to_bytes`."""
    return from_json(orjson.loads(raw))


def from_json(value: dict[str, Any]) -> RawVerbatim:
    """The verbatim of its JSON object."""
    return RawVerbatim(**{**value, "turns": tuple(RawTurn(**turn) for turn in value.get("turns") or ())})


def content_hash(verbatim: RawVerbatim) -> str:
    """SHA-256 of everything that was received of it: equal where nothing changed."""
    return hashlib.sha256(to_bytes(verbatim)).hexdigest()
