"""Tests of `reporting.words`: shares are said in %, their differences in points, scores and cells as people write them."""

import pytest

from vocservice.reporting import words
from vocservice.reporting.estimate import Estimate
from vocservice.reporting.journey import Gap, Shift
from vocservice.reporting.measures import NPS, SENTIMENT
from vocservice.taxonomy import load_taxonomy

NONE = Estimate(0)
DIFFERENCE = Estimate(80, 0.17, 0.03, 0.31)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.17, "+17 points"),
        (-0.5, "−50 points"),
        (0.1, "+10 points"),
        (0.0312, "+3.1 points"),
        (-0.004, "−0.4 points"),
        (0.0, "0.0 points"),
    ],
)
def test_a_difference_of_shares_is_said_in_points_and_a_small_one_with_a_tenth(value: float, said: str) -> None:
    assert words.points(value) == said


def test_the_interval_is_in_points_too_and_what_is_not_known_says_its_n() -> None:
    assert words.points_text(DIFFERENCE) == "+17 points (+3.0 to +31)"
    assert words.points_text(Estimate(3)) == "not known: n = 3"


def test_a_share_moves_by_points_and_a_net_sentiment_by_its_own_scale() -> None:
    assert words.difference_text(Gap(NONE, NONE, DIFFERENCE, 0.01, 0.02, "up", "negative")) == "up, +17 points (+3.0 to +31)"
    assert words.difference_text(Shift(NONE, NONE, DIFFERENCE, 0.01, 0.02, "up", "stage", "use")) == "up, +0.17 (+0.03 to +0.31)"
    assert words.difference_text(Gap(NONE, NONE, NONE, None, None, "unknown", "negative")) == "not known"


@pytest.mark.parametrize(
    ("figure", "level", "part"),
    [
        ("share of negative sentiment", "17.0 %", "+17 points (+3.0 to +31)"),
        ("technology-", "17.0 %", "+17 points (+3.0 to +31)"),
        (SENTIMENT, "0.17", "+0.170 (+0.030 to +0.310)"),
        ("mean stars (1 to 5)", "0.17", "+0.170 (+0.030 to +0.310)"),
        (NPS, "0.17", "+0.170 (+0.030 to +0.310)"),
    ],
)
def test_a_followed_figure_is_said_on_its_own_scale(figure: str, level: str, part: str) -> None:
    assert (words.level(0.17, figure), words.part_text(DIFFERENCE, figure)) == (level, part)
    assert words.moved(0.17, figure) == part.partition(" (")[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [("csat (1 to 5)", "CSAT (1 to 5)"), ("nps (0 to 10)", "NPS (0 to 10)"), ("stars (1 to 5)", "stars (1 to 5)"), ("", "")],
)
def test_short_names_of_scores_are_in_capitals(name: str, said: str) -> None:
    assert words.scale_name(name) == said


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("mean csat (1 to 5)", "Mean CSAT (1 to 5)"),
        (NPS, "NPS, −1 to +1"),
        (SENTIMENT, "Mean sentiment"),
        ("technology-", "Technology, negative"),
    ],
)
def test_a_followed_figure_has_a_name(figure: str, said: str) -> None:
    assert words.figure_name(load_taxonomy(), figure) == said


def test_a_cell_is_a_factor_at_a_stage() -> None:
    taxonomy = load_taxonomy()
    assert words.cell_name(taxonomy, "use", "technology") == "Technology at Use"
    assert words.cell_name(taxonomy, None, "technology") == "Technology at no stage"
