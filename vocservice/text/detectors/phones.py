"""Text in, spans of telephone numbers out: by their shape, the numbering plan, or a word before them."""

import re
from collections.abc import Iterable, Iterator

import phonenumbers

from vocservice.text.detectors.span import Span, has_digits

DEFAULT_REGIONS = ("US", "GB")
_DIGITS = r"(?:\+ ?|\()?\(?\d(?:[ \u2010-\u2013().-]{0,2}\d){6,14}"
_ANOTHER = (  # a complete number right after the "/" or "," that follows another
    r"(?:\+\d(?:[ ().-]{0,2}\d){7,14}|\(?0\d(?:[ ().-]{0,2}\d){8,9}|\(?[2-9]\d\d\)?[ .-]?\d{3}[ .-]?\d{4})(?![\w%€£$]|[.:-]\d)"
)
_END = rf"(?![\d%€£$]|[.:-]\d|[,/](?!{_ANOTHER})\d|[^\W\d_])"
_PHONE_WINDOW = re.compile(
    rf"(?:(?<![\w.,:/$£€¥#@+-])|(?<=\d{{4}}[,/])(?={_ANOTHER})){_DIGITS}(?:,? ?(?:x|ext\.?|extension) ?\d{{1,5}})?{_END}", re.IGNORECASE
)
_PHONE_LABEL = re.compile(r"(?:tel|phone|mobile|mob|cell|call|fax|whatsapp|t|m|p)(?: (?:no\.?|number))?[.:]\s?$", re.IGNORECASE)
_PHONE_CUE = re.compile(
    r"\b(?:call(?:ed|ing)?|phone[ds]?|tel|telephone|mobile|cell|text(?:ed)?|ring|rang|whatsapp|sms|dial(?:led|ed)?|fax|contact|reach|number|landline|hotline)\b",
    re.IGNORECASE,
)
_PHONE_LABELLED = re.compile(rf"(?<=[:.]){_DIGITS}{_END}")
_MIN_DIGITS = 7
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
    """Telephone numbers: digit sequences that are not dates, prices, year ranges or counts, confirmed by a numbering plan or a cue word."""
    if not has_digits(text, _MIN_DIGITS):
        return
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
    """A number adjacent to other digits ("2 07700 900123")."""
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
    """By its form if sufficient, otherwise by the numbering plan (slow: about 0.2 ms per region)."""
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
