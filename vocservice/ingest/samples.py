"""A number in, a comment, question, conversation or time for sample payloads out; all texts are invented."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

_COMMENTS = (
    ("The checkout froze twice and I was charged two times. Support never answered my mail.", 2),
    ("Easy to book, fair price, and the crew were lovely from start to finish.", 10),
    ("Delivery took nine days although the site promised three, but the product itself is great.", 6),
    ("I cannot log in since the update. Third time I ask, please fix it or I cancel.", 1),
    ("It would be good to have a dark theme and to pay by invoice.", 8),
    ("Your assistant keeps sending me round in circles, I only want to talk to a person.", 3),
    ("Moved here from a competitor after a friend told me about it. Best decision this year.", 10),
    ("The room was clean but check-in took an hour and nobody told us why.", 5),
)
_START = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)


class Comment(NamedTuple):
    """A comment and its score from 0 to 10."""

    text: str
    nps: int

    @property
    def stars(self) -> int:
        return max(1, round(self.nps / 2))


class Line(NamedTuple):
    """A turn of a conversation, with the seconds since its start."""

    speaker: Literal["customer", "agent", "bot"]
    text: str
    second: int


def comment(number: int) -> Comment:
    return Comment(*_COMMENTS[number % len(_COMMENTS)])


def moment(number: int) -> datetime:
    """Seven hours later for each number."""
    return _START + timedelta(hours=7 * (number % 2000))


def talk(number: int) -> tuple[Line, ...]:
    return (
        Line("bot", "Hello, how can we help?", 0),
        Line("customer", comment(number).text, 20),
        Line("agent", "I am sorry to hear that. Let me look into it for you.", 65),
        Line("customer", "Thanks. Please tell me when it is settled.", 110),
        Line("agent", f"It is settled now, your reference is R-{number:04d}.", 170),
    )


QUESTION = "What is the main reason for your score?"
