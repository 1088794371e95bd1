"""A sender's HTML in, its text out, with paragraphs and line breaks kept as line breaks."""

import re
from html.parser import HTMLParser

_BREAKS = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr", "section", "article"}
)
_DROPPED = frozenset({"script", "style", "head", "title"})
_LOOKS = re.compile(r"<[a-zA-Z/!]|&[a-zA-Z#]")


def text_of_html(html: str) -> str:
    """The text; what holds no markup comes back as it is, without blanks around it."""
    if not _LOOKS.search(html):
        return html.strip()
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (re.sub(r"[ \t\r\f\v\xa0]+", " ", line).strip() for line in "".join(reader.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.pieces.append("\n")
        self._dropped += tag in _DROPPED

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS and tag != "br":
            self.pieces.append("\n")
        if tag in _DROPPED and self._dropped:
            self._dropped -= 1

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self.pieces.append(data)
