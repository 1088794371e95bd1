"""What agents do in their turns is told by their words, and said again is what begins or reads alike."""

import pytest

from vocservice.inference.conduct import conduct_of, repeats
from vocservice.records import Speaker, Turn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Your parcel left the depot this morning.", ()),
        ("I am so sorry to hear that.", ("apologises",)),
        ("Which card did you use?", ("asks",)),
        ("Please send us a message with your order number.", ("redirects",)),
        ("Could you DM us your address?", ("asks", "redirects")),
        ("You can call us on Monday.", ("redirects",)),
        ("I'll look into this today.", ("promises",)),
        ("We\u2019ll pass it on to the depot.", ("promises",)),
        ("Apologies! We are going to investigate and will be in touch.", ("apologises", "promises")),
        ("We will not. Check your inbox, it is there.", ()),
        ("We'll refund it. Call the shop to check.", ()),
        ("", ()),
    ],
)
def test_conduct_is_told_by_words(text: str, expected: tuple[str, ...]) -> None:
    assert conduct_of([Turn("customer", text), Turn("agent", text), Turn("system", text)]) == [None, expected, None]


@pytest.mark.parametrize("speaker", ["agent", "bot", "supervisor"])
def test_whoever_answers_has_a_conduct(speaker: Speaker) -> None:
    assert conduct_of([Turn(speaker, "Sorry.")]) == [("apologises",)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("@jo please send us your number", "@al please send us your number, thanks"), [1]),
        (("Please restart the router and wait ten minutes.", "As I said, please restart that router and wait ten minutes."), [1]),
        (("Please restart the router.", "The engineer comes on Monday."), []),
        (("Hi there!", "Hello there!"), []),
        (("No.", "No.", "No."), []),
        (("Restart the router, please.", "The engineer comes on Monday.", "Restart the router, please."), [2]),
    ],
)  # fmt: skip
def test_what_is_said_again_begins_or_reads_alike(texts: tuple[str, ...], expected: list[int]) -> None:
    assert list(repeats([Turn("agent", text) for text in texts])) == expected


def test_what_customers_say_again_is_no_conduct() -> None:
    same = "Please restart the router and wait."
    turns = [Turn("customer", same), Turn("agent", same), Turn("customer", same), Turn("bot", same)]
    assert conduct_of(turns) == [None, (), None, ("repeats",)]
