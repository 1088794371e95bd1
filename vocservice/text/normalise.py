"""Raw text in, plain readable text out, with the raw offset of every remaining character.

Each step yields edits (a slice and its replacement) and `apply` updates the offsets.
All patterns are bounded or possessive, so time is linear in the length of the text.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html.entities import html5

from vocservice.text.edits import Edit, State, apply
from vocservice.text.markup import remove_markup

INVALID_CHARACTERS = "invalid_characters"
REPLACEMENT = "\ufffd"
MAX_REPEATS = 10
MAX_DIGIT_REPEATS = 20  # a card number may contain fourteen consecutive zeros; a cap of ten would break it
MAX_MARKS = 4


@dataclass(frozen=True, slots=True)
class Normalised:
    """Readable text; `offsets[i]` is the raw offset of its character `i`, `offsets[len(text)]` that of its end."""

    text: str
    offsets: Sequence[int]
    warnings: tuple[str, ...] = ()


_NEWLINES = "\n\r\x0b\x0c\x85\u2028\u2029"
_SPACES = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_TAG_CHARACTERS = "\U000e0020-\U000e007f"

_ORDINARY = re.compile("[\n -%'-;=-~\u00a1-\u00ac\u00ae-\u00ff\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u20ac]*")  # neither "&" nor "<"
_UNEVEN = ("  ", " \n", "\n ", "\n\n")
_INVALID = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\x00\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\U000e0001\U000e0100-\U000e01ef]"
    f"|\u200d(?![{_EMOJI}])|(?<![{_EMOJI}])(?<![{_EMOJI}]\ufe0f)\u200d"
    f"|(?<![{_EMOJI}])[\ufe00-\ufe0f](?!\u20e3)"
    f"|(?<![\U0001f3f4{_TAG_CHARACTERS}])[{_TAG_CHARACTERS}]"
)
_FOLDABLE = re.compile("[\uff01-\uff5e\ufb00-\ufb06]")
_ENTITY = re.compile(r"&(?:amp;)?(#\d{1,8};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};|(?:nbsp|amp|lt|gt|quot)(?![\w=;]))")
_WHITE = re.compile(f"[{_NEWLINES}{_SPACES}]{{2,}}|[{_NEWLINES[1:]}{_SPACES[1:]}]")
_NEWLINE = re.compile(f"\r\n|[{_NEWLINES}]")
_REPEATED = re.compile(rf"(.)\1{{{MAX_REPEATS},}}", re.DOTALL)


def normalise(raw: str) -> Normalised:
    """Remove markup, invisible and invalid characters and uneven white space from `raw`; wording and quotes stay.

    Args:
        raw: any string, lone surrogates included.

    Returns:
        The text, its offsets into `raw`, and the warning `invalid_characters` if something had to be replaced.
    """
    state = State(raw, range(len(raw) + 1))
    return Normalised(*_strip(state)) if is_tidy(raw) else by_steps(state)


def is_tidy(text: str) -> bool:
    """Whether no step changes a text, but for white space around it; most texts are so."""
    return _ORDINARY.fullmatch(text) is not None and not any(pair in text for pair in _UNEVEN) and _REPEATED.search(text) is None


def by_steps(state: State) -> Normalised:
    """The same through every step."""
    raw = state.text
    for repair in _REPAIRS:
        state = apply(state, repair(state.text))
    damaged = state.text.count(REPLACEMENT) > raw.count(REPLACEMENT)
    for step in _STEPS:
        state = apply(state, step(state.text))
    state = _strip(state)
    return Normalised(state.text, state.offsets, (INVALID_CHARACTERS,) if damaged else ())


def _strip(state: State) -> State:
    text = state.text.rstrip(" \n")
    start = len(text) - len(text.lstrip(" \n"))
    return State(text[start:], state.offsets[start : len(text) + 1])


def _replace_invalid(text: str) -> Iterator[Edit]:
    for match in _INVALID.finditer(text):
        pair = match.group()
        yield match.start(), match.end(), REPLACEMENT if len(pair) == 1 else _join_surrogates(pair)


def _join_surrogates(pair: str) -> str:
    return chr(0x10000 + ((ord(pair[0]) - 0xD800) << 10) + (ord(pair[1]) - 0xDC00))


def _unescape_entities(text: str) -> Iterator[Edit]:
    """`&lt;`, `&#39;`, and again if escaped twice (`&amp;lt;`); unknown names stay unchanged."""
    if "&" not in text:
        return
    for match in _ENTITY.finditer(text):
        character = _entity(match.group(1))
        if character is None and match.group().startswith("&amp;"):
            yield match.start(), match.start() + len("&amp;"), "&"
        elif character is not None:
            yield match.start(), match.end(), character


def _entity(name: str) -> str | None:
    if name[0] != "#":
        return html5.get(name) or html5.get(name.rstrip(";") + ";")
    number = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
    if 0x80 <= number <= 0x9F:
        return bytes([number]).decode("cp1252", errors="ignore")  # as browsers do
    return REPLACEMENT if number == 0 or 0xD800 <= number <= 0xDFFF or number > sys.maxunicode else chr(number)


def _remove_invisible(text: str) -> Iterator[Edit]:
    for match in _INVISIBLE.finditer(text):
        yield match.start(), match.end(), ""


def _fold_compatible(text: str) -> Iterator[Edit]:
    """Full-width ASCII and ligatures only: NFKC would also turn "x²" into "x2"."""
    for match in _FOLDABLE.finditer(text):
        yield match.start(), match.end(), unicodedata.normalize("NFKC", match.group())


@lru_cache(maxsize=1)
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of excessive combining marks, and of clusters that may change under NFC."""
    points = [chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M"]
    near = "".join(point for point in points if point <= "\uffff") + "\u1160-\u11ff"
    far = "".join(point for point in points if point > "\uffff")
    mark = f"(?:[{near}]|(?=[\U00010000-\U0001ffff])[{far}])"  # a character class within the basic plane is a table look-up
    cluster = f"[\x00-\x7f]{mark}+|(?!{mark})[^\x00-\x7f]{mark}*|{mark}+"
    return re.compile(f"(?<={mark}{{{MAX_MARKS}}}){mark}+"), re.compile(cluster)


def _cap_marks(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    for match in _marks()[0].finditer(text):
        yield match.start(), match.end(), ""


def _compose(text: str) -> Iterator[Edit]:
    """NFC per cluster, so that offsets stay exact (marks are capped before, because sorting many is not linear)."""
    if unicodedata.is_normalized("NFC", text):
        return
    for match in _marks()[1].finditer(text):
        composed = unicodedata.normalize("NFC", match.group())
        if composed != match.group():
            yield match.start(), match.end(), composed


def _even_white_space(text: str) -> Iterator[Edit]:
    for match in _WHITE.finditer(text):
        lines = len(_NEWLINE.findall(match.group()))
        even = "\n" * min(lines, 2) or " "
        if even != match.group():
            yield match.start(), match.end(), even


def _cap_repeats(text: str) -> Iterator[Edit]:
    for match in _REPEATED.finditer(text):
        limit = MAX_DIGIT_REPEATS if match[1].isdigit() else MAX_REPEATS
        yield min(match.start() + limit, match.end()), match.end(), ""


_REPAIRS: tuple[Callable[[str], Iterator[Edit]], ...] = (_replace_invalid, _unescape_entities)
_STEPS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    _remove_invisible,
    _fold_compatible,
    remove_markup,
    _cap_marks,
    _compose,
    _cap_marks,
    _even_white_space,
    _cap_repeats,
)
