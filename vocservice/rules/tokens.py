"""The text of a rule in, its tokens with their places out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vocservice.errors import RuleError

LONGEST = 2000
KEYWORDS = frozenset({"and", "or", "not", "is", "in", "includes", "mentions", "unknown", "withheld", "true", "false"})
_HINTS = {"=": "is", "==": "is", "!=": "is not", "&&": "and", "||": "or", "!": "not"}
_TOKEN = re.compile(
    r"""(?P<clock>\d{1,2}:\d{2}(?!\w))
    |(?P<number>[+-]?\d+(?:\.\d+)?)
    |(?P<word>[^\W\d]\w*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<mark><=|>=|[<>()\[\],.])
    |(?P<wrong>==|!=|&&|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"\s*")

Kind = Literal["clock", "number", "word", "text", "mark", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a rule; `at` is the place of its first character, from 1; `value` of a quoted text is what it says."""

    kind: Kind
    value: str
    at: int

    @property
    def keyword(self) -> str:
        """The keyword that this is, in whatever case; blank for anything else."""
        lowered = self.value.lower()
        return lowered if self.kind == "word" and lowered in KEYWORDS else ""

    @property
    def shown(self) -> str:
        """As a fault names it."""
        return "the end" if self.kind == "end" else repr(self.value)


def tokens_of(rule: str) -> list[Token]:
    """The tokens of a rule, an `end` last.

    Raises:
        RuleError: it is blank, too long, or has a character that belongs nowhere.
    """
    if len(rule) > LONGEST:
        raise RuleError(f"a rule has at most {LONGEST} characters")
    if not rule.strip():
        raise RuleError("a rule must say something, such as: flag includes churn_risk")
    return [*_tokens(rule), Token("end", "", len(rule) + 1)]


def quoted(text: str) -> str:
    """A text as a rule quotes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_word(text: str) -> bool:
    """Whether a text can stand without quotes."""
    found = _TOKEN.fullmatch(text)
    return found is not None and found.lastgroup == "word" and text.lower() not in KEYWORDS


def _tokens(rule: str) -> Iterator[Token]:
    at = _BLANK.match(rule).end()  # type: ignore[union-attr]
    while at < len(rule):
        found = _TOKEN.match(rule, at)
        assert found is not None  # noqa: S101 - the last group takes any character
        yield _token(str(found.lastgroup), found[0], at + 1)
        at = _BLANK.match(rule, found.end()).end()  # type: ignore[union-attr]


def _token(group: str, text: str, at: int) -> Token:
    match group:
        case "wrong":
            raise RuleError(_unexpected(text), at=at)
        case "text":
            return Token("text", re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL), at)
    return Token(group, text, at)  # type: ignore[arg-type]


def _unexpected(text: str) -> str:
    if text in _HINTS:
        return f"{text!r} is not of this language: write {_HINTS[text]}"
    return "a quoted text must end with the same quote" if text in "\"'" else f"{text!r} belongs nowhere in a rule; quote texts"
