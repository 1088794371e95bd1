"""Readable text in, the same text with personal data masked out: placeholders, their kinds and spans, and the offsets.

One detector per kind, in an explicit order: where two spans overlap the earlier detector wins, then the longer span.
Values are never kept, logged or returned.
"""

import re
import tomllib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import phonenumbers

from vocservice.errors import ConfigError
from vocservice.records import Redaction

Span = tuple[int, int]
Detector = Callable[[str], Iterator[Span]]
_Found = tuple[int, int, str]


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


@dataclass(frozen=True, slots=True)
class Redacted:
    """Masked text; `spans` are its placeholders, `offsets[i]` is where its character `i` begins in the input (plus the end)."""

    text: str
    spans: tuple[Redaction, ...]
    offsets: "array[int]"


# --- url, email, handle ---------------------------------------------------------------------------------------------

_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|ly|gl|gg|be|us|uk|ca|au|nz|ie|de|fr|es|it|nl|pt|se|no|dk|fi|pl|ch|at|"
    "in|jp|cn|kr|br|mx|za|sg|hk|eu|ru|to|cc|im|fm|link|shop|store|online|site|page|news|live|blog|xyz|club"
)
_URL = re.compile(
    r"(?<![^\W_])(?:https?|ftp):/{1,3}[^\s<>\"]+|(?<![\w@.-])www\.[^\s<>\"]+"
    rf"|(?<![\w@.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,5}}(?:{_TLD})(?::\d{{2,5}})?[/?#](?![\s])[^\s<>\"]*",
    re.IGNORECASE,
)
_URL_TAIL = ".,;:!?'\"…*_”’"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_DOMAIN = re.compile(r"@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_LOCAL = re.compile(r"[\w.%+'&-]*")
_SPELLED_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?: (?:dot|underscore|dash) [\w-]{1,64}){0,4} ?(?: at |\(at\)|\[at\]) ?"
    r"[\w-]{1,63}(?:(?: dot | ?(?:\(dot\)|\[dot\]) ?|\.)[\w-]{1,63}){0,3}(?: dot | ?(?:\(dot\)|\[dot\]) ?|\.)"
    r"(?:com|org|net|edu|gov|info|biz|io|co|uk|ie|ca|au|nz|de|fr|us)\b",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w@])@(?=\w*[^\W_])(?!\d{1,4}(?:[^\W\d_]{0,3})\b)\w{1,50}(?!@)|(?<![\w/])/u/[\w-]{3,30}", re.IGNORECASE)


def find_urls(text: str) -> Iterator[Span]:
    """Links; a bare domain ("booking.com") is a brand's name and stays."""
    for match in _URL.finditer(text):
        yield match.start(), match.start() + len(_trim_url(match.group()))


def _trim_url(url: str) -> str:
    """Drop closing punctuation and unpaired brackets, which belong to the sentence."""
    extra = {close: url.count(close) - url.count(opening) for close, opening in _BRACKETS.items()}
    end = len(url)
    while end and (url[end - 1] in _URL_TAIL or extra.get(url[end - 1], 0) > 0):
        if url[end - 1] in extra:
            extra[url[end - 1]] -= 1
        end -= 1
    return url[:end]


def find_emails(text: str) -> Iterator[Span]:
    """Addresses, also spelled out as people do on the telephone or against spam ("jane at example dot com")."""
    for match in _DOMAIN.finditer(text):
        before = text[max(0, match.start() - 64) : match.start()]
        local = _LOCAL.match(before[::-1])
        name = before[len(before) - (local.end() if local else 0) :].lstrip("'&.-")
        if name:
            yield match.start() - len(name), match.end()
    lowered = text.lower()
    if any(mark in lowered for mark in (" dot ", "(at)", "[at]", "(dot)", "[dot]")):
        yield from (match.span() for match in _SPELLED_EMAIL.finditer(text) if _is_spelled(match.group().lower()))


def _is_spelled(candidate: str) -> bool:
    """Not "shop at example.com": one of the marks must be spelled."""
    return any(mark in candidate for mark in (" dot ", "(at)", "[at]", "(dot)", "[dot]"))


