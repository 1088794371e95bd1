"""Normalising keeps the wording, drops what a reader does not see, and every offset points at its cause."""

import html
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vocservice.text.edits import State
from vocservice.text.normalise import by_steps, is_tidy, normalise

CASES = [
    ("plain text stays", "plain text stays"),
    ("", ""),
    (" \n ", ""),
    # characters
    ("a\x00b\ud800", "a\ufffdb\ufffd"),
    ("\ud83d\ude00", "😀"),
    ("a\x07b\x9fc\u200bd\u202ee\ufefff\u00adg", "abcdefg"),
    ("👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3", "👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3"),
    (
        "👋🏽 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "👋🏽 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ),
    ("I\ufe0f a\u200db", "I ab"),
    ("cafe\u0301", "café"),
    ("\u1100\u1161", "가"),
    ("ﬁne ﬀ ＡＢＣ！", "fine ff ABC!"),
    ("x² ½ ™ “quoted” it’s", "x² ½ ™ “quoted” it’s"),
    ("a\u00a0b\u3000c\u2009d", "a b c d"),
    # entities
    ("Fish &amp; chips &lt;3", "Fish & chips <3"),
    ("&#39;ok&#x27; &hellip;", "'ok' …"),
    ("&amp;amp; &amp;lt;3 &amp;#39;", "& <3 '"),
    ("&amp;nosuch; &nosuch; AT&T a=1&copy=2", "&nosuch; &nosuch; AT&T a=1&copy=2"),
    ("&#146;s &#0; &#xD800; &#99999999;", "’s \ufffd \ufffd \ufffd"),
    ("a &nbsp b", "a b"),
    # markup
    ("<p>One</p><p>Two<br/>three</p>", "One\n\nTwo\nthree"),
    ("<b>bold</b> and <a href='x>y'>link</a>", "bold and link"),
    ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
    ("x<script>alert('1 < 2')</script>y<style>p{}</style>z", "xyz"),
    ("a<!-- hidden > -->b <!-- open", "ab <!-- open"),
    ("&lt;br&gt;new line", "new line"),
    ("<!DOCTYPE html><html><body>hi</body></html>", "hi"),
    ("<url> <email> <user> <3 a < b > c <b and c> <o_o>", "<url> <email> <user> <3 a < b > c <b and c> <o_o>"),
    ("from <address> on <time>", "from <address> on <time>"),
    ("<address>Here</address>", "Here"),
    ("<unknown>kept</unknown>", "<unknown>kept</unknown>"),
    # white space and repeats
    ("a  \t b\r\nc \n d\r\r\r\re", "a b\nc\nd\n\ne"),
    ("so" + "o" * 50 + "!" * 50, "s" + "o" * 10 + "!" * 10),
    ("4000000000000002 " + "7" * 50, "4000000000000002 " + "7" * 20),
    ("z" + "\u0301" * 10_000 + "!", "ź\u0301\u0301\u0301!"),
]


@pytest.mark.parametrize(("raw", "expected"), CASES)
def test_text_reads_as_meant(raw: str, expected: str) -> None:
    assert normalise(raw).text == expected


@pytest.mark.parametrize(
    ("raw", "warns"),
    [
        ("ok", False),
        ("\ufffd", False),
        ("\ud83d\ude00", False),
        ("a\x07", False),
        ("\x00", True),
        ("\udc00", True),
        ("&#0;", True),
        ("\x00" * 40, True),
    ],
)
def test_only_characters_that_cannot_be_kept_warn(raw: str, warns: bool) -> None:
    assert normalise(raw).warnings == (("invalid_characters",) if warns else ())


def test_offsets_span_the_raw_slice_of_a_word() -> None:
    raw = " <p>It &amp; <b>cafe\u0301</b>  ok</p> "
    done = normalise(raw)
    assert done.text == "It & café ok"
    at = done.text.index("café")
    assert raw[done.offsets[at] : done.offsets[at + 3]] == "caf"
    assert raw[done.offsets[-2] : done.offsets[-1]] == "k"


SNIPPETS = st.sampled_from(
    [raw for raw, _ in CASES] + ["<", ">", "&", ";", "<b", "</p>", "\u0301", "\u0344", "\u0958", "\u200d", "\n", "İ", "\u212b"]
)
RAW = st.lists(SNIPPETS | st.text(st.characters(), max_size=8), max_size=8).map("".join)


@settings(deadline=None, max_examples=300)
@given(RAW)
@example("\u1fee")
def test_every_character_is_explained_by_its_raw_slice(raw: str) -> None:
    done = normalise(raw)
    offsets = list(done.offsets)
    assert len(offsets) == len(done.text) + 1
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= len(raw) for offset in offsets)
    for at, character in enumerate(done.text):
        later = next((offset for offset in offsets[at:] if offset > offsets[at]), len(raw))
        assert explains(raw[offsets[at] : later], character), (character, raw[offsets[at] : later])


def explains(source: str, character: str) -> bool:
    """The character stands there itself, or is made from what stands there: white space, markup, an entity, another form."""
    if source[:1] == character:
        return True
    if character in " \n":
        return source[:1].isspace() or source[:1] in {"<", "&"}
    made = unicodedata.normalize("NFKD", html.unescape(html.unescape(source)))
    return character == "\ufffd" or source[0] in "&\ud83d" or all(part in made for part in unicodedata.normalize("NFKD", character))


TIDY = st.sampled_from(
    ["It’s", "great", "–", "£5", "é", " ", " ", "\n", "aaaaaaaaaa", "!", "½", "“so”", "…", "\u00a0", "\u00ad", "<3", "&"]
)


@settings(deadline=None, max_examples=500)
@given(st.lists(TIDY, max_size=12).map("".join) | RAW)
@example("".join(map(chr, range(0x20, 0x100))))
def test_a_tidy_text_comes_out_as_by_all_steps(raw: str) -> None:
    done, whole = normalise(raw), by_steps(State(raw, range(len(raw) + 1)))
    assert (done.text, list(done.offsets), done.warnings) == (whole.text, list(whole.offsets), whole.warnings)


def test_no_step_changes_a_character_of_a_tidy_text() -> None:
    characters = [*map(chr, range(0x20, 0x180)), *map(chr, range(0x2000, 0x2100))]
    tidy = [raw for character in characters if is_tidy(raw := f"a{character}b{character * 2}c")]
    assert len(tidy) > 150
    assert [by_steps(State(raw, range(len(raw) + 1))).text for raw in tidy] == tidy


@settings(deadline=None, max_examples=200)
@given(RAW)
def test_result_has_no_invisible_characters_and_even_white_space(raw: str) -> None:
    text = normalise(raw).text
    assert text == text.strip()
    assert "  " not in text and "\n\n\n" not in text and " \n" not in text and "\n " not in text
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text if character != "\n")
    assert unicodedata.is_normalized("NFC", text)


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_characters="&<＆＜", exclude_categories=["Cs"]), max_size=60))
def test_normalising_twice_changes_nothing_where_there_is_no_markup(raw: str) -> None:
    once = normalise(raw).text
    assert normalise(once).text == once


@pytest.mark.parametrize(
    "unit",
    ["a", "word ", "<", "<a ", "<b>", "<!--", "<script>", "&", "&amp;", " \n\t", "a  ",
     "\u0301\u0323", "e\u0301", "Ａ", "<a \"", "<a '>", "\u200d", "\u212b", "<time>"],
)  # fmt: skip
def test_a_megabyte_takes_little_time(unit: str) -> None:
    raw = unit * (1_000_000 // len(unit))
    start = time.process_time()
    normalise(raw)
    assert time.process_time() - start < 5
