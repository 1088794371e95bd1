"""Corpora in, companies out: their texts as records for `voc classify`, with the scores, days and groups given by people.

The scores and foreign labels never reach the model: they are kept beside the text, for comparison with our figures.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.corpora import CORPORA, Row, held_out_ids, read_rows

Score = Mapping[str, Any]

SEED = 20250101
_AIRLINE_MOOD = {"negative": 1, "neutral": 2, "positive": 3}


@dataclass(frozen=True, slots=True)
class Company:
    """One corpus as a company.

    Attributes:
        corpus: its name in the registry of corpora.
        title: of its section.
        score: the score people gave a row, as in the contract; None without one.
        score_name: what that score is.
        recommended: whether people recommend it, 1 or 0; None if not asked.
        group: the row's key for the kind of record; None without one.
        day: the ISO day of a row; None without one.
        given: people's labels or ratings, by their own name, with value (higher is better).
        meant: our factors for each of these names.
        judges: whether the values rate, or only say that the text is about it.
    """

    corpus: str
    title: str
    score_name: str
    score: Callable[[Row], Score | None]
    group: str | None = None
    day: Callable[[Row], str | None] = field(default=lambda row: row.get("created_at"))
    given: Callable[[Row], Mapping[str, float]] = field(default=lambda row: {})
    meant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    judges: bool = True
    recommended: Callable[[Row], int | None] = field(default=lambda row: row.get("recommended"))


def _no_score(row: Row) -> None:
    return None


def _scaled(value: float, highest: float, kind: str | None = None) -> Score:
    return {"kind": kind, "value": value, "scale": highest}


def _mood(row: Row) -> Score:
    return _scaled(_AIRLINE_MOOD[row["sentiment"]], 3)


def _overall(row: Row) -> Score | None:
    return None if row.get("overall") is None else _scaled(row["overall"], 10, "csat")


def _health(row: Row) -> Score | None:
    """1 (very positive) to 5 is turned round: higher is better."""
    return None if row.get("sentiment") is None else _scaled(6 - row["sentiment"], 5)


def _polarity(row: Row) -> Score:
    return _scaled(row["label"] + 1, 2)


def _tweet_day(row: Row) -> str:
    day, month, year = row["created_at"].partition(" ")[0].split("-")
    return f"{year}-{month}-{day}"


def _ratings(row: Row) -> dict[str, float]:
    return {name: float(value) for name, value in row["ratings"].items() if value is not None}


def _aspects(row: Row) -> dict[str, float]:
    """Each aspect with the mean of its polarities, -1 to 1."""
    found: dict[str, list[int]] = {}
    for label in row["labels"]:
        name, _, sign = label.rpartition(".")
        found.setdefault(name, []).append(int(sign))
    return {name: sum(signs) / len(signs) for name, signs in found.items()}


def _reason(row: Row) -> dict[str, float]:
    """The one reason that annotators found in a negative tweet; blame only, so always -1."""
    return {row["reason"]: -1.0} if row["sentiment"] == "negative" and row.get("reason") else {}


def _themes(row: Row) -> dict[str, float]:
    """Themes name the subject of a text, without a rating."""
    return dict.fromkeys(row["labels"], 0.0)


_CONTACT = ("responsiveness", "resolution", "courtesy", "competence")
RATINGS: Mapping[str, tuple[str, ...]] = {
    "comfort_rating": ("environment",),
    "cleanliness_rating": ("environment",),
    "catering_rating": ("product_quality",),
    "staff_service_rating": ("courtesy", "competence"),
    "seat_legroom_rating": ("environment",),
}
ASPECTS: Mapping[str, tuple[str, ...]] = {
    "online-experience.app-website": ("technology", "ease_of_use"),
    "purchase-booking-experience.ease-of-use": ("ease_of_use",),
    "staff-support.attitude-of-staff": ("courtesy",),
    "staff-support.phone": _CONTACT,
    "staff-support.email": _CONTACT,
    "value.price-value-for-money": ("price_value",),
    "value.discounts-promotions": ("price_value",),
    "logistics-rides.speed": ("fulfilment",),
    "account-management.account-access": ("technology", "process"),
    "company-brand.reviews": ("brand",),
    "company-brand.competitor": ("brand",),
}
REASONS: Mapping[str, tuple[str, ...]] = {
    "Customer Service Issue": _CONTACT,
    "Flight Attendant Complaints": ("courtesy", "competence"),
    "Late Flight": ("fulfilment",),
    "Cancelled Flight": ("fulfilment",),
    "Lost Luggage": ("fulfilment",),
    "longlines": ("fulfilment",),
    "Bad Flight": ("product_quality", "environment"),
    "Flight Booking Problems": ("process", "technology", "ease_of_use"),
}
THEMES: Mapping[str, tuple[str, ...]] = {
    "Staff manner & personal attributes": ("courtesy",),
    "Staff listening, understanding & involving patients": ("competence", "courtesy"),
    "Competence & training": ("competence",),
    "Timeliness of care": ("fulfilment",),
    "Contacting services": ("responsiveness",),
    "Staff responsiveness": ("responsiveness",),
    "Information directly from staff during care": ("communication",),
    "Being kept informed, clarity & consistency of information": ("communication",),
    "Information provision & guidance": ("communication",),
    "Appointment arrangements": ("process",),
    "Food & drink provision & facilities": ("product_quality", "environment"),
    "Cleanliness, tidiness & infection control": ("environment",),
    "Environment & Facilities": ("environment",),
    "Impact of treatment/ care": ("product_quality",),
}


COMPANIES: Mapping[str, Company] = {
    "apps": Company("fabsa", "App reviews, ten industries", "none given", _no_score, "industry", given=_aspects, meant=ASPECTS),
    "airlines": Company(
        "airline",
        "Tweets to airlines",
        "sentiment as read by people, 1 to 3",
        _mood,
        "airline",
        _tweet_day,
        _reason,
        REASONS,
        judges=False,
    ),
    "lounges": Company("lounge", "Airport lounge reviews", "overall rating, 1 to 10", _overall, "airline", given=_ratings, meant=RATINGS),
    "seats": Company("seat", "Aircraft seat reviews", "overall rating, 1 to 10", _overall, "airline", given=_ratings, meant=RATINGS),
    "health": Company(
        "nhs",
        "Health and transport surveys",
        "sentiment as read by people, 1 to 5",
        _health,
        "service",
        given=_themes,
        meant=THEMES,
        judges=False,
    ),
    "products": Company("amazon_train", "Product reviews", "negative (1) or positive (2), from the stars", _polarity),
}


def rows_of(company: Company, data: Path, *, most: int) -> Sequence[Row]:
    """The rows of a company, at most `most`, drawn at random; held-out rows are included.

    Raises:
        ConfigError: the corpus is missing.
    """
    rows = list(read_rows(data / CORPORA[company.corpus].path))
    if len(rows) <= most:
        return rows
    chosen = sorted(random.Random(SEED).sample(range(len(rows)), most))
    return [rows[at] for at in chosen]


def records_of(company: Company, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Each row as a record for `voc classify`, with only what a sender would provide."""
    for row in rows:
        told = {"id": row["id"], "text": row["text"], "channel": row.get("channel"), "question": row.get("question")}
        yield {key: value for key, value in told.items() if value}


def trained_on(data: Path) -> frozenset[str]:
    """Ids of texts whose annotation under our codebook trained the bundle."""
    return frozenset(row["id"] for row in read_rows(data / CORPORA["train"].path)) - held_out_ids(data)
