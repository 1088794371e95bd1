"""Cleaning composes normalising and redacting, and its offsets lead all the way back to the raw text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocservice.text.clean import clean
from vocservice.text.redact import RedactionRules

RULES = RedactionRules.load(Path(__file__).parents[2] / "config" / "redaction.toml")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>Mail&nbsp;<b>jane@example.com</b></p>", "Mail [EMAIL]"),
        ("order&#32;number &#35;12345678 &amp; more", "order number #[ORDER] & more"),
        ("call 07700\u00a0900\u00ad123", "call [PHONE]"),
        ("4111\u200b1111 1111 1111", "[CARD]"),
        ("ｊａｎｅ＠example.com", "[EMAIL]"),
        ("", ""),
    ],
)
def test_what_markup_or_invisible_characters_hide_is_masked(raw: str, expected: str) -> None:
    assert clean(raw, rules=RULES).text == expected


def test_offsets_span_the_raw_slice_of_a_mask_and_of_a_word() -> None:
    raw = "<p>Mail  jane@example.com&#44; please</p>"
    done = clean(raw, rules=RULES)
    (mask,) = done.redactions
    assert raw[done.offsets[mask.start] : done.offsets[mask.end]] == "jane@example.com"
    at = done.text.index("please")
    assert raw[done.offsets[at] : done.offsets[at + len("please")]] == "please"


def test_warnings_and_known_names_pass_through() -> None:
    done = clean("Jane\x00 waited", rules=RULES, known_names=("Jane",))
    assert done.text == "[NAME]\ufffd waited"
    assert done.warnings == ("invalid_characters",)
    assert [span.kind for span in done.redactions] == ["name"]


def test_rules_decide_what_is_masked() -> None:
    assert clean("@brand jane@example.com", rules=RedactionRules(kinds=("handle",))).text == "[HANDLE] jane@example.com"


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(["<b>", "&amp;", "jane@example.com ", "e\u0301", "  ", "\n\n\n", "ok ", "\ud800", "ﬁ"]) | st.text(max_size=8)
    ).map("".join)
)
def test_offsets_are_ordered_and_stay_within_the_raw_text(raw: str) -> None:
    done = clean(raw, rules=RULES)
    assert len(done.offsets) == len(done.text) + 1
    assert list(done.offsets) == sorted(done.offsets)
    assert all(0 <= offset <= len(raw) for offset in done.offsets)
