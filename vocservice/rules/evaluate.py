"""The tree of a rule and the facts of a record in, the tests that held with their evidence out; None where the rule does not hold.

What is not known makes every comparison false, `is not` and `not in` too; only `is unknown` asks for it. `not` turns a false into a true.
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
_SHOWN = 3  # places of one phrase
_BARE = frozenset({"outcome"})  # whose evidence is a whole turn, and shows nothing

Known = str | float | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Term:
    """A test that held, in the words of the rule, and the pieces of text behind the labels that it names."""

    text: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that holds."""

    terms: tuple[Term, ...]

    @property
    def because(self) -> str:
        """Everything that held, as a rule says it."""
        return " and ".join(dict.fromkeys(term.text for term in self.terms))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The pieces of all terms, each once."""
        return tuple(dict.fromkeys(piece for term in self.terms for piece in term.evidence))


def match(rule: Node, facts: Facts) -> Match | None:
    """Why a rule holds for a record; None where it does not."""
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
    """The evidence of a test that holds; None where it does not."""
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
    """The labels that a name stands for; None for a name that stands for none."""
    if ".".join(name.parts) in FIELDS or name.parts[0] == METADATA:
        return None
    given = labels_of(facts, name.parts[0])
    return given if len(name.parts) == 1 else tuple(label for label in given if label.key == name.parts[1])


def _chosen(test: Compare | OneOf | Includes, given: Iterable[Given]) -> list[Given]:
    """Those labels for which a test on labels holds; for `not in` all that were given, or none where one of them is named."""
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
    """A label's key, as a number where it is compared with one and is one."""
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
    """What a name stands for; None where that is not known."""
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
    """Whether they are the same: texts whatever their case, numbers also where a sender wrote them as texts."""
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
    """Whole words, whatever their case; a star at the end of one stands for any ending, a star alone for any word."""
    return re.compile(r"(?<!\w)" + r"\s+".join(map(_word, phrase.split())) + r"(?!\w)", re.IGNORECASE)


def _word(word: str) -> str:
    """A star alone is a word of any letters, never none: blanks on either side of nothing could be told apart in endless ways."""
    start = word.rstrip("*")
    return re.escape(start) + ("" if start == word else r"\w*" if start else r"\w+")
