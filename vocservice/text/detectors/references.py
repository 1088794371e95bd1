"""Text in, spans of order and account numbers out: identifiers beside a cue word."""

import re
from collections.abc import Iterator

from vocservice.text.detectors.span import Span, has_digits

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
# A digit where an identifier may be: in a run of five characters, or before two other digits.
_MAY_BE_ID = re.compile(r"\d(?:\d\d|\S{4}|(?<=\S\S)\S{3}|(?<=\S{3})\S\S|(?<=\S{4})\S|(?<=\S{5}))")
_ORDER = re.compile(rf"\b(?:{_ORDER_CUE})\b{_LINK}{_ID}", re.IGNORECASE)
_ACCOUNT = re.compile(rf"\b(?:{_ACCOUNT_CUE})\b{_LINK}{_ID}", re.IGNORECASE)
_SORT_CODE = re.compile(rf"\bsort[ -]?code\b{_LINK}(?P<id>\d\d([ -]?)\d\d\3\d\d)(?![\w%]|[-/.]\d)", re.IGNORECASE)
_SORT_CODE_DIGITS = 6
_ORDER_AFTER = re.compile(
    rf"\b{_ID} ?(?:\(|is |was |as )(?:my |the |our |your )?(?:{_ORDER_CUE})(?: (?:number|no|id|code|reference|ref))?\b", re.IGNORECASE
)
_NEAR = re.compile(rf"\b(?:{_ORDER_CUE}|record)\b", re.IGNORECASE)
# The cues in lower case: a search that ignores case takes four times as long.
_NEAR_LOWERED = re.compile(rf"\b(?:{_ORDER_CUE}|record)\b")
_ACCOUNT_LOWERED = re.compile(rf"\b(?:{_ACCOUNT_CUE})\b")
_ODD_CASE = re.compile("[\u0130\u0131\u017f]")  # equal to i, i and s if case is ignored, but not in lower case
_LOCATOR = re.compile(r"(?<![\w@#/.-])(?=[A-Z0-9]{0,11}\d)(?=[A-Z0-9]{0,11}[A-Z])[A-Z0-9]{6,12}(?![\w/.-]\w|\w)")
_NEAR_CHARACTERS = 60
_NAMED_LINK = re.compile(r"num|nbr|n[or]\.?|id|code|ref|locator|tracking|confirmation|№", re.IGNORECASE)
_HASH_LINK = re.compile(r"[ \t:=(-]*#[ \t]*")  # "order #"; not "my booking, #" nor "a ticket. #", where a hashtag may follow
# Words with a year or size (COVID19) and pseudonyms of organisations (ORG12).
_WORD_AND_NUMBER = re.compile(r"[A-Z]{4,}\d{1,2}|(?:ORG|NHS)\d{1,5}", re.IGNORECASE)
# Flights (BA1234, EZY8432) and aircraft (A330, B737), which have no "#" before them.
_FLIGHT = re.compile(r"(?:[A-Z]{2}|[A-Z]\d|\d[A-Z])\d{1,4}[A-Z]?|[A-Z]{3}\d{4}|[ABE]\d{3}", re.IGNORECASE)
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
    if not _may_have_id(text, _NEAR_LOWERED):
        return
    yield from _cued_ids(_ORDER, text)
    yield from (match.span("id") for match in _ORDER_AFTER.finditer(text) if _is_id(match["id"], named=True))
    yield from _locators(text)


def find_accounts(text: str) -> Iterator[Span]:
    """Account, policy, membership and customer numbers beside their cue word."""
    if _may_have_id(text, _ACCOUNT_LOWERED):
        yield from _cued_ids(_ACCOUNT, text)
    if has_digits(text, _SORT_CODE_DIGITS):
        yield from (match.span("id") for match in _SORT_CODE.finditer(text))


def _may_have_id(text: str, cue: re.Pattern[str]) -> bool:
    return bool(_MAY_BE_ID.search(text) and (cue.search(text.lower()) or _ODD_CASE.search(text)))


def _cued_ids(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        link = match["link"]
        counted = _COUNTED.match(text, match.end("id"))
        hashed = _HASH_LINK.fullmatch(link) is not None
        named, marked = _NAMED_LINK.search(link) is not None, "#" in link or ":" in link
        if _is_id(match["id"], named=named, marked=marked, hashed=hashed) and not counted:
            yield match.span("id")


def _is_id(value: str, *, named: bool, marked: bool = False, hashed: bool = False) -> bool:
    """Whether a token after a cue word is an identifier; strict without "number", "code" or "#" in between."""
    digits = sum(map(str.isdigit, value))
    if not digits or _DATE_OR_RANGE.fullmatch(value):
        return False
    if named:
        return not re.fullmatch(r"\d+[a-z]{1,7}", value)
    if _WORD_AND_NUMBER.fullmatch(value) or (not hashed and _FLIGHT.fullmatch(value)):
        return False
    plain = value == value.upper() and digits >= 2
    return plain or (marked and 3 * digits >= len(value))


def _locators(text: str) -> Iterator[Span]:
    for match in _LOCATOR.finditer(text):
        near = text[max(0, match.start() - _NEAR_CHARACTERS) : match.end() + _NEAR_CHARACTERS]
        if not (_WORD_AND_NUMBER.fullmatch(match.group()) or _FLIGHT.fullmatch(match.group())) and _NEAR.search(near):
            yield match.span()
