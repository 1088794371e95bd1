"""Segments are clauses that can be read alone; together they cover every visible character, in linear time."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocservice.records import Segment, Turn, Verbatim
from vocservice.text.segment import MAX_TOKENS, segment, segments_of

CASES = [
    ("great food but the refund took four calls", ["great food", "but the refund took four calls"]),
    ("", []),
    (" \n\t ", []),
    ("Good", ["Good"]),
    ("OK, thanks", ["OK, thanks"]),
    ("It cost 3.50 for v2.0 of it", ["It cost 3.50 for v2.0 of it"]),
    ("It cost $1,000.50, at 10:30", ["It cost $1,000.50,", "at 10:30"]),
    ("Mr. Smith called at 9 a.m. sharp", ["Mr. Smith called at 9 a.m. sharp"]),
    ("We left at 5 p.m. The staff was rude.", ["We left at 5 p.m.", "The staff was rude."]),
    ("I live in the U.S. now", ["I live in the U.S. now"]),
    ("Try Apple Inc. It was fine.", ["Try Apple Inc.", "It was fine."]),
    ("Flew U.S. Airways home", ["Flew U.S. Airways home"]),
    ("Ask J. Smith there", ["Ask J. Smith there"]),
    ("Bags, coats etc. Nobody helped us", ["Bags,", "coats etc.", "Nobody helped us"]),
    ("No. 5 is fine", ["No. 5 is fine"]),
    ("They said no. Nobody came.", ["They said no.", "Nobody came."]),
    ("see https://example.com/a,b;c?d=1 for more", ["see https://example.com/a,b;c?d=1 for more"]),
    ("Ask [EMAIL]. They know.", ["Ask [EMAIL].", "They know."]),
    ("Wait... what?", ["Wait...", "what?"]),
    ("I waited… and they never came", ["I waited…", "and they never came"]),
    ("What?! No way!!", ["What?!", "No way!!"]),
    ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
    ("Great app 👍👍 but slow 😡 never again", ["Great app 👍👍", "but slow 😡", "never again"]),
    ("I ❤️ this app so much", ["I ❤️ this app so much"]),
    ("👍", ["👍"]),
    ("w/ my dog w/o help", ["w/ my dog w/o help"]),
    ("well-known state-of-the-art thing", ["well-known state-of-the-art thing"]),
    ("food/drink was fine", ["food/drink was fine"]),
    ("- slow app\n- bad food", ["- slow app", "- bad food"]),
    ("1. late\n2. cold", ["1. late", "2. cold"]),
    ("1) slow app 2) ugly page", ["1) slow app", "2) ugly page"]),
    ("it can: • do this well • do that too", ["it can:", "• do this well", "• do that too"]),
    ("I flew (economy class) to Rome", ["I flew", "(economy class)", "to Rome"]),
    ("Love it!!!Fast delivery.Great price", ["Love it!!!", "Fast delivery.", "Great price"]),
    ("Johnson & Johnson is fine", ["Johnson & Johnson is fine"]),
    ("Version 1.2.3 crashed; had to reinstall", ["Version 1.2.3 crashed;", "had to reinstall"]),
    ("fast app and/or nice staff", ["fast app and/or nice staff"]),
    ("I paid 20. They paid 10.", ["I paid 20.", "They paid 10."]),
    ("A simple site which saved me money", ["A simple site", "which saved me money"]),
    ("I would come back if it were cheaper", ["I would come back", "if it were cheaper"]),
    ("Not sure if so", ["Not sure if so"]),
    ("Great food, but if it were cheaper I would come", ["Great food,", "but if it were cheaper I would come"]),
    ("It was clean and when I called they came", ["It was clean", "and when I called they came"]),
    ("The staff (who were new) could not help", ["The staff", "(who were new)", "could not help"]),
    ("Ask me when ready", ["Ask me when ready"]),
    ("The man who came", ["The man who came"]),
]


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in segment(text)]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_text_is_cut_into_clauses(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_run_on_text_is_cut_into_parts() -> None:
    assert len(pieces("word " * (MAX_TOKENS * 2))) == 2


SNIPPETS = st.sampled_from(
    [text for text, _ in CASES] + [".", "…", "(", ")", "&", "a.", "1.", "!a", "\u00a0", "x" * 120, "\u3000", "a\u0301", "\x1c"]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(SNIPPETS | st.text(max_size=10), max_size=8).map("".join))
def test_spans_are_sorted_disjoint_and_cover_every_visible_character(text: str) -> None:
    spans = segment(text)
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    covered = {at for start, end in spans for at in range(start, end)}
    assert all(character.isspace() for at, character in enumerate(text) if at not in covered)
    assert all(text[start:end].strip() for start, end in spans)


@pytest.mark.parametrize("unit", ["a", "a,", "a.", "é/", "-", "...", "A.", "(a", "👍a", "!a", "great food, "])
def test_a_hundred_thousand_characters_take_little_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    segment("warm")
    start = time.process_time()
    segment(text)
    assert time.process_time() - start < 4


def test_time_grows_with_length_not_its_square() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        segment("the food was ok, but slow. " * count)
        return time.process_time() - start

    seconds(100)
    assert seconds(37_000) < 40 * max(seconds(3_700), 0.01)


def test_threads_get_the_same_segments() -> None:
    texts = [f"word{number} food but the ref{number} took four calls" for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(segment, texts)) == [segment(text) for text in texts]


def test_only_the_customers_turns_have_segments() -> None:
    turns = (Turn("agent", "Hello there."), Turn("customer", "great food but it took four calls"))
    verbatim = Verbatim("1", turns, is_transcript=True, language="en")
    assert segments_of(verbatim) == [Segment(1, 0, 10), Segment(1, 11, 33)]
