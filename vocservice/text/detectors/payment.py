"""Text in, spans of bank account and card numbers out, by their check digits."""

import re
from collections.abc import Iterator
from itertools import accumulate

from vocservice.text.detectors.span import Span, has_digits

_IBANS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 "
    "GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 "
    "MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_IBAN_LENGTHS = {code[:2]: int(code[2:]) for code in _IBANS.split()}
_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
_NO_DECIMALS = r"(?<!\b\d[.,])(?<!\b\d\d[.,])(?<!\b\d{3}[.,])"  # "3.1415926535897" and "12.4111..." are one number; "No.4111..." is not
_CARD = re.compile(rf"(?<!\d){_NO_DECIMALS}(?<!\d-)\d{{4}}(?:[ .\u2010-\u2013-]?\d){{9,}}(?!\d)")
_CARD_CODE = re.compile(r"\b(?:cvv2?|cvc2?|security code)(?: (?:is|number|no))?[ :.=#-]{0,3}(\d{3,4})\b", re.IGNORECASE)
_IBAN_DIGITS, _CARD_DIGITS = 2, 13  # minimum digits of a match
_CODE = re.compile(r"\d{3}")
_DIGITS = re.compile(r"\d+")


def find_ibans(text: str) -> Iterator[Span]:
    """IBANs with the country's length and valid check digits."""
    for match in _IBAN.finditer(text) if has_digits(text, _IBAN_DIGITS) else ():
        length = _IBAN_LENGTHS.get(match.group()[:2].upper())
        end = length and _take(text, match.start(), length)
        if end and _passes_mod97(text[match.start() : end]):
            yield match.start(), end


def _take(text: str, start: int, count: int) -> int | None:
    """End of `count` letters and digits from `start`, allowing spaces and hyphens."""
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
    """Card numbers by check digit, and a security code beside one."""
    if not _CODE.search(text):
        return
    for match in _CARD.finditer(text) if has_digits(text, _CARD_DIGITS) else ():
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
    """The last of the digit groups that form a card number, longest first; printed groups start with four or more digits."""
    if groups[0][1] - groups[0][0] < 4:
        return None
    totals = accumulate(end - start for start, end in groups)
    fits = [index for index, total in enumerate(totals) if 13 <= total <= 19]
    return next((i for i in reversed(fits) if _passes_luhn("".join(text[start:end] for start, end in groups[: i + 1]))), None)


def _passes_luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return len(set(digits)) > 1 and (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