def find_handles(text: str) -> Iterator[Span]:
    """@names; "@5pm" and "@100" are times and prices."""
    if "@" in text or "/u/" in text:
        yield from (match.span() for match in _HANDLE.finditer(text))


# --- iban, card -----------------------------------------------------------------------------------------------------

_IBAN_LENGTHS = {
    code[:2]: int(code[2:])
    for code in _words(
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 "
        "GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 "
        "MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    )
}
_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
_CARD = re.compile(r"(?<![\d.,])(?<!\d-)\d{4}(?:[ .-]?\d){9,}(?!\d)")
_CARD_CODE = re.compile(r"\b(?:cvv2?|cvc2?|security code)(?: (?:is|number|no))?[ :.=#-]{0,3}(\d{3,4})\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


def find_ibans(text: str) -> Iterator[Span]:
    """Bank account numbers whose length fits the country and whose check digits are right."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group()[:2].upper())
        end = length and _take(text, match.start(), length)
        if end and _passes_mod97(text[match.start() : end]):
            yield match.start(), end


def _take(text: str, start: int, count: int) -> int | None:
    """The end of `count` letters and digits from `start`, spaces and hyphens between them allowed."""
    end = start
    while count and end < len(text):
        if text[end].isascii() and text[end].isalnum():
            count -= 1
        elif text[end] not in " -":
            return None
        end += 1
    return None if count or (end < len(text) and text[end].isalnum()) else end


def _passes_mod97(iban: str) -> bool:
    compact = iban.replace(" ", "").replace("-", "").upper()
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def find_cards(text: str) -> Iterator[Span]:
    """Card numbers by their check digit, and the security code named beside one."""
    for match in _CARD.finditer(text):
        yield from _cards_within(text, [group.span() for group in _DIGITS.finditer(text, *match.span())])
    yield from (match.span(1) for match in _CARD_CODE.finditer(text))


def _cards_within(text: str, groups: list[Span]) -> Iterator[Span]:
    at = 0
    while at < len(groups):
        last = _card_end(text, groups[at : at + 8])
        if last is not None:
            yield groups[at][0], groups[at + last][1]
            at += last
        at += 1


def _card_end(text: str, groups: list[Span]) -> int | None:
    """The last of the groups that together are a card number, the longest first; printed groups have four digits or more at first."""
    if groups[0][1] - groups[0][0] < 4:
        return None
    totals = accumulate(end - start for start, end in groups)
    fits = [index for index, total in enumerate(totals) if 13 <= total <= 19]
    return next((i for i in reversed(fits) if _passes_luhn("".join(text[start:end] for start, end in groups[: i + 1]))), None)


def _passes_luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return len(set(digits)) > 1 and (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


# --- order, account -------------------------------------------------------------------------------------------------

_ORDER_CUE = (
    "orders?|bookings?|reservations?|references?|refs?|confirmations?|tickets?|cases?|tracking|invoices?|itinerary|pnr|locator|"
    "parcels?|shipments?|consignments?|incidents?|complaints?|transactions?|rma|claims?|requests?|purchase order|po"
)
_ACCOUNT_CUE = (
    "accounts?|acct|a/c|policy|memberships?|members?|customer|client|loyalty|frequent flyer|ff|subscriber|subscription|contract|passport|"
    "user(?: ?id)?|sort code|patient|nhs|driving licence|licence|license"
)
_LINK = (
    r"(?P<link>(?:[ \t]{0,2}(?:(?:numbers?|num|nbr|no|nr|ids?|codes?|ref(?:erence)?|locator|tracking|confirmation"
    r"|is|was|are|of|it'?s)(?![a-z0-9])"
    r"|[#:=(№,.-])){0,5})[ \t]{0,2}"
)
_ID = r"(?P<id>[A-Za-z0-9](?:[A-Za-z0-9]|[-_/.](?=[A-Za-z0-9])){4,39}(?: \d{3,12}(?![\w.,%-])){0,4})(?![\w@%])"
_ORDER = re.compile(rf"\b(?:{_ORDER_CUE})\b{_LINK}{_ID}", re.IGNORECASE)
_ACCOUNT = re.compile(rf"\b(?:{_ACCOUNT_CUE})\b{_LINK}{_ID}", re.IGNORECASE)
_ORDER_AFTER = re.compile(
    rf"\b{_ID} ?(?:\(|is |was |as )(?:my |the |our |your )?(?:{_ORDER_CUE})(?: (?:number|no|id|code|reference|ref))?\b", re.IGNORECASE
)
_NEAR = re.compile(rf"\b(?:{_ORDER_CUE}|record)\b", re.IGNORECASE)
_LOCATOR = re.compile(r"(?<![\w@#/.-])(?=[A-Z0-9]{0,11}\d)(?=[A-Z0-9]{0,11}[A-Z])[A-Z0-9]{6,12}(?![\w/.-]\w|\w)")
_NEAR_CHARACTERS = 60
_NAMED_LINK = re.compile(r"num|nbr|n[or]\.?|id|code|ref|locator|tracking|confirmation|№", re.IGNORECASE)
# Flights (BA1234, EZY8432), aircraft (A330, B737), words with a year or size (COVID19) and pseudonyms of organisations (ORG12).
_NOT_AN_ID = re.compile(
    r"(?:[A-Z]{2}|[A-Z]\d|\d[A-Z])\d{1,4}[A-Z]?|[A-Z]{3}\d{4}|[ABE]\d{3}|[A-Z]{4,}\d{1,2}|(?:ORG|NHS)\d{1,5}", re.IGNORECASE
)
_DATE_OR_RANGE = re.compile(
    r"(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:19|20)\d\d[./-]\d{1,2}(?:[./-]\d{1,2})?|\d{1,2}[./-](?:19|20)\d\d"
    r"|(?:19|20)\d\d[/-](?:19|20)?\d\d|\d{1,3}-\d{1,4}|\d+\.\d{1,2}|\d{1,2}-[a-z]{3,9}-\d{2,4}|\d{1,2}[a-z]{3,9}\d{2,4}|\d+(?:st|nd|rd|th))",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"[ -]?(?:items?|points?|miles|people|times?|years?|months?|weeks?|days?|hours?|hrs?|min(?:ute)?s?|pounds?|dollars?|euros?|quid|bucks|"
    r"usd|gbp|eur|kg|g|km|ml|percent|orders?|customers?|members?|units?|pieces|words|steps|calls)\b|[%€£$]",
    re.IGNORECASE,
)


def find_orders(text: str) -> Iterator[Span]:
    """Order, booking, ticket, case and reference numbers beside their cue word, and record locators near one."""
    if not _NEAR.search(text):
        return
    yield from _cued_ids(_ORDER, text)
    yield from (match.span("id") for match in _ORDER_AFTER.finditer(text) if _is_id(match["id"], named=True))
    yield from _locators(text)


def find_accounts(text: str) -> Iterator[Span]:
    """Account, policy, membership and customer numbers beside their cue word."""
    yield from _cued_ids(_ACCOUNT, text)


def _cued_ids(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        link = match["link"]
        counted = _COUNTED.match(text, match.end("id"))
        if _is_id(match["id"], named=bool(_NAMED_LINK.search(link)), marked="#" in link or ":" in link) and not counted:
            yield match.span("id")


def _is_id(value: str, *, named: bool, marked: bool = False) -> bool:
    """Whether a token after a cue word is an identifier: strict without "number", "code" or "#" in between."""
    digits = sum(map(str.isdigit, value))
    if not digits or _DATE_OR_RANGE.fullmatch(value):
        return False
    if named:
        return not re.fullmatch(r"\d+[a-z]{1,7}", value)
    if _NOT_AN_ID.fullmatch(value):
        return False
    plain = value == value.upper() and digits >= 2
    return plain or (marked and 3 * digits >= len(value))


def _locators(text: str) -> Iterator[Span]:
    for match in _LOCATOR.finditer(text):
        near = text[max(0, match.start() - _NEAR_CHARACTERS) : match.end() + _NEAR_CHARACTERS]
        if not _NOT_AN_ID.fullmatch(match.group()) and _NEAR.search(near):
            yield match.span()


# --- phone ----------------------------------------------------------------------------------------------------------

DEFAULT_REGIONS = ("US", "GB")
_PHONE_WINDOW = re.compile(
    r"(?<![\w.,:/$£€¥#@+-])(?:\+ ?|\()?\(?\d(?:[ \u2010-\u2013().-]{0,2}\d){6,14}"
    r"(?:,? ?(?:x|ext\.?|extension) ?\d{1,5})?(?![\d%€£$]|[.,:/-]\d|[^\W\d_])",
    re.IGNORECASE,
)
_PHONE_LABEL = re.compile(r"(?:tel|phone|mobile|mob|cell|call|fax|whatsapp|t|m|p)(?: (?:no\.?|number))?[.:]\s?$", re.IGNORECASE)
_PHONE_CUE = re.compile(
    r"\b(?:call(?:ed|ing)?|phone[ds]?|tel|telephone|mobile|cell|text(?:ed)?|ring|rang|whatsapp|sms|dial(?:led|ed)?|fax|contact|reach|number|landline|hotline)\b",
    re.IGNORECASE,
)
_PHONE_LABELLED = re.compile(r"(?<=[:.])(?:\+ ?|\()?\(?\d(?:[ \u2010-\u2013().-]{0,2}\d){6,14}(?![\d%€£$]|[.,:/-]\d|[^\W\d_])")
_MAX_NATIONAL_DIGITS = 11
_SHAPES = {
    "US": re.compile(r"(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .\u2010-\u2013-]\d{4}(?:,? ?(?:x|ext).*)?", re.IGNORECASE),
    "GB": re.compile(r"\(?0[12378](?:\)?[ -]?\d){8,9}"),
}
_GROUPS = re.compile(r"\d+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_DATE_START = re.compile(r"(?:\d{1,2}[.-]\d{1,2}[.-](?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d[.-]\d{1,2}[.-]\d{1,2})(?!\d|-\d)")
_DECIMAL_END = re.compile(r"-\d+\.\d{1,2}$")
_NATIONAL_START = re.compile(r"(?:^|[ ])(\+\d|\(?0\d|\(?[2-9]\d\d\)?[ .-]\d{3}[ .-]\d{4})")
_MONEY_AFTER = re.compile(
    r" ?(?:usd|gbp|eur|dollars?|pounds?|euros?|quid|bucks|points?|miles|items?|people|times|years?|days?|hours?|minutes?|followers|k\b|%)",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(r"(?:[$£€¥]|\b(?:usd|gbp|eur|rs\.?|inr))[ ]?$", re.IGNORECASE)


def find_phones(text: str, *, regions: Iterable[str] = DEFAULT_REGIONS) -> Iterator[Span]:
    """Telephone numbers: digit windows that are no date, price, range of years or count, and that a numbering plan or a cue word backs."""
    for pattern in (_PHONE_WINDOW, _PHONE_LABELLED):
        for match in pattern.finditer(text):
            labelled = _PHONE_LABEL.search(text, max(0, match.start() - 24), match.start()) is not None
            if pattern is _PHONE_LABELLED and not labelled:
                continue
            yield from _phones_within(text, match.span(), regions)


def _phones_within(text: str, window: Span, regions: Iterable[str]) -> Iterator[Span]:
    start, end = window
    candidate = text[start:end]
    before = text[max(0, start - 40) : start]
    if _is_other_number(candidate, before, text[end : end + 12]):
        return
    if _is_phone(candidate, regions) or _PHONE_CUE.search(before):
        yield window
    else:
        yield from _phones_beside_digits(candidate, start, regions)


def _phones_beside_digits(candidate: str, at: int, regions: Iterable[str]) -> Iterator[Span]:
    """A number that stands right after or before other digits ("2 07700 900123")."""
    for opening in _NATIONAL_START.finditer(candidate):
        first = opening.start(1)
        ends = [group.end() for group in _GROUPS.finditer(candidate, first)]
        end = next(
            (end for end in reversed(ends) if (first, end) != (0, len(candidate)) and _is_phone(candidate[first:end], regions)), None
        )
        if end is not None:
            yield at + first, at + end
            return


def _is_other_number(candidate: str, before: str, after: str) -> bool:
    """Dates, years, prices, counts, and rows of single digits such as ratings."""
    groups = _GROUPS.findall(candidate)
    return (
        (len(groups) > 6 or len(set("".join(groups))) == 1)
        or (len(groups) > 1 and all(_YEAR.fullmatch(group) for group in groups))
        or _DATE_START.match(candidate) is not None
        or _DECIMAL_END.search(candidate) is not None
        or _MONEY_BEFORE.search(before) is not None
        or _MONEY_AFTER.match(after) is not None
    )


def _is_phone(candidate: str, regions: Iterable[str]) -> bool:
    """By its shape where that is enough, otherwise by the numbering plan (slow: about 0.2 ms a region)."""
    if candidate.startswith("+"):
        return _is_valid(candidate, None)
    if any(region in _SHAPES and _SHAPES[region].fullmatch(candidate) is not None for region in regions):
        return True
    if candidate[0] not in "0(" and sum(map(str.isdigit, candidate)) > _MAX_NATIONAL_DIGITS:
        return False
    return any(_is_valid(candidate, region) for region in regions)


def _is_valid(candidate: str, region: str | None) -> bool:
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) if region is None else phonenumbers.is_valid_number(number)


# --- name -----------------------------------------------------------------------------------------------------------

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
_NOT_NAMES = _words(
    "not no on in and or the a an is was wrong spelled spelt misspelled misspelt incorrect correct listed still under missing being "
    "registered different already now never avoid nothing none good bad great excellent poor terrible ok okay yes usa uk eu us tv lol wtf omg asap "
    "fyi disappointed sorry happy sad angry thanks please help only very so also just written shown there here it that this what known same"
)
_WORD_NAMES = _words(
    "art bill chip dawn earl faith frank gene grace grant hope joy june mark may miles rich rob rose sue summer will young"
)
_PARTICLES = _words("mr mrs ms miss dr prof sir van von de der den da di la le al el bin ibn the and of")


def find_names(text: str, *, known_names: Iterable[str] = ()) -> Iterator[Span]:
    """Names that are known or that the text itself says are names; no guessing from capitals."""
    if pattern := _known_pattern(tuple(known_names)):
        yield from (match.span() for match in pattern.finditer(text))
    for introduction in (_INTRODUCTION, _THIS_IS, _REGARDS, _THANKS):
        yield from (match.span(1) for match in introduction.finditer(text) if _may_be_name(match[1]))
    yield from _sign_offs(text)


def _may_be_name(words: str) -> bool:
    """Not an ordinary word, and not a stretch of shouting ("I AM ALWAYS HAPPY WITH")."""
    return words.split()[0].lower() not in _NOT_NAMES and not (" " in words and words.isupper())


def _sign_offs(text: str) -> Iterator[Span]:
    """An agent's mark at the end of a turn: "^JH", "-Becky"."""
    at = max(0, len(text) - _SIGN_OFF_CHARACTERS)
    for match in _SIGN_OFF.finditer(text, at):
        group = "caret" if match["caret"] else "dash"
        if _may_be_name(match[group]):
            yield match.span(group)


_ROLES = _words(
    "customer agent support team user guest bot service services care anonymous unknown admin passenger client member visitor system "
    "supervisor advisor assistant help desk helpdesk caller staff manager company brand owner reviewer"
)
_NO_NAME_PARTS = _PARTICLES | _ROLES


@lru_cache(maxsize=64)
def _known_pattern(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """The names and their parts as written, in title case, in capitals and, unless they are common words, in lower case."""
    wanted = {" ".join(name.split()) for name in names} | {part for name in names for part in name.split() if part.isalpha()}
    wanted = {name for name in wanted if len(name) > 1 and not set(re.findall(r"[^\W\d_]+", name.lower())) <= _NO_NAME_PARTS}
    forms = {form for name in wanted for form in _name_forms(name)}
    if not forms:
        return None
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form)))) + r")(?!\w)")


