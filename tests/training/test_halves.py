"""Each text is measured once, with thresholds that it had no part in."""

from collections.abc import Sequence
from typing import Any

import pytest
from toys import HOW, sentences

from training import halves
from training.examples import Example
from training.network import Network
from vocservice.inference.bundle import Bundle
from vocservice.inference.engine import Engine


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)


def test_every_text_is_measured_by_what_the_other_half_fitted(
    toy_bundle: Bundle, toy_network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[frozenset[str]] = []
    pairs: list[tuple[frozenset[str], frozenset[str]]] = []
    prepare, judge = halves.prepare, halves.judge

    def preparing(examples: Sequence[Example], *rest: Any) -> Any:
        fitted.append(frozenset(e.id for e in examples))
        return prepare(examples, *rest)

    def judging(engine: Engine, examples: Sequence[Example]) -> Any:
        pairs.append((fitted[-1], frozenset(e.id for e in examples)))
        return judge(engine, examples)

    monkeypatch.setattr(halves, "prepare", preparing)
    monkeypatch.setattr(halves, "judge", judging)
    examples = sentences(60, seed=4)
    found = halves.crossed_figures(toy_bundle, toy_network, examples, HOW)
    assert found["n"] == 60
    assert found["factors"]["micro_f1"]["value"] > 0.8
    assert all(not learned & measured for learned, measured in pairs)
    assert sorted(pairs[0][1] | pairs[1][1]) == sorted(e.id for e in examples)


def test_too_few_texts_give_no_figures(toy_bundle: Bundle, toy_network: Network) -> None:
    assert halves.crossed_figures(toy_bundle, toy_network, sentences(1), HOW) == {"n": 0}
