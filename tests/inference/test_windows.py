"""Long texts are read in overlapping windows and never cut; every token knows its segment."""

import time

import pytest
from tokenizers import Tokenizer
from toymodel import segmented, talk, verbatim

from vocservice.errors import BundleError
from vocservice.inference.windows import MIN_WINDOW, NO_SEGMENT, Windowed, Windower, prefix_of
from vocservice.records import Segment, Verbatim


def windowed(tokenizer: Tokenizer, *verbatims: Verbatim, size: int = MIN_WINDOW) -> list[Windowed]:
    return Windower(tokenizer, max_window=size).windows(verbatims, segmented(verbatims))


def tokens_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def inner(made: Windowed, head: int) -> list[list[int]]:
    """The tokens of the text in each window, without its head and its end."""
    return [list(window.ids[head:-1]) for window in made.windows]


@pytest.mark.parametrize("count", [1, 61, 62, 63, 77, 78, 79, 124, 125, 500, 3000])
def test_every_token_is_read_in_order_and_no_window_is_too_long(tokenizer: Tokenizer, count: int) -> None:
    letters = " ".join("abcdefghijklmnopqrstuvwxyz0123456789"[at % 36] for at in range(count))
    ids = tokens_of(tokenizer, letters)
    (made,) = windowed(tokenizer, verbatim(letters))
    assert len(ids) == count and all(len(window.ids) <= MIN_WINDOW for window in made.windows)
    joined: list[int] = []
    for at, part in enumerate(inner(made, 1)):
        start = at * 47  # room of 62, a quarter of which is shared
        assert start <= len(joined)  # no gap
        assert part == ids[start : start + 62]
        joined[start:] = part
    assert joined == ids


def test_neighbouring_windows_share_a_quarter_and_the_last_one_brings_something_new(tokenizer: Tokenizer) -> None:
    (made,) = windowed(tokenizer, verbatim("food " * 300))
    assert len(made.windows) > 3
    room = MIN_WINDOW - 2
    assert (len(made.windows) - 2) * (room - room // 4) + room < 300


def test_a_hundred_thousand_characters_are_read_to_the_last_word(tokenizer: Tokenizer) -> None:
    text = "bad " * 24_999 + "late"
    (made,) = windowed(tokenizer, verbatim(text), size=256)
    assert made.windows[-1].ids[-2] == tokenizer.token_to_id("late")
    assert {owner for window in made.windows for owner in window.segments} == {NO_SEGMENT, *range(len(made.segments))}


@pytest.mark.parametrize(
    ("channel", "question", "head"),
    [
        (None, None, ["[CLS]"]),
        ("good", None, ["[CLS]", "good", "[SEP]"]),
        (None, "the price", ["[CLS]", "the", "price", "[SEP]"]),
        ("good", "the price", ["[CLS]", "good", "the", "price", "[SEP]"]),
    ],
)
def test_channel_and_question_stand_before_every_window(
    tokenizer: Tokenizer, channel: str | None, question: str | None, head: list[str]
) -> None:
    (made,) = windowed(tokenizer, verbatim("food " * 200, channel=channel, question=question))
    assert len(made.windows) > 1
    for window in made.windows:
        assert [tokenizer.id_to_token(token) for token in window.ids[: len(head)]] == head
        assert set(window.segments[: len(head)]) == {NO_SEGMENT} and window.segments[-1] == NO_SEGMENT
        assert tokenizer.id_to_token(window.ids[-1]) == "[SEP]"


def test_a_very_long_question_leaves_room_for_all_of_the_text(tokenizer: Tokenizer) -> None:
    (made,) = windowed(tokenizer, verbatim("a b c d e f g h i j k l m n o p q r s t", question="why " * 500))
    assert all(len(window.ids) <= MIN_WINDOW for window in made.windows)
    head = made.windows[0].ids.index(tokenizer.token_to_id("[SEP]")) + 1
    assert {token for part in inner(made, head) for token in part} == set(tokens_of(tokenizer, "a b c d e f g h i j k l m n o p q r s t"))


@pytest.mark.parametrize(
    "text",
    ["The food was good, but the crew was late!", "  good 😀 food;bad\tprice... late", "é" * 30 + " food", "İstanbul food, but late crew"],
)
def test_each_token_belongs_to_the_segment_its_first_character_lies_in(tokenizer: Tokenizer, text: str) -> None:
    one = verbatim(text)
    (made,) = windowed(tokenizer, one)
    encoded = tokenizer.encode(text, add_special_tokens=False)
    owners = made.windows[0].segments[1:-1]
    assert len(owners) == len(encoded.ids)
    for (start, end), owner in zip(encoded.offsets, owners, strict=True):
        part = made.segments[owner]
        if end > start:
            assert part.start <= start < part.end


def test_of_a_transcript_only_the_customers_words_are_read(tokenizer: Tokenizer) -> None:
    (made,) = windowed(tokenizer, talk(("agent", "hello there"), ("customer", "late crew"), ("bot", "good"), ("customer", "bad")))
    window = made.windows[0]
    read = [tokenizer.id_to_token(token) for token in window.ids]
    assert read == ["[CLS]", "[AGENT]", "[CUSTOMER]", "late", "crew", "[AGENT]", "[CUSTOMER]", "bad", "[SEP]"]
    owned = [(token, owner) for token, owner in zip(read, window.segments, strict=True) if owner != NO_SEGMENT]
    assert [token for token, _ in owned] == ["late", "crew", "bad"]
    assert [made.segments[owner].turn for _, owner in owned] == [1, 1, 3]


def test_time_stays_linear_in_turns(tokenizer: Tokenizer) -> None:
    long = talk(*[("customer", "bad")] * 12_000)
    parts = [Segment(turn, 0, 3) for turn in range(12_000)]
    start = time.process_time()
    (made,) = Windower(tokenizer).windows([long], [parts])
    assert time.process_time() - start < 2
    assert {owner for window in made.windows for owner in window.segments} == {NO_SEGMENT, *range(12_000)}


def test_an_empty_turn_keeps_its_speaker(tokenizer: Tokenizer) -> None:
    (made,) = windowed(tokenizer, talk(("customer", ""), ("system", ""), ("customer", "food")))
    assert [tokenizer.id_to_token(token) for token in made.windows[0].ids] == [
        "[CLS]",
        "[CUSTOMER]",
        "[SYSTEM]",
        "[CUSTOMER]",
        "food",
        "[SEP]",
    ]


def test_a_batch_is_read_like_each_text_alone(tokenizer: Tokenizer) -> None:
    texts = [verbatim("food " * 100), talk(("customer", "late"), ("agent", "hello")), verbatim("bad crew", question="the price")]
    assert windowed(tokenizer, *texts) == [windowed(tokenizer, text)[0] for text in texts]


def test_tokens_before_the_first_segment_belong_to_it(tokenizer: Tokenizer) -> None:
    made = Windower(tokenizer).windows([verbatim("good bad food")], [[Segment(0, 5, 8), Segment(0, 9, 13)]])
    assert made[0].windows[0].segments == (NO_SEGMENT, 0, 0, 1, NO_SEGMENT)


def test_a_tokenizer_without_our_tokens_is_refused() -> None:
    from tokenizers.models import WordPiece

    with pytest.raises(BundleError, match=r"\[CLS\]"):
        Windower(Tokenizer(WordPiece({"[UNK]": 0}, unk_token="[UNK]")))


def test_the_prefix_holds_what_is_known() -> None:
    assert prefix_of(verbatim("x")) == ""
    assert prefix_of(verbatim("x", channel="survey", question="Why?")) == "survey Why?"
