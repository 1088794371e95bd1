"""Of two bundles each headline figure stands beside the other's, and it is said on which the first is more than a point behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.against import HEADLINES, side_by_side
from training.report import Figures
from vocservice.errors import InputError
from vocservice.inference.bundle import default_bundle


def metrics(value: float, **changed: float) -> Figures:
    """Every headline figure at a value, but those that are named by the last part of their name."""
    out: dict[str, Any] = {}
    for name, path in HEADLINES.items():
        at = out
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = {"value": changed.get(name.rpartition(" ")[2], value), "n": 7}
    return out


@pytest.fixture
def other(tmp_path: Path) -> Path:
    (tmp_path / "metrics.json").write_text(json.dumps(metrics(0.8)), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("value", "is_behind"), [(0.9, False), (0.8, False), (0.79, False), (0.7895, True)])
def test_a_figure_within_a_point_is_not_behind(other: Path, value: float, is_behind: bool) -> None:
    found = side_by_side(metrics(0.8, amazon=value), other)
    assert found["behind"] == (["public sentiment: amazon"] if is_behind else []) and found["unknown"] == []
    (row,) = (row for row in found["rows"] if row["figure"] == "public sentiment: amazon")
    assert (row["this"], row["other"], found["other"]) == (value, 0.8, other.name)


def test_a_figure_that_one_of_them_lacks_is_not_known(other: Path) -> None:
    found = side_by_side(metrics(0.8) | {"evidence": {"n": 0}}, other)
    assert found["behind"] == [] and [name for name in found["unknown"] if not name.startswith("evidence: ")] == [] != found["unknown"]


def test_the_shipped_bundle_has_every_headline_figure() -> None:
    found = side_by_side(json.loads((default_bundle() / "metrics.json").read_text(encoding="utf-8")), default_bundle())
    assert (found["behind"], found["unknown"]) == ([], [])


def test_a_bundle_that_was_not_measured_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no figures"):
        side_by_side({}, tmp_path)
