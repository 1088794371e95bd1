"""The tree of a rule and the facts of a record in, the matching tests with evidence out; None without a match.

An unknown value makes every comparison false, including `is not` and `not in`; only `is unknown` tests for it. `not` inverts a false.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from vocservice.records import Evidence
from vocservice.rules.facts import READERS, Facts, Given, is_withheld, labels_of, metadata_at, words_of
from vocservice.rules.names import FIELDS, METADATA, POLARITIES, TEXT
from vocservice.rules.syntax import AllOf, AnyOf, Compare, Holds, Includes, Is, Mentions, Name, Node, Not, OneOf, Test, Value

_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SHOWN = 3  # positions of one phrase
_BARE = frozenset({"outcome"})  # whose evidence is a whole turn, which explains nothing

Known = str | float | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Term:
    """A matching test, in the wording of the rule, with the evidence of the labels it names."""

    text: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A match of a rule."""

    terms: tuple[Term, ...]

    @property
    def because(self) -> str:
        """The matching tests in rule syntax."""
        return " and ".join(dict.fromkeys(term.text for term in self.terms))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The distinct evidence of all terms."""
        return tuple(dict.fromkeys(piece for term in self.terms for piece in term.evidence))


def match(rule: Node, facts: Facts) -> Match | None:
    """The match of a rule for a record; None without one."""
    terms = _held(rule, facts)
    return None if terms is None else Match(terms)


def _held(node: Node, facts: Facts) -> tuple[Term, ...] | None:
    match node:
        case AllOf(parts):
            return _all(parts, facts)
        case AnyOf(parts):
            held = [terms for part in parts if (terms := _held(part, facts)) is not None]
            return tuple(term for terms in held for term in terms) if held else None
        case Not(part):
            return None if _held(part, facts) is not None else (Term(str(node)),)
    evidence = _tested(node, facts)
    return None if evidence is None else (Term(str(node), evidence),)


def _all(parts: Iterable[Node], facts: Facts) -> tuple[Term, ...] | None:
    terms: tuple[Term, ...] = ()
    for part in parts:
        if (held := _held(part, facts)) is None:
            return None
        terms += held
    return terms


def _tested(test: Test, facts: Facts) -> tuple[Evidence, ...] | None:
    """The evidence of a matching test; None otherwise."""
    match test:
        case Mentions(_, phrase):
            return tuple(islice(_mentions(phrase, facts), _SHOWN)) or None
        case Is(name, "withheld", is_not):
            return () if is_withheld(facts, *name.parts) != is_not else None
        case Is(name, _, is_not):
            return () if (_known(name, facts) is None) != is_not else None
        case Holds(name):
            return () if _is_true(_known(name, facts)) else None
    labels = _labels(test.name, facts)
    return _value_tested(test, facts) if labels is None else _evidence(test, _chosen(test, labels))


def _labels(name: Name, facts: Facts) -> tuple[Given, ...] | None:
    """The labels of a name; None for names of other values."""
    if ".".join(name.parts) in FIELDS or name.parts[0] == METADATA:
        return None
    given = labels_of(facts, name.parts[0])
    return given if len(name.parts) == 1 else tuple(label for label in given if label.key == name.parts[1])


def _chosen(test: Compare | OneOf | Includes, given: Iterable[Given]) -> list[Given]:
    """The labels that satisfy a test; for `not in` all given ones, or none if one of them is listed."""
    match test:
        case Includes(_, value):
            return [label for label in given if label.key == value.value]
        case OneOf(_, values, is_not):
            wanted = [value.value for value in values]
            named = [label for label in given if _level(label, values[0]) in wanted]
            return named if not is_not else [] if named else list(given)
        case Compare(name, sign, value) if len(name.parts) == 2 and sign in _ORDERS:
            return [label for label in given if label.probability is not None and _ORDERS[sign](label.probability, _float(value))]
        case Compare(name, sign, value) if len(name.parts) == 2:
            return [label for label in given if (label.polarity == POLARITIES[str(value.value)]) == (sign == "is")]
    return [label for label in given if _compared(_level(label, test.value), test.operator, test.value)]


def _level(label: Given, value: Value) -> str | float:
    """A label's key, as a number when compared with one."""
    number = _number(label.key) if value.form == "number" else None
    return label.key if number is None else number


def _evidence(test: Compare | OneOf | Includes, chosen: list[Given]) -> tuple[Evidence, ...] | None:
    if not chosen:
        return None
    return tuple(piece for label in chosen for piece in label.evidence) if test.name.parts[0] not in _BARE else ()


def _value_tested(test: Compare | OneOf | Includes, facts: Facts) -> tuple[Evidence, ...] | None:
    known = _known(test.name, facts)
    if known is None or isinstance(test, Includes):
        return None
    if isinstance(test, OneOf):
        return () if any(_compared(known, "is", value) for value in test.values) != test.is_not else None
    return () if _compared(known, test.operator, test.value) else None


def _known(name: Name, facts: Facts) -> Known:
    """The value of a name; None if unknown."""
    full = ".".join(name.parts)
    if full in READERS:
        found: Known = READERS[full](facts)
        return float(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if full == TEXT:
        return "\n".join(text for _, text in words_of(facts)) or None
    if name.parts[0] == METADATA:
        return metadata_at(facts, name.parts[1:])
    return tuple(label.key for label in _labels(name, facts) or ()) or None


def _compared(known: Known, sign: str, value: Value) -> bool:
    if sign in _ORDERS:
        number = _number(known)
        return number is not None and _ORDERS[sign](number, _float(value))
    return _is(known, value) == (sign == "is")


def _is(known: Known, value: Value) -> bool:
    """Whether values are equal: texts case-insensitively, numbers also if sent as texts."""
    match value.form:
        case "truth":
            return (known if isinstance(known, bool) else str(known).lower() == "true") == value.value
        case "word":
            names = known if isinstance(known, tuple) else (known,)
            return any(isinstance(name, str) and name.casefold() == str(value.value).casefold() for name in names)
    return _number(known) == value.value


def _number(known: Known) -> float | None:
    if isinstance(known, float):
        return known
    try:
        return float(known) if isinstance(known, str) else None
    except ValueError:
        return None


def _float(value: Value) -> float:
    return float(value.value)


def _is_true(known: Known) -> bool:
    return known is True or (isinstance(known, str) and known.lower() == "true")


def _mentions(phrase: str, facts: Facts) -> Iterator[Evidence]:
    pattern = _pattern(phrase)
    for turn, text in words_of(facts):
        for found in pattern.finditer(text):
            yield Evidence(found.start(), found.end(), turn, found[0])


@lru_cache(maxsize=1000)
def _pattern(phrase: str) -> re.Pattern[str]:
    """Pattern for whole words, case-insensitive; a trailing star matches any ending, a lone star any word."""
    return re.compile(r"(?<!\w)" + r"\s+".join(map(_word, phrase.split())) + r"(?!\w)", re.IGNORECASE)


def _word(word: str) -> str:
    """A lone star matches a non-empty word: empty matches between blanks would be ambiguous and exponential."""
    start = word.rstrip("*")
    return re.escape(start) + ("" if start == word else r"\w*" if start else r"\w+")