def _name_forms(name: str) -> set[str]:
    if name.lower() in _WORD_NAMES:
        return {name.title()}
    return {name, name.title(), name.upper(), name.lower()} if len(name) > 2 else {name, name.title()}


# --- the registry ---------------------------------------------------------------------------------------------------

DETECTORS: dict[str, Detector] = {
    "url": find_urls,
    "email": find_emails,
    "iban": find_ibans,
    "card": find_cards,
    "order": find_orders,
    "account": find_accounts,
    "phone": find_phones,
    "handle": find_handles,
    "name": find_names,
}
_MASKED = re.compile(rf"\[({'|'.join(DETECTORS)})\]|<({'|'.join(DETECTORS)})>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RedactionRules:
    """Which kinds are masked, and in which countries' notation telephone numbers are known."""

    kinds: tuple[str, ...] = tuple(DETECTORS)
    phone_regions: tuple[str, ...] = DEFAULT_REGIONS

    @classmethod
    def load(cls, path: str | Path) -> "RedactionRules":
        """Read `redaction.toml`.

        Raises:
            ConfigError: the file is missing or no TOML, or a key, kind or country is missing or unknown.
        """
        try:
            settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as TOML ({type(error).__name__}).") from error
        if unknown := settings.keys() ^ {"kinds", "phone_regions"}:
            raise ConfigError(f"{path}: keys missing or unknown: {', '.join(sorted(unknown))}.")
        kinds = _known_strings(path, "kinds", settings["kinds"], frozenset(DETECTORS))
        return cls(kinds, _known_strings(path, "phone_regions", settings["phone_regions"], frozenset(phonenumbers.SUPPORTED_REGIONS)))


def _known_strings(path: str | Path, key: str, values: Any, allowed: frozenset[str]) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f"{path}: {key} must be a list of strings.")
    if unknown := sorted(set(values) - allowed):
        raise ConfigError(f"{path}: unknown {key}: {', '.join(unknown)}.")
    return tuple(values)


