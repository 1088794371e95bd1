"""A sender's HTML in, its text out, with paragraphs and line breaks kept as line breaks.

Runs in linear time for any input, which `html.parser` does not guarantee.
"""

import re
from html import unescape

_LOOKS = re.compile(r"<[a-zA-Z/!]|&[a-zA-Z#]")
_TAG = re.compile(r"<(?:(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})(?:[\s/][^<>]*)?|[!?][^<>]*)>")
_BREAKS = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr", "section", "article"}
)
_DROPPED = (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"), ("<head>", "</head>"))
_BLANKS = re.compile(r"[ \t\r\f\v\xa0]+")


def text_of_html(html: str) -> str:
    """Return the text; without markup it is only stripped."""
    if not _LOOKS.search(html):
        return html.strip()
    for start, end in _DROPPED:
        html = _without(html, start, end)
    text = unescape(_TAG.sub(_break, html))
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _break(tag: re.Match[str]) -> str:
    """A line break for the start or end of a block, nothing for other tags."""
    closing, name = tag[1], (tag[2] or "").lower()
    return "\n" if name in _BREAKS and not (closing and name == "br") else ""


def _without(html: str, start: str, end: str) -> str:
    """Remove everything between two marks, and the marks; an unclosed opening stays."""
    lowered = html.lower()
    if start not in lowered or len(lowered) != len(html):
        return html
    kept, at = [], 0
    while (opened := lowered.find(start, at)) >= 0 and (closed := lowered.find(end, opened + len(start))) >= 0:
        kept.append(html[at:opened])
        at = closed + len(end)
    return "".join([*kept, html[at:]])
