"""Tests that a bundle whose numbers are no numbers gives no label: it is refused on loading, or what it should label has failed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jobs.stores import add, analyses_each, codes, job_states, made_store, make_due, settings_in, statuses, worker_of
from toymodel import toy_calibration, toy_taxonomy, write_manifest

from vocservice.api import Analyser
from vocservice.errors import BundleError
from vocservice.inference.bundle import load_bundle
from vocservice.inference.conversation import FEATURES
from vocservice.inference.engine import Engine
from vocservice.pipeline import Pipeline
from vocservice.store.opened import Store
from vocservice.text.rules import shipped_rules

TAXONOMY = toy_taxonomy()
NO_NUMBERS = [float("nan"), float("inf"), float("-inf")]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every number in nested lists and objects."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in inner:
        if isinstance(item, float):
            yield (*path, key)
        else:
            yield from places(item, (*path, key))


def with_one(value: Any, path: tuple[Any, ...], number: float) -> Any:
    """The value as JSON has it, with another number in one place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = number
    return copy


def fitted() -> dict[str, Any]:
    size = len(FEATURES)
    one = {"weights": [0.0] * size, "bias": 0.0, "threshold": 0.5}
    made = {"features": list(FEATURES), "mean": [0.0] * size, "scale": [1.0] * size, "outcome": {"resolved": one}, "needs_review": one}
    return made | {"favour": {"resolved": 1.0}, "end": {"weights": [0.0] * size, "bias": 0.0}, "reasons": {"x": one}}


FILES = {"calibration.json": toy_calibration(TAXONOMY).model_dump(), "conversation.json": fitted()}


@pytest.mark.parametrize("name", FILES)
def test_33_no_number_of_what_was_fitted_may_be_none(bundle_copy: Path, name: str) -> None:
    first_of_each = {path[:-1] if isinstance(path[-1], int) else path: path for path in places(FILES[name])}
    assert len(first_of_each) > 8
    (bundle_copy / name).write_text(json.dumps(FILES[name]))
    write_manifest(bundle_copy, TAXONOMY)
    load_bundle(bundle_copy)
    for at, path in enumerate(first_of_each.values()):
        (bundle_copy / name).write_text(json.dumps(with_one(FILES[name], path, NO_NUMBERS[at % 3])))
        write_manifest(bundle_copy, TAXONOMY)
        with pytest.raises(BundleError, match="cannot be read"):
            load_bundle(bundle_copy)


def test_33_a_scale_of_zero_is_refused(bundle_copy: Path) -> None:
    (bundle_copy / "conversation.json").write_text(json.dumps(with_one(fitted(), ("scale", 3), 0.0)))
    write_manifest(bundle_copy, TAXONOMY)
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(bundle_copy)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = made_store(tmp_path, settings_in(tmp_path))
    yield made
    made.database.close()


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_33_what_a_model_scores_with_no_number_has_failed_under_its_code_and_has_no_label(
    toy_bundle: Path, store: Store, tmp_path: Path, number: float
) -> None:
    bundle = load_bundle(toy_bundle)
    weight = bundle.head.weight.copy()
    weight[:, :] = number
    broken = Engine(replace(bundle, head=replace(bundle.head, weight=weight)), threads=1)
    analyser = Analyser(Pipeline(broken, redaction=shipped_rules()), "toy-1", bundle.taxonomy)
    add(store, "the food was good", "the crew was late")
    for _ in range(6):  # one that was tried before is taken alone
        worker_of(store, settings_in(tmp_path), lambda _: analyser).turn()
        make_due(store)
    assert (set(statuses(store).values()), set(codes(store).values())) == ({"failed"}, {"bundle_invalid"})
    assert (analyses_each(store), job_states(store)) == ([0, 0], [])
