"""What every detector shares: the span, and the cheap look whether a text has digits enough to be worth a search."""

import re

Span = tuple[int, int]

_DIGIT = re.compile(r"\d")


def has_digits(text: str, count: int = 1) -> bool:
    """Whether a text has at least so many digits."""
    return len(_DIGIT.findall(text)) >= count
