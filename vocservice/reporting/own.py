"""What a sender put beside the words in, the fields of it that may become segments out: plan, region, shop; none that tells people apart.

What a field holds decides further on (`segments`); here stands what one record shows: a name or a value that speaks of one person.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

MOST_FIELDS = 24
OTHER = "other"
_LONGEST_NAME, _LONGEST_VALUE, _MOST_DIGITS = 64, 60, 6
_PERSONS = frozenset(("account", "agent", "author", "client", "contact", "customer", "display", "first", "full", "last", "maiden", "user"))
_TELLING = frozenset(
    (
        *("address", "birth", "birthday", "birthdate", "dob", "email", "mail", "firstname", "fullname", "lastname", "nickname", "surname"),
        *("username", "guid", "hash", "iban", "id", "ids", "ip", "key", "link", "password", "secret", "ssn", "street", "token", "uri"),
        *("url", "uuid"),
    )
)
_WORDS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_ ]*\d*\]")


def own_fields(details: Mapping[str, Any] | None) -> Mapping[str, str]:
    """The fields of a record's metadata that may be segments, with their values as text; the first 24."""
    return dict(islice(_usable(details or {}), MOST_FIELDS))


def value_text(value: object) -> str:
    """A value as it is shown and asked for; blank where it is none."""
    return "" if value is None else str(value).strip()


def _usable(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in details.items():
        text = value_text(value) if isinstance(value, str | int | float) else ""
        if text and not _tells_people_apart(name) and not _is_personal(text):
            yield name, text


@lru_cache(maxsize=4096)
def _tells_people_apart(name: str) -> bool:
    """Whether a field is by its name a person, or something of which everybody has one of their own."""
    words = {word.casefold() for word in _WORDS.split(name) if word}
    is_name = "name" in words and (words == {"name"} or bool(words & _PERSONS))
    return not name.strip() or len(name) > _LONGEST_NAME or is_name or bool(words & _TELLING) or (len(words) == 1 and words <= _PERSONS)


def _is_personal(text: str) -> bool:
    """Whether a value looks like one person's: an address, a number of many digits, something that was masked, or whole sentences."""
    is_plain = len(text) <= _LONGEST_VALUE and text.isprintable() and sum(map(str.isdigit, text)) <= _MOST_DIGITS
    return not is_plain or "@" in text or _PLACEHOLDER.search(text) is not None
