"""Text in, edits that remove its HTML markup out: tags, comments, scripts and style sheets."""

import re
from collections.abc import Iterator

from vocservice.text.edits import Edit

_TAG = re.compile(
    r"<!--|<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:]{0,15}+)(?P<rest>(?:[\s/](?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+|[\s/][^<>]*)?)>"
    r"|<(?:!doctype|\?xml|!\[)[^<>]*>",
    re.IGNORECASE,
)


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_BLOCKS = _words(
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure footer form "
    "frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav noscript ol optgroup option p pre section "
    "summary table tbody tfoot thead title tr ul"
)
_CELLS = frozenset({"td", "th"})
_DROPPED = frozenset({"script", "style"})
_INLINE = _words(
    "a abbr acronym area audio b base bdi bdo big button canvas cite code col colgroup data datalist del dfn em embed font frame i "
    "iframe img input ins kbd label link map mark meta meter nobr object output param path picture progress q rp rt ruby s samp "
    "script select slot small source span strike strong style sub sup svg template textarea time track tt u var video wbr o:p"
)
_ELEMENTS = _BLOCKS | _CELLS | _INLINE
# Words that senders also use as masks ("<address>", "<link>"): a bare one is markup only if it is also closed.
_MASK_LIKE = _words(
    "address audio button caption code data details form label link map menu meta object option picture source summary table "
    "time title track video"
)


def remove_markup(text: str) -> Iterator[Edit]:
    if "<" not in text:
        return
    find_end = _EndFinder(text)
    at = 0
    while match := _TAG.search(text, at):
        replacement = _markup_replacement(match, find_end)
        at = match.end()
        if replacement is None:
            continue
        if closer := _closer(match):
            at = find_end(closer, at) or at
        yield match.start(), at, replacement


class _EndFinder:
    """End of a closing mark, or None; remembers missing ones so that unclosed openings are not searched twice."""

    def __init__(self, text: str) -> None:
        self._text = text.lower() if len(text.lower()) == len(text) else text
        self._missing: set[str] = set()
        self._names: dict[str, bool] = {}

    def __call__(self, closer: str, at: int) -> int | None:
        if closer in self._missing:
            return None
        found = self._text.find(closer, at)
        if found < 0:
            self._missing.add(closer)
            return None
        return found + len(closer)

    def closes(self, name: str) -> bool:
        if name not in self._names:
            self._names[name] = f"</{name}>" in self._text
        return self._names[name]


def _closer(match: re.Match[str]) -> str | None:
    """The end mark of the content after this opening: a comment, a script, a style sheet."""
    if match.group() == "<!--":
        return "-->"
    name = (match["name"] or "").lower()
    return f"</{name}>" if name in _DROPPED and not match["close"] else None


def _markup_replacement(match: re.Match[str], find_end: _EndFinder) -> str | None:
    """The replacement of a tag, or None if it is not a tag (`<url>`, `a <b and c> d`, an unclosed comment)."""
    if match.group() == "<!--":
        return "" if find_end("-->", match.end()) else None
    name = (match["name"] or "").lower()
    if not name:
        return ""
    bare = not match["rest"].strip(" \t\n/")
    if name not in _ELEMENTS or not (bare or "=" in match["rest"]):
        return None
    if bare and name in _MASK_LIKE and not match["close"] and not find_end.closes(name):
        return None
    return "\n" if name in _BLOCKS else " " if name in _CELLS else ""
