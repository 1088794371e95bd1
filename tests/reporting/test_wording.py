"""Tests of `reporting.wording`: what a word is, and what somebody who types some is looking for."""

import pytest

from vocservice.reporting.wording import GAP, NOWHERE, Term, count_of, terms_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The APP crashed, twice!", ["the", "app", "crashed", "twice"]),
        ("don't re-open order #4.5_b", ["don", "t", "re", "open", "order", "4", "5", "b"]),
        ("Straße ＡＢＣ CAFÉ", ["strasse", "abc", "café"]),
        ("[NAME] paid [CARD_NUMBER] twice", [GAP, "paid", GAP, "twice"]),
        ("退款 bitte 🙂", ["退", "款", "bitte", "🙂"]),
        ("' \" \\ · -- ()", []),
    ],
)
def test_a_text_is_read_as_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("Refund late", (Term(("refund",)), Term(("late",)))),
        ('"Parking lot" -noise', (Term(("parking", "lot")), Term(("noise",), is_unwanted=True))),
        ("refund* -dela*", (Term(("refund",), is_beginning=True), Term(("dela",), is_beginning=True, is_unwanted=True))),
        ('"parking lo*"', (Term(("parking", "lo"), is_beginning=True),)),
        ('-"parking lo"*', (Term(("parking", "lo"), is_beginning=True, is_unwanted=True),)),
        ("don't", (Term(("don", "t")),)),
        ('"open quote', (Term(("open",)), Term(("quote",)))),
        ('- "" * !!! [NAME]', (NOWHERE,)),
        (" ", ()),
        ("a b c d e f g h i", tuple(Term((word,)) for word in "abcdefgh")),
        (None, ()),
    ],
)
def test_what_is_typed_is_read_as_terms(typed: str | None, terms: tuple[Term, ...]) -> None:
    assert terms_of(typed) == terms


@pytest.mark.parametrize(("typed", "count"), [("lot", 2), ('"the lot"', 1), ("th*", 2), ('"lot th*"', 1), ("part", 0), ('"lot lot"', 0)])
def test_how_often_a_text_says_it(typed: str, count: int) -> None:
    (term,) = terms_of(typed)
    assert count_of(words_of("The lot, then parting: LOT"), term) == count
