"""A record's metadata in, the custom fields that may become segments out: plan, region, shop; none that identifies people.

The values over all records are checked later (`segments`); here a single record is checked: names or values that identify a person.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

MOST_FIELDS = 24
OTHER = "other"
_LONGEST, _MOST_DIGITS = 60, 6
_STAFF = frozenset(
    (
        *("adviser", "advisor", "agent", "assignee", "consultant", "employee", "manager", "rep", "representative", "supervisor"),
        "technician",
    )
)
_PERSONS = _STAFF | frozenset(
    (
        *("account", "author", "client", "contact", "customer", "display", "driver", "family", "first", "full", "given", "guest", "last"),
        *("maiden", "member", "middle", "operator", "owner", "passenger", "patient", "person", "staff", "user"),
    )
)
_OF_STAFF = frozenset(("code", "initials", "no", "number"))
_WHO = frozenset(
    (
        *(("assigned", "to"), ("spoke", "to"), ("spoke", "with"), ("talked", "to"), ("case", "owner"), ("ticket", "owner")),
        *(("crew", "member"), ("staff", "member"), ("team", "member"), ("delivery", "driver")),
    )
)
_HOW = frozenset(("carried", "delivered", "paid", "sent", "shipped"))  # before `by`: by a thing, not a person
_TELLING = frozenset(
    (
        *("address", "birth", "birthday", "birthdate", "dob", "email", "mail", "firstname", "fullname", "lastname", "nickname", "surname"),
        *("username", "guid", "hash", "iban", "id", "ids", "ip", "key", "link", "password", "secret", "ssn", "street", "token", "uri"),
        *("url", "uuid"),
    )
)
_WORDS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_ ]*\d*\]")


@dataclass(frozen=True, slots=True)
class Fields:
    """The custom fields of a workspace that count.

    Attributes:
        hidden: hidden by an admin.
        held: the fields kept if there are more than 24; None means all.
    """

    hidden: frozenset[str] = frozenset()
    held: frozenset[str] | None = None

    def __contains__(self, name: str) -> bool:
        return name not in self.hidden and (self.held is None or name in self.held)

    def state_of(self, name: str) -> Literal["hidden", "held", "not held"]:
        """The state of a field, in words."""
        return "hidden" if name in self.hidden else "held" if name in self else "not held"


EVERY = Fields()


def most_told(counts: Mapping[str, int], most: int) -> list[str]:
    """The most frequent names; ties in alphabetical order."""
    return sorted(counts, key=lambda name: (-counts[name], name))[:most]


def own_fields(details: Mapping[str, Any] | None) -> Mapping[str, str]:
    """The fields of a record's metadata that may be segments, with their values as text; the first 24."""
    return dict(islice(_usable(details or {}), MOST_FIELDS))


def value_text(value: object) -> str:
    """A value as displayed and filtered; blank if unusable."""
    return "" if value is None else str(value).strip()


def _usable(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in details.items():
        text = value_text(value) if isinstance(value, str | int | float) else ""
        if text and not _tells_people_apart(name) and not _is_personal(text):
            yield name, text


@lru_cache(maxsize=4096)
def _tells_people_apart(name: str) -> bool:
    """Whether the name of a field indicates a person, or something unique to each person."""
    words = [word.casefold() for word in _WORDS.split(name) if word and not word.isdigit()]
    return not name.strip() or _is_personal(name) or not _TELLING.isdisjoint(words) or _is_a_person(words)


def _is_a_person(words: Sequence[str]) -> bool:
    """Whether these words name a person or role; words beside something else (`member_tier`, `driver_version`) do not."""
    if len(words) < 2:
        return bool(words) and (words[0] == "name" or words[0] in _PERSONS)
    by, last = words[-2:]
    is_name = "name" in words and ("by" in words or not _PERSONS.isdisjoint(words))
    is_number = not _OF_STAFF.isdisjoint(words) and not _STAFF.isdisjoint(words)
    is_role = last in _STAFF and words[0] not in ("has", "is")
    return is_name or is_number or is_role or (by, last) in _WHO or (last == "by" and by not in _HOW)


def _is_personal(text: str) -> bool:
    """Whether a value or field name looks personal: an address, many digits, a mask, whole sentences."""
    is_plain = len(text) <= _LONGEST and text.isprintable() and sum(map(str.isdigit, text)) <= _MOST_DIGITS
    return not is_plain or "@" in text or _PLACEHOLDER.search(text) is not None
