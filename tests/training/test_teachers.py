"""What teachers said is kept by id and read back to the nearest 255th; a file made for other label sets is refused."""

from pathlib import Path

import numpy as np
import pytest

from training.examples import Example
from training.teachers import read_teachers, write_teachers
from vocservice.errors import ConfigError
from vocservice.inference.layout import Layout

IDS = ["a", "b"]


def said(layout: Layout) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    sets = {}
    for block in layout.blocks:
        name, labels, polarities = block.label_set.name, len(block.label_set.labels), len(block.label_set.polarities)
        sets[name] = random.random((len(IDS), labels)).astype(np.float32)
        if polarities:
            sets[name + "/polarity"] = random.random((len(IDS), labels, polarities)).astype(np.float32)
    return sets


def test_probabilities_come_back_with_their_example(layout: Layout, tmp_path: Path) -> None:
    sets = said(layout)
    write_teachers(tmp_path / "t.safetensors", IDS, sets)
    known, unknown = read_teachers(layout, tmp_path / "t.safetensors").taught([Example("b", "x", "", {}), Example("c", "x", "", {})])
    assert unknown.soft == {}
    assert known.soft["factors"].labels == pytest.approx(sets["factors"][1], abs=1 / 255)
    assert np.array(known.soft["factors"].polarities) == pytest.approx(sets["factors/polarity"][1], abs=1 / 255)
    assert known.soft["stages"].polarities == ((),) * len(known.soft["stages"].labels)


def test_a_file_that_is_missing_or_of_other_label_sets_is_refused(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is missing: python -m training teach"):
        read_teachers(layout, tmp_path / "none.safetensors")
    sets = said(layout)
    write_teachers(tmp_path / "t.safetensors", IDS, sets | {"stages": sets["stages"][:, 1:]})
    with pytest.raises(ConfigError, match="made for another stages"):
        read_teachers(layout, tmp_path / "t.safetensors")