_ALL = RedactionRules()


def redact(text: str, *, rules: RedactionRules = _ALL, known_names: Iterable[str] = ()) -> Redacted:
    """Mask personal data in `text`.

    Args:
        text: normalised text of one verbatim or one turn.
        rules: the kinds to mask; all of them unless said otherwise.
        known_names: names of the people involved, as the sender gave them.

    Returns:
        The masked text with kinds and spans of its placeholders, those it already had included.
    """
    return _mask(text, _without_overlaps(_find(text, rules, tuple(known_names))))


def _find(text: str, rules: RedactionRules, known_names: tuple[str, ...]) -> list[list[_Found]]:
    """What each detector found, in the order of the registry; masks that are already there come first."""
    detectors = DETECTORS | {
        "phone": partial(find_phones, regions=rules.phone_regions),
        "name": partial(find_names, known_names=known_names),
    }
    found = [[(*match.span(), (match[1] or match[2]).lower()) for match in _MASKED.finditer(text)]]
    found += ([(start, end, kind) for start, end in detector(text)] for kind, detector in detectors.items() if kind in rules.kinds)
    return found


def _without_overlaps(ranked: Iterable[list[_Found]]) -> list[_Found]:
    """Earlier detectors first, then longer spans; a bytearray of taken characters keeps this linear."""
    kept: list[_Found] = []
    for found in ranked:
        kept += _free_of(kept, sorted(found, key=lambda span: (span[0] - span[1], span[0])))
    return sorted(kept)


def _free_of(kept: list[_Found], found: list[_Found]) -> list[_Found]:
    if not found:
        return []
    taken = bytearray(max(end for _, end, _ in kept + found))
    for start, end, _ in kept:
        taken[start:end] = b"\1" * (end - start)
    free = []
    for start, end, kind in found:
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            free.append((start, end, kind))
    return free


def _mask(text: str, found: list[_Found]) -> Redacted:
    pieces: list[str] = []
    spans: list[Redaction] = []
    offsets = array("I")
    at = length = 0
    for start, end, kind in found:
        placeholder = f"[{kind.upper()}]"
        length += start - at
        pieces += (text[at:start], placeholder)
        offsets.extend(range(at, start))
        offsets.extend([start] * len(placeholder))
        spans.append(Redaction(kind, length, length + len(placeholder)))
        length += len(placeholder)
        at = end
    pieces.append(text[at:])
    offsets.extend(range(at, len(text) + 1))
    return Redacted("".join(pieces), tuple(spans), offsets)
