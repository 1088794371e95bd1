"""The tree of a rule and a taxonomy in, the same tree with full names out.

Unknown names, keys or values are errors, reported with similar ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from vocservice.errors import RuleError
from vocservice.rules.facts import LISTS, WEEKDAYS
from vocservice.rules.parse import parse
from vocservice.rules.syntax import AllOf, AnyOf, Compare, Holds, Includes, Is, Mentions, Name, Node, Not, OneOf, Test, Value
from vocservice.taxonomy import LabelSet, Taxonomy

Kind = Literal["word", "number", "span", "clock", "truth", "any", "text", "labels", "label"]
METADATA, TEXT, SENTIMENT = "metadata", "text", "sentiment"
POLARITIES: Mapping[str, str] = {"positive": "+", "negative": "-", "mixed": "~"}
SETS: Mapping[str, str] = {held: name for name, held in LISTS.items()}  # names in the language
_FIRST = ("flags", "reasons")  # sets searched first for a bare key
_NEAR = 3
_FEW = 8


@dataclass(frozen=True, slots=True)
class Field:
    """The meaning of a name that is not a label; `words` are its possible values, `low` and `high` bound its numbers."""

    kind: Kind
    meaning: str
    words: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


FIELDS: Mapping[str, Field] = {
    "sentiment.score": Field("number", "sentiment between its levels, -1 to 1", low=-1, high=1),
    "sentiment.start": Field("number", "level of the customer's first words, -2 to 2; transcripts", low=-2, high=2),
    "sentiment.end": Field("number", "level of the customer's last words, -2 to 2; transcripts", low=-2, high=2),
    "sentiment.low": Field("number", "lowest level of the customer's turns, -2 to 2; transcripts", low=-2, high=2),
    "sentiment.recovery": Field("number", "how far the score rose from the lowest turn to the last, 0 to 2; transcripts", low=0, high=2),
    "needs_review": Field("truth", "whether the model calls for review; transcripts"),
    "needs_review.probability": Field("number", "the probability of that, 0 to 1; transcripts", low=0, high=1),
    "kind": Field("word", "text or transcript", words=("text", "transcript")),
    "language": Field("word", "language code, such as en"),
    "channel": Field("word", "channel as given by the sender, such as chat"),
    "source": Field("word", "name or id of the source, or api; unknown in files"),
    "score": Field("number", "the customer's own score"),
    "score.kind": Field("word", "nps, csat, ces or stars", words=("nps", "csat", "ces", "stars")),
    "score.scale": Field("number", "the highest possible score"),
    "created.age": Field("span", "time between when it was said and its analysis", low=0),
    "created.time": Field("clock", "time of day at which it was said, UTC; for rules of a workspace, a day without a time is 00:00"),
    "created.weekday": Field("word", "weekday on which it was said, UTC", words=WEEKDAYS),
    "received.age": Field("span", "time between its receipt and its analysis", low=0),
    "received.time": Field("clock", "time of day of receipt, UTC"),
    "received.weekday": Field("word", "weekday of receipt, UTC", words=WEEKDAYS),
    "turns": Field("number", "number of turns; transcripts", low=0),
    "duration": Field("span", "time from the first turn to the last; transcripts with times", low=0),
    "response.first": Field("span", "time from the customer's first turn to the answer; transcripts with times in order", low=0),
    "response.longest": Field("span", "the longest wait for an answer; transcripts with times in order", low=0),
    "silence.longest": Field("span", "the longest gap between two turns; transcripts with times in order", low=0),
    "hold": Field("span", "total time on hold; transcripts that mention holds, with times in order", low=0),
    "transfers": Field("number", "number of transfers that the sender reports; transcripts", low=0),
    TEXT: Field("text", "the customer's words, redacted"),
}
_METADATA = Field("any", "a field sent with the record")
# Operators allowed after each kind of name, and the form of their values.
_COMPARED: Mapping[Kind, str] = {
    "number": "is, is not, in, <, <=, >, >= and a number",
    "span": "<, <=, >, >= and a time span, such as 5 min",
    "clock": "is, <, <=, >, >= and a time of day, such as 18:00",
    "word": "is, is not, in, not in and words",
    "truth": "is true, is false, or nothing",
    "label": "<, <=, >, >= and a probability, or nothing",
    "labels": "includes, or in and labels in parentheses",
    "any": "is, is not, in, not in and words, numbers, true or false, or <, <=, >, >= and a number",
    "text": 'mentions and a quoted text, such as text mentions "refund"',
}
_PLAIN = ("word", "number", "truth")
_ORDER = ("<", "<=", ">", ">=")
_UNORDERED: frozenset[Kind] = frozenset({"word", "truth", "labels", "text"})
_UNEQUAL: frozenset[Kind] = frozenset({"labels", "text", "span"})


def read_rule(rule: str, taxonomy: Taxonomy) -> Node:
    """Resolve all names of a rule. The `str` of the result is the same rule with every label under its set.

    Raises:
        RuleError: it is not a rule, or names something unknown.
    """
    return _Binder(taxonomy).bind(parse(rule))


class _Binder:
    def __init__(self, taxonomy: Taxonomy):
        self._taxonomy = taxonomy

    def bind(self, node: Node) -> Node:
        match node:
            case AllOf(parts) | AnyOf(parts):
                return type(node)(tuple(self.bind(part) for part in parts))
            case Not(part):
                return Not(self.bind(part))
            case Holds(name):
                return self._holds(self._full(name))
            case Compare():
                return self._compare(replace(node, name=self._full(node.name)))
        return self._test(node)

    def _test(self, node: OneOf | Includes | Mentions | Is) -> Test:
        full = self._full(node.name)
        kind = self._field(full).kind
        match node:
            case OneOf(_, values):
                return replace(node, name=full, values=tuple(self._value(full, value, "in") for value in values))
            case Includes(_, value) if kind == "labels":
                return Includes(full, self._value(full, value, "includes"))
            case Mentions() if kind == "text":
                return replace(node, name=full)
            case Is(_, state) if state == "unknown" or kind == "label":
                return replace(node, name=full)
            case Includes():
                raise self._unfit(full)
        must = "only text can be asked what it mentions" if isinstance(node, Mentions) else "only a label can be withheld"
        raise RuleError(f"{must}, not {full}", at=full.at)

    def _holds(self, full: Name) -> Test:
        kind = self._field(full).kind
        if kind == "label":
            above = Name(full.parts[:1], full.at)
            key = Value("word", full.parts[1], full.at)
            return Includes(above, key) if self._set(full).kind == "multi" else Compare(above, "is", key)
        if kind not in ("truth", "any"):
            raise self._unfit(full)
        return Holds(full)

    def _compare(self, test: Compare) -> Compare:
        kind, is_order = self._field(test.name).kind, test.operator in _ORDER
        if kind == "label" and not is_order:
            return replace(test, value=self._polarity(test.name, test.value))
        if kind in (_UNORDERED if is_order else _UNEQUAL):
            raise self._unfit(test.name)
        return replace(test, value=self._value(test.name, test.value, "order" if is_order else "is"))

    def _polarity(self, full: Name, value: Value) -> Value:
        if not self._set(full).polarities:
            raise self._unfit(full)
        if value.form != "word" or value.value not in POLARITIES:
            raise RuleError(f"{full} is positive, negative or mixed", at=value.at)
        return value

    def _value(self, full: Name, value: Value, operator: str) -> Value:
        """The value, if allowed for the name."""
        field = self._field(full)
        form = {"label": "number", "labels": "word"}.get(field.kind, field.kind)
        if field.kind == "any":
            form = value.form if operator != "order" and value.form in _PLAIN else "number"
        if form != value.form or (field.kind == "label" and operator != "order"):
            raise self._unfit(full, value)
        words = self._words(full)
        if words and value.form == "word" and value.value not in words:
            raise RuleError(f"{full} is never {value}{_near(str(value.value), words) or _listed(words)}", at=value.at)
        if isinstance(value.value, float) and not _fits(value.value, field):
            raise RuleError(f"{full} is {_bounds(field)}", at=value.at)
        return value

    def _words(self, full: Name) -> Sequence[str]:
        name = ".".join(full.parts)
        if name in FIELDS:
            return FIELDS[name].words
        return () if full.parts[0] == METADATA else self._set(full).keys

    def _unfit(self, full: Name, value: Value | None = None) -> RuleError:
        kind = self._field(full).kind
        told = _COMPARED[kind]
        if kind == "label" and self._set(full).polarities:
            told += ", or is positive, negative or mixed"
        return RuleError(f"after {full} comes {told}", at=value.at if value else full.at)

    def _field(self, full: Name) -> Field:
        """The meaning of a full name."""
        name = ".".join(full.parts)
        if name in FIELDS:
            return FIELDS[name]
        if full.parts[0] == METADATA:
            return _METADATA
        held = self._set(full)
        if len(full.parts) == 2:
            return Field("label", "", low=0, high=1)
        if held.kind == "multi":
            return Field("labels", "")
        levels = _levels(held)
        return Field("number", "", low=levels[0], high=levels[-1]) if levels else Field("word", "")

    def _set(self, full: Name) -> LabelSet:
        return self._taxonomy[LISTS.get(full.parts[0], full.parts[0])]

    def _full(self, name: Name) -> Name:
        """The name with its set, as the language spells it."""
        first, *rest = name.parts
        spelled = ".".join(name.parts)
        if spelled in FIELDS:
            return Name(tuple(spelled.split(".")), name.at)
        if first == METADATA:
            if not rest:
                raise RuleError('write metadata and a key, such as metadata.plan or metadata["plan"]', at=name.at)
            return name
        held = LISTS.get(first, first)
        if held in self._taxonomy and not rest:
            return Name((SETS.get(held, held),), name.at)
        if held in self._taxonomy and len(rest) == 1 and rest[0] in self._taxonomy[held].keys and not _levels(self._taxonomy[held]):
            return Name((SETS.get(held, held), rest[0]), name.at)
        if not rest and (owner := self._owner(first)):
            return Name((SETS.get(owner, owner), first), name.at)
        raise RuleError(f"unknown name {spelled}{self._nearest(held, spelled, rest)}", at=name.at)

    def _owner(self, key: str) -> str | None:
        """The set of a bare key."""
        sets = sorted(self._taxonomy.sets, key=lambda held: _FIRST.index(held.name) if held.name in _FIRST else len(_FIRST))
        return next((held.name for held in sets if key in held.keys), None)

    def _nearest(self, held: str, spelled: str, rest: Sequence[str]) -> str:
        if held in self._taxonomy and len(rest) == 1:
            keys = self._taxonomy[held].keys
            if near := _matches(rest[0], keys):
                return _told([f"{SETS.get(held, held)}.{key}" for key in near])
        return _near(spelled, list(dict.fromkeys(names_of(self._taxonomy))))


def names_of(taxonomy: Taxonomy) -> Iterator[str]:
    """Every name that a rule may use, except metadata; a key of two sets appears twice."""
    yield from FIELDS
    for held in taxonomy.sets:
        name = SETS.get(held.name, held.name)
        yield name
        if not _levels(held):
            yield from held.keys
            yield from (f"{name}.{key}" for key in held.keys)


def _levels(held: LabelSet) -> tuple[float, ...]:
    """The levels of an ordinal set that are numbers; blank for any other set."""
    try:
        return tuple(float(key) for key in held.keys) if held.kind == "ordinal" else ()
    except ValueError:
        return ()


def _fits(value: float, field: Field) -> bool:
    return (field.low is None or value >= field.low) and (field.high is None or value <= field.high)


def _bounds(field: Field) -> str:
    return f"from {field.low:g} to {field.high:g}" if field.high is not None else f"at least {field.low:g}"


def _matches(word: str, words: Sequence[str]) -> list[str]:
    """Similar words: by spelling, else by prefix or substring."""
    found = get_close_matches(word.lower(), words, n=_NEAR, cutoff=0.7)
    return found or [known for known in words if len(word) > 2 and word.lower() in known][:_NEAR]


def _listed(words: Sequence[str]) -> str:
    return f", only {' or '.join(words)}" if len(words) <= _FEW else ""


def _near(word: str, words: Sequence[str]) -> str:
    return _told(_matches(word, words))


def _told(near: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(near)}?" if near else ""
