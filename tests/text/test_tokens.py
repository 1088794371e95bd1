"""Tests of the tokens: places, white space, and that what is remembered changes nothing and stays bounded."""

import pytest

from vocservice.text import tokens
from vocservice.text.tokens import Token, Tokeniser, tokens_of


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
