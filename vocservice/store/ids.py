"""A prefix in, a new id out: time-ordered, 80 random bits (the layout of a ULID), Crockford's base 32."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """For example `rec_01jd3x8m7k5w2v9q4t6r0b1c2d`; ids made later sort later, to the millisecond."""
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))
