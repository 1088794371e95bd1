"""The text of a rule in, its tree out: by recursive descent, within bounds of length and depth; names are looked at afterwards.

rule  = all {"or" all}          all  = one {"and" one}          one = "not" one | "(" rule ")" | test
test  = name [("is" ["not"] (value | "unknown" | "withheld")) | ["not"] "in" "(" value {"," value} ")" | ("<" "<=" ">" ">=") value
        | "includes" value | "mentions" text]
name  = word {"." word | "[" text "]"} | word word
value = word | text | number ["s" "min" "h" "d"] | 18:00 | "true" | "false"
"""

from vocservice.errors import RuleError
from vocservice.rules.syntax import (
    UNITS,
    AllOf,
    AnyOf,
    Compare,
    Holds,
    Includes,
    Is,
    Mentions,
    Name,
    Node,
    Not,
    OneOf,
    Operator,
    State,
    Test,
    Value,
)
from vocservice.rules.tokens import KEYWORDS, Token, tokens_of

DEEPEST = 20
MOST_TESTS = 100
MOST_VALUES = 100
LONGEST_NUMBER = 15
_SIGNS: tuple[Operator, ...] = ("<", "<=", ">", ">=")
_STATES: tuple[State, ...] = ("unknown", "withheld")
_OPERATORS = "is, is not, in, not in, <, <=, >, >=, includes or mentions"


def parse(rule: str) -> Node:
    """The tree of a rule, its names as they were written.

    Raises:
        RuleError: it is no rule; the message says where and what was expected.
    """
    parser = _Parser(tokens_of(rule))
    found = parser.any_of(0)
    if parser.here.kind != "end":
        raise parser.expected("and, or, or the end")
    return found


class _Parser:
    def __init__(self, tokens: list[Token]):
        self._tokens, self._next, self._tests = tokens, 0, 0

    @property
    def here(self) -> Token:
        return self._tokens[self._next]

    def expected(self, what: str) -> RuleError:
        return RuleError(f"expected {what}, found {self.here.shown}", at=self.here.at)

    def any_of(self, depth: int) -> Node:
        parts = [self._all_of(depth)]
        while self._took("or"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self, depth: int) -> Node:
        parts = [self._one(depth)]
        while self._took("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise RuleError(f"a rule has at most {DEEPEST} levels of parentheses and not", at=self.here.at)
        if self._took("not"):
            return Not(self._one(depth + 1))
        if self._took("("):
            found = self.any_of(depth + 1)
            self._take(")")
            return found
        return self._test()

    def _test(self) -> Test:
        self._tests += 1
        if self._tests > MOST_TESTS:
            raise RuleError(f"a rule has at most {MOST_TESTS} tests", at=self.here.at)
        name = self._name()
        if self._took("is"):
            return self._is(name)
        if self._took("in"):
            return OneOf(name, self._values())
        if self._took("not"):
            self._take("in")
            return OneOf(name, self._values(), is_not=True)
        if self._took("includes"):
            return Includes(name, self._value())
        if self._took("mentions"):
            return Mentions(name, self._phrase())
        for sign in _SIGNS:
            if self._took(sign):
                return Compare(name, sign, self._value())
        return self._alone(name)

    def _is(self, name: Name) -> Test:
        is_not = self._took("not")
        for state in _STATES:
            if self._took(state):
                return Is(name, state, is_not)
        return Compare(name, "is not" if is_not else "is", self._value())

    def _alone(self, name: Name) -> Holds:
        if self.here.kind == "end" or self.here.value == ")" or self.here.keyword in ("and", "or"):
            return Holds(name)
        raise self.expected(f"{_OPERATORS} after {name}")

    def _name(self) -> Name:
        if not self._at_word():
            raise self.expected("a name, not, or (")
        first = self._advance()
        parts = [first.value]
        while self.here.kind == "mark" and self.here.value in (".", "["):
            parts.append(self._part())
        if len(parts) == 1 and self._at_word():
            parts.append(self._advance().value)
        return Name(tuple(parts), first.at)

    def _at_word(self) -> bool:
        return self.here.kind == "word" and not self.here.keyword

    def _part(self) -> str:
        if self._took("["):
            if self.here.kind != "text":
                raise self.expected("a quoted text")
            text = self._advance().value
            self._take("]")
            return text
        self._take(".")
        if self.here.kind != "word":
            raise self.expected('a word; other keys are written ["so"]')
        return self._advance().value

    def _values(self) -> tuple[Value, ...]:
        self._take("(")
        found = [self._value()]
        while self._took(","):
            found.append(self._value())
        if len(found) > MOST_VALUES:
            raise RuleError(f"at most {MOST_VALUES} values can be listed", at=self.here.at)
        self._take(")")
        return tuple(found)

    def _value(self) -> Value:
        token = self.here
        if token.keyword in ("true", "false"):
            self._advance()
            return Value("truth", token.keyword == "true", token.at)
        if token.keyword or token.kind not in ("word", "text", "number", "clock"):
            raise self.expected("a value")
        self._advance()
        match token.kind:
            case "number":
                return self._measured(token)
            case "clock":
                return _clock(token)
        return Value("word", token.value, token.at)

    def _measured(self, token: Token) -> Value:
        if len(token.value) > LONGEST_NUMBER:
            raise RuleError(f"a number has at most {LONGEST_NUMBER} characters", at=token.at)
        number = float(token.value)
        if self.here.kind == "word" and self.here.value in UNITS:
            return Value("span", round(number * UNITS[self._advance().value], 3), token.at)
        return Value("number", number, token.at)

    def _phrase(self) -> str:
        if self.here.kind != "text":
            raise self.expected("a quoted text")
        token = self._advance()
        if not any(character.isalnum() for character in token.value):
            raise RuleError("a text that is looked for has at least one letter or digit", at=token.at)
        return token.value

    def _advance(self) -> Token:
        token = self.here
        self._next += 1
        return token

    def _took(self, word: str) -> bool:
        """Whether a keyword or mark stood here; it is passed then."""
        found = self.here.keyword == word if word in KEYWORDS else self.here.kind == "mark" and self.here.value == word
        self._next += found
        return found

    def _take(self, word: str) -> None:
        if not self._took(word):
            raise self.expected(word)


def _clock(token: Token) -> Value:
    hours, minutes = map(int, token.value.split(":"))
    if hours > 23 or minutes > 59:
        raise RuleError("a time of day is from 00:00 to 23:59", at=token.at)
    return Value("clock", float(60 * hours + minutes), token.at)
