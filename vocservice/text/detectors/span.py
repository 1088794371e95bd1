"""Shared by all detectors: the span, and a cheap check for enough digits to be worth a search."""

import re

Span = tuple[int, int]

_DIGIT = re.compile(r"\d")


def has_digits(text: str, count: int = 1) -> bool:
    """Whether a text has at least a number of digits."""
    return len(_DIGIT.findall(text)) >= count
