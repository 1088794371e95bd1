"""Text and known names in, spans of names out; capitals alone are never taken for a name."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from vocservice.text.detectors.span import Span
from vocservice.text.normalise import normalise

_WORD = r"[^\W\d_][\w'’-]{0,30}"
_CAPITAL = r"(?-i:[A-ZÀ-ÖØ-ÞŁŚŠŽČĆĐİ])[\w'’-]{0,30}"
_FULL_NAME = rf"{_CAPITAL}(?:[ ](?:(?:van|von|de|der|den|da|di|la|le|al|el|bin|ibn|mc)[ ]){{0,2}}(?:{_CAPITAL}|[A-Z]\.)){{0,3}}"
_INTRODUCTION = re.compile(
    rf"\b(?:my (?:full |first |last )?name(?:[ ]is|['’]s)|name[ ]?:|i[ ]am called|they call me)[ ]+"
    rf"(?:(?:Mr|Mrs|Ms|Miss|Dr)\.?[ ])?({_FULL_NAME}|{_WORD})",
    re.IGNORECASE,
)
_THIS_IS = re.compile(
    rf"\b(?:this is|i am|i['’]m|my name is)[ ]({_FULL_NAME})"
    rf"(?=,?[ ](?:from|with|speaking|at your service|and i(?:['’]m| am| will|['’]ll))\b)",
    re.IGNORECASE,
)
_REGARDS = re.compile(
    rf"\b(?:regards|sincerely|cordially|respectfully|faithfully|yours(?: truly)?|best wishes)[ ]?"
    rf"(?:[,.!-][ ]?\n{{0,2}}|\n{{1,2}})[-~ ]{{0,2}}({_FULL_NAME})(?=[ ]*[.,!]?[ ]*(?:\n|$|\[))",
    re.IGNORECASE,
)
_THANKS = re.compile(
    rf"\b(?:thanks|thank you|cheers|love|best)[ ]?[,.!]?\n{{1,2}}[-~ ]{{0,2}}({_FULL_NAME})[.]?(?=[ ]*(?:\n|$))", re.IGNORECASE
)
_SIGN_OFF = re.compile(
    r"(?:(?<=\s)|(?<=[.!?…)\]]))(?:[\^~][ ]?(?P<caret>[A-Z][A-Za-z]{0,14})|[-–—*/](?P<dash>[A-Z][a-z]{2,14}|[A-Z]{2,3}))"
    r"(?=[ ]*(?:\d/\d)?(?:[ ]*(?:<url>|\[URL\]|https?://\S{1,200}))*[ ]*$)"
)
_SIGN_OFF_CHARACTERS = 240
_SIGN_OFF_MARKS = re.compile(r"[\^~–—*/-]")
_PART = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_ASIDE = re.compile(r",[ ]*|[ ](?:from|at|[-–—|/])[ ]|[ ]?[(\[]", re.IGNORECASE)  # "Jane (Support)", "Jane from Acme Bank"
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc", "'"))  # one character for one, so offsets stay valid

_INTRODUCING = ("name", "i am called", "they call me")
_BEING = ("this is ", "i am ", "i'm ", "i’m ", "my name is ")
_CLOSING = ("regards", "sincerely", "cordially", "respectfully", "faithfully", "yours", "best wishes")


@dataclass(frozen=True, slots=True)
class NameWords:
    """Which words can be names: the `[names]` table of `redaction.toml`, all in lower case.

    `never`: words that are never names. `also_words`: names that are also words, masked only when capitalised. `roles` and
    `particles`: parts of a sender's names that are not names alone; a word beside one of `roles` may belong to a team or shop.
    """

    never: frozenset[str]
    also_words: frozenset[str]
    roles: frozenset[str]
    particles: frozenset[str]


def find_names(text: str, *, words: NameWords, known_names: Iterable[str] = ()) -> Iterator[Span]:
    """Known names, and names that the text introduces as such."""
    if pattern := _known_pattern(tuple(known_names), words):
        yield from (match.span() for match in pattern.finditer(text.translate(_APOSTROPHES)))
    for introduction in _introductions(text):
        yield from (match.span(1) for match in introduction.finditer(text) if _may_be_name(match[1], words))
    yield from _sign_offs(text, words)


def _introductions(text: str) -> Iterator[re.Pattern[str]]:
    """The patterns that can match, by a required substring (ten times faster than a search)."""
    lowered = text.lower()
    if any(word in lowered for word in _INTRODUCING):
        yield _INTRODUCTION
    if any(word in lowered for word in _BEING):
        yield _THIS_IS
    if any(word in lowered for word in _CLOSING):
        yield _REGARDS
    if "\n" in text:
        yield _THANKS


def _may_be_name(found: str, words: NameWords) -> bool:
    """Whether it is neither an ordinary word nor part of a passage in capitals ("I AM ALWAYS HAPPY WITH")."""
    return found.split()[0].lower() not in words.never and not (" " in found and found.isupper())


def _sign_offs(text: str, words: NameWords) -> Iterator[Span]:
    """An agent's mark at the end of a turn: "^JH", "-Becky"."""
    at = max(0, len(text) - _SIGN_OFF_CHARACTERS)
    if not _SIGN_OFF_MARKS.search(text, at):
        return
    for match in _SIGN_OFF.finditer(text, at):
        group = "caret" if match["caret"] else "dash"
        if _may_be_name(match[group], words):
            yield match.span(group)


@lru_cache(maxsize=64)
def _known_pattern(names: tuple[str, ...], words: NameWords) -> re.Pattern[str] | None:
    """Names and their parts as written, in title case, in capitals and, unless common words, in lower case.

    Normalised like the text, with plain apostrophes ("O'Neil"). Parts beside a role ("Garden Team") are masked only when capitalised.
    """
    plain = [" ".join(normalise(name).text.translate(_APOSTROPHES).split()) for name in names]
    forms = {form for name in plain for form in (*_name_forms(name, words), *_forms_of_parts(name, words))}
    if not forms:
        return None
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form)))) + r")(?!\w)")


def _forms_of_parts(name: str, words: NameWords) -> Iterator[str]:
    for said in _ASIDE.split(name):
        has_role = not _words_in(said).isdisjoint(words.roles)
        for part in said.split():
            if _PART.fullmatch(part):
                yield from (form for form in _name_forms(part, words) if not has_role or form.istitle() or form == part != part.lower())


def _words_in(name: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", name.lower()))


def _name_forms(name: str, words: NameWords) -> set[str]:
    """Spellings of a name; empty for others."""
    if len(name) < 2 or name.lower() in words.never - words.also_words or _words_in(name) <= words.roles | words.particles:
        return set()
    if name.lower() in words.also_words:
        return {name.title()}
    return {name, name.title(), name.upper(), name.lower()} if len(name) > 2 else {name, name.title()}
