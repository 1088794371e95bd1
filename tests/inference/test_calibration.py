"""Fitted curves applied: hand-computed probabilities, choices and levels."""

import numpy as np
import pytest
from pydantic import ValidationError

from vocservice.inference.calibration import (
    Calibration,
    MultiCalibration,
    OrdinalCalibration,
    Scaling,
    SingleCalibration,
    expected_index,
    neutral_scaling,
)


def array(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_each_label_passes_its_own_curve() -> None:
    fitted = MultiCalibration(slope=(1.0, 2.0), bias=(0.0, -1.0), thresholds=(0.5, 0.5), withhold=0.6, evidence=0.5)
    found = fitted.probabilities(array([0.0, 0.5], [2.0, -1.0]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(3))]], rtol=1e-5)


@pytest.mark.parametrize("score", [1e6, -1e6])
def test_extreme_scores_are_probabilities(score: float) -> None:
    fitted = MultiCalibration(slope=(5.0,), bias=(10.0,), thresholds=(0.5,), withhold=0.6, evidence=0.5)
    with np.errstate(all="raise", under="ignore"):
        (found,) = fitted.probabilities(array([score]))[0]
    assert 0 <= found <= 1 and (found > 0.99) is np.bool_(score > 0)
    row = Scaling(slope=5, bias=(0.0, 0.0)).probabilities(array([score, 0.0]))[0]
    assert row.sum() == pytest.approx(1) and np.isfinite(row).all()


def test_scaling_is_a_softmax_of_scaled_and_shifted_scores() -> None:
    found = Scaling(slope=2.0, bias=(0.0, np.log(3))).probabilities(array([0.0, 0.0], [1.0, 0.0]))
    np.testing.assert_allclose(found[0], [0.25, 0.75], rtol=1e-5)
    np.testing.assert_allclose(found[1], np.array([np.e**2, 3]) / (np.e**2 + 3), rtol=1e-5)


def test_a_neutral_scaling_changes_nothing() -> None:
    np.testing.assert_allclose(neutral_scaling("abc").probabilities(array([0.0, 0.0, 0.0])), [[1 / 3] * 3], rtol=1e-6)


def test_favour_decides_the_choice_and_not_the_probability() -> None:
    fitted = SingleCalibration(scaling=neutral_scaling("ab"), favour=(1.0, 2.0), floor=0.3, evidence=1.0)
    assert fitted.choose(array([0.6, 0.4], [0.7, 0.3], [0.1, 0.9])).tolist() == [1, 0, 1]


def test_the_expected_index_is_the_mean() -> None:
    assert expected_index(array([0.5, 0.0, 0.5], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])).tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(("mean", "level"), [(0.0, 0), (0.69, 0), (0.71, 1), (1.29, 1), (1.31, 2), (2.0, 2)])
def test_cuts_of_the_expected_index_decide_the_level(mean: float, level: int) -> None:
    fitted = OrdinalCalibration(scaling=neutral_scaling("abc"), cuts=(0.7, 1.3))
    row = [1 - mean / 2, 0.0, mean / 2]
    assert fitted.choose(array(row)).tolist() == [level]


def test_calibration_is_frozen_knows_no_other_field_and_survives_json() -> None:
    made = Calibration(ordinal={"sentiment": OrdinalCalibration(scaling=neutral_scaling("abc"), cuts=(0.5, 1.5))})
    assert Calibration.model_validate_json(made.model_dump_json()) == made
    with pytest.raises(ValidationError):
        made.multi = {}  # type: ignore[misc]
    with pytest.raises(ValidationError, match="surprise"):
        Calibration.model_validate({"surprise": {}})
