"""The probability of a polarity is held against what is annotated, and only where something is."""

import pytest
from toys import sentences

from training.examples import Example, Labels
from training.network import Network
from training.polarity import polarity_figures
from vocservice.inference.bundle import Bundle


def test_every_annotated_polarity_counts_with_each_of_its_probabilities(toy_bundle: Bundle, toy_network: Network) -> None:
    texts = sentences(40, seed=8)
    labels = sum(len(t.given) for e in texts if isinstance(t := e.targets["factors"], Labels))
    unknown = [Example("u-1", "toy", "the food was good", {}), Example("u-2", "toy", "the food was good", {"factors": Labels({})})]
    found = polarity_figures(toy_bundle, toy_network, [*texts, *unknown])
    assert found.keys() == {"factors"} and found["factors"]["n"] == labels
    rows = found["factors"]["reliability"]
    assert sum(row["n"] for row in rows) == 3 * labels  # it has three polarities
    assert sum(row["n"] * row["seen"] for row in rows) == pytest.approx(labels)
    assert sum(row["n"] * row["said"] for row in rows) == pytest.approx(labels, rel=1e-4)
    assert found["factors"]["calibration_error"] < 0.1


@pytest.mark.parametrize("texts", [[], [Example("u-1", "toy", "the food was good", {})]], ids=["no text", "nothing known"])
def test_where_no_polarity_is_known_there_is_no_figure(toy_bundle: Bundle, toy_network: Network, texts: list[Example]) -> None:
    assert polarity_figures(toy_bundle, toy_network, texts) == {}
