"""Tests of `markup`: paragraphs stay, marks go, and nothing takes long."""

from time import process_time

import pytest

from vocservice.ingest.markup import text_of_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("One.<br>Two.<br/>Three.", "One.\nTwo.\nThree."),
        ("  plain, a < b & c > d ", "plain, a < b & c > d"),
        ("I <3 you &amp; you", "I <3 you & you"),
        ("<p class='x'>a&nbsp;&lt;b&gt;</p>", "a <b>"),
        ("<style>p {}</style>Hi<!-- <b>no</b> --><SCRIPT>var a = '<p>';</SCRIPT> there", "Hi there"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\n\nTwo"),
        ("<!-- never closed", "<!-- never closed"),
        ("<p></p>", ""),
    ],
)
def test_text_of_html(html: str, text: str) -> None:
    assert text_of_html(html) == text


@pytest.mark.parametrize(
    "piece", ["<", "<!", "<!--", "<![CDATA[", "<a ", '<a b="', "</a", "&", "&#", "<script>", "<p>x</p>", "<script></", "\n"]
)
def test_time_is_linear_in_the_length(piece: str) -> None:
    started = process_time()
    text_of_html("<b>" + piece * (300_000 // len(piece)))
    assert process_time() - started < 2
