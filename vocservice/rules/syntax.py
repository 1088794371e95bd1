"""The tree of a rule: what the parser makes and the evaluator walks; and back to text, so that reading it again gives the same tree."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from vocservice.rules.tokens import is_word, quoted

Operator = Literal["is", "is not", "<", "<=", ">", ">="]
Form = Literal["word", "number", "span", "clock", "truth"]
State = Literal["unknown", "withheld"]
UNITS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class Name:
    """What a rule speaks of, such as `flag.churn_risk` or `metadata.plan`; `at` is its place in the text."""

    parts: tuple[str, ...]
    at: int = field(default=1, compare=False)

    def __str__(self) -> str:
        first, *rest = self.parts
        return first + "".join(f".{part}" if is_word(part) else f"[{quoted(part)}]" for part in rest)


@dataclass(frozen=True, slots=True)
class Value:
    """A value: a word, a number, a span in seconds, a time of day in minutes, true or false."""

    form: Form
    value: str | float | bool
    at: int = field(default=1, compare=False)

    def __str__(self) -> str:
        match self.form, self.value:
            case "truth", value:
                return "true" if value else "false"
            case "clock", float(minutes):
                return f"{int(minutes) // 60:02}:{int(minutes) % 60:02}"
            case "span", float(seconds):
                return _span(seconds)
            case _, float(number):
                return _number(number)
        text = str(self.value)
        return text if is_word(text) else quoted(text)


@dataclass(frozen=True, slots=True)
class Compare:
    """A name and a value."""

    name: Name
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.value}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A name that is (or is not) one of several values."""

    name: Name
    values: tuple[Value, ...]
    is_not: bool = False

    def __str__(self) -> str:
        return f"{self.name} {'not in' if self.is_not else 'in'} ({', '.join(map(str, self.values))})"


@dataclass(frozen=True, slots=True)
class Includes:
    """A set of labels in which one was given."""

    name: Name
    value: Value

    def __str__(self) -> str:
        return f"{self.name} includes {self.value}"


@dataclass(frozen=True, slots=True)
class Mentions:
    """A text in which the customer uses a word or phrase."""

    name: Name
    phrase: str

    def __str__(self) -> str:
        return f"{self.name} mentions {quoted(self.phrase)}"


@dataclass(frozen=True, slots=True)
class Is:
    """A name that is (not) unknown, or a label that is (not) withheld."""

    name: Name
    state: State
    is_not: bool = False

    def __str__(self) -> str:
        return f"{self.name} is {'not ' if self.is_not else ''}{self.state}"


@dataclass(frozen=True, slots=True)
class Holds:
    """A name that is true by itself."""

    name: Name

    def __str__(self) -> str:
        return str(self.name)


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    part: "Node"

    def __str__(self) -> str:
        return f"not {_inner(self.part, (AllOf, AnyOf))}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Parts that must all hold."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " and ".join(_inner(part, (AllOf, AnyOf)) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Parts of which one must hold."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " or ".join(_inner(part, (AnyOf,)) for part in self.parts)


Test = Compare | OneOf | Includes | Mentions | Is | Holds
Node = Test | Not | AllOf | AnyOf


def _inner(part: Node, bracketed: tuple[type, ...]) -> str:
    return f"({part})" if isinstance(part, bracketed) else str(part)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def _span(seconds: float) -> str:
    unit = next((name for name, size in UNITS.items() if seconds and seconds % size == 0), "s")
    return f"{_number(seconds / UNITS[unit])} {unit}"
