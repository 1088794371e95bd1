"""Text in, spans of links, e-mail addresses and handles out."""

import re
from collections.abc import Iterator

from vocservice.text.detectors.span import Span

_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|ly|gl|gg|be|us|uk|ca|au|nz|ie|de|fr|es|it|nl|pt|se|no|dk|fi|pl|ch|at|"
    "in|jp|cn|kr|br|mx|za|sg|hk|eu|ru|to|cc|im|fm|link|shop|store|online|site|page|news|live|blog|xyz|club"
)
_URL = re.compile(
    r"(?<![^\W_])(?:https?|ftp):/{1,3}[^\s<>\"]+|(?<![\w@.-])www\.[^\s<>\"]+"
    rf"|(?<![\w@.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,5}}(?:{_TLD})(?::\d{{2,5}})?[/?#](?![\s])[^\s<>\"]*",
    re.IGNORECASE,
)
_BARE_ADDRESS = re.compile(r"\.[a-z]{2,6}(?::\d{2,5})?[/?#]", re.IGNORECASE)
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
_HANDLE_TAIL = re.compile(r"(?:\.[a-z][a-z0-9_]{0,29}){0,2}\.[a-z][a-z0-9_]{1,29}(?![\w@])")


def find_urls(text: str) -> Iterator[Span]:
    """Links; a bare domain ("booking.com") is a brand name and is kept."""
    if not (":/" in text or _BARE_ADDRESS.search(text) or "www." in text.lower()):
        return
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
    """E-mail addresses, also spelled out ("jane at example dot com")."""
    for match in _DOMAIN.finditer(text) if "@" in text else ():
        before = text[max(0, match.start() - 64) : match.start()]
        local = _LOCAL.match(before[::-1])
        name = before[len(before) - (local.end() if local else 0) :].lstrip("'&.-")
        if name:
            yield match.start() - len(name), match.end()
    lowered = text.lower()
    if any(mark in lowered for mark in (" dot ", "(at)", "[at]", "(dot)", "[dot]")):
        yield from (match.span() for match in _SPELLED_EMAIL.finditer(text) if _is_spelled(match.group().lower()))


def _is_spelled(candidate: str) -> bool:
    """Excludes "shop at example.com": one of the marks must be spelled out."""
    return any(mark in candidate for mark in (" dot ", "(at)", "[at]", "(dot)", "[dot]"))


def find_handles(text: str, *, never: frozenset[str] = frozenset()) -> Iterator[Span]:
    """@names, also with dots ("@jane.doe"); "@5pm" and "@100" are times and prices.

    `never`: words that begin the next sentence if the space is missing ("@brand.great flight").
    """
    if "@" in text or "/u/" in text:
        yield from ((match.start(), _handle_end(text, match, never)) for match in _HANDLE.finditer(text))


def _handle_end(text: str, match: re.Match[str], never: frozenset[str]) -> int:
    """A handle with its parts after dots if all are lower case: "@SomeBrand.If" is two sentences."""
    is_low = match.group().startswith("@") and match.group() == match.group().lower()
    tail = _HANDLE_TAIL.match(text, match.end()) if is_low else None
    return tail.end() if tail and never.isdisjoint(tail.group().split(".")) else match.end()
