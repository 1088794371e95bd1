"""Tests of the tokens: places, white space, and that what is remembered changes nothing and stays bounded."""

import pytest

from vocservice.text import tokens
from vocservice.text.tokens import Token, Tokeniser, tokens_of

WORDS = (
    *("late", "Crew", "REFUND", "I", "a", "cannot", "Cannot", "dont", "im", "Im", "Wed", "gonna", "etc"),
    *("Mr", "No", "vs", "US", "USA", "km", "xD", "nothin", "who", "whos", "app", "iPhone", "Nobody"),
)


def test_tokens_know_their_places() -> None:
    assert tokens_of("Slow!Never again,\n ok") == [
        Token("Slow!", 0, 5, False, True),
        Token("Never", 5, 10, False, False),
        Token("again", 11, 16, True, False),
        Token(",", 16, 17, False, False),
        Token("ok", 19, 21, True, True),
    ]


@pytest.mark.parametrize("text", ["(don't) e.g. a.m. :) :-( £5.50/kg", "x" * 250, "good—bad…Ugly 非常好 \u2028 end", "a" * 25 + " b"])
def test_pieces_are_those_of_the_text_and_the_second_time_the_same(text: str) -> None:
    found = tokens_of(text)
    assert [text[token.start : token.end] for token in found] == [token.text for token in found]
    assert "".join(token.text for token in found) == "".join(text.split())
    assert tokens_of(text) == found


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_REMEMBERED", 100)
    made = Tokeniser()
    for number in range(1000):
        assert made.parts_of([f"word{number}", "again"])[1] == ((0, "again"),)
        assert len(made._known) <= 100


@pytest.mark.parametrize("mark", ["", ",", ";", "!", "?", ".", ":", "..", "!!", ")", "'s"])
def test_plain_words_are_cut_as_by_the_rules_of_the_language(mark: str) -> None:
    made = Tokeniser()
    by_rules = made._by_rules([f"{word}{mark}" for word in WORDS])
    assert made.parts_of([*by_rules]) == [*by_rules.values()]


def test_only_words_that_are_no_exception_are_cut_by_hand() -> None:
    made = Tokeniser()
    assert made._word("refund") == ((0, "refund"),) and made._word("refund,") == ((0, "refund"), (6, ","))
    assert [made._word(run) for run in ("cannot", "cannot!", "Mr.", "I.", "a.m.", "b2b", "café", "slow!Never", ":", "")] == [()] * 10
