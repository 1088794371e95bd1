"""Tests of how probabilities are shown."""

import pytest

from vocservice.reporting.chance import chance_text


@pytest.mark.parametrize(
    ("value", "bare", "named"),
    [
        (0.0, "< 0.0001", "q < 0.0001"),
        (1.3e-123, "< 0.0001", "q < 0.0001"),
        (0.00012, "0.00012", "q = 0.00012"),
        (0.0134, "0.013", "q = 0.013"),
        (1.0, "1", "q = 1"),
        (None, "not tested", "not tested"),
    ],
)
def test_a_probability_below_what_anybody_weighs_is_a_bound(value: float | None, bare: str, named: str) -> None:
    assert (chance_text(value), chance_text(value, "q")) == (bare, named)
