"""Shared by all detectors: the span, and a cheap check for enough digits to be worth a search."""

import re

Span = tuple[int, int]

_DIGIT = re.compile(r"\d")


def has_digits(text: str, count: int = 1) -> bool:
    """Whether a text has at least a number of digits."""
    return _DIGIT.search(text) is not None if count == 1 else len(_DIGIT.findall(text)) >= count
