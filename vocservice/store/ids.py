"""A prefix in, a new id out: time-ordered, 80 random bits (the layout of a ULID), Crockford's base 32."""

import secrets
import time
from threading import Lock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_STEP_BITS = 32
_lock = Lock()
_last = 0


def new_id(prefix: str) -> str:
    """For example `rec_01jd3x8m7k5w2v9q4t6r0b1c2d`; ids sort by creation within a process, to the millisecond across processes."""
    number = _next()
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def _next() -> int:
    """A number for this millisecond; if one as large was issued already, the next one by a random step."""
    global _last
    fresh = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    with _lock:
        _last = max(fresh, _last + 1 + secrets.randbits(_STEP_BITS))
        return _last
