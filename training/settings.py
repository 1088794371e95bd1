"""config/training.toml in, checked training settings out."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.base import BASES
from training.corpora import CORPORA, file_hash
from training.fit import Recipe, Shared
from vocservice.errors import ConfigError
from vocservice.paths import config_path
from vocservice.tomlfile import read_toml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VocabularySettings(_Strict):
    """Which pieces of the base stay: those used `min_count` times, the first `always`; emoji that occur `min_emoji` times are added."""

    min_count: int
    always: int
    min_emoji: int


class Pull(_Strict):
    """How strongly a curve is drawn to where it begins."""

    slope: float = Field(ge=0)
    bias: float = Field(ge=0)


class CalibrationSettings(_Strict):
    """What calibration chooses by; each number is explained in the file."""

    floor: float = Field(gt=0, lt=1)
    highest: float = Field(gt=0, lt=1)
    single_floor: float = Field(ge=0, lt=1)
    withhold: float = Field(gt=0, le=1)
    prior: float = Field(ge=0)
    common_pull: Pull
    label_pull: Pull
    scaling_pull: Pull
    evidence_beta: float = Field(gt=0)
    evidence_unknown: float = Field(ge=0)
    evidence_single: float = Field(ge=0)
    accuracy: float = Field(ge=0)
    band: tuple[float, float]


class ConversationSettings(_Strict):
    """How the regressions over conversations are fitted; each number is explained in the file."""

    strength: float = Field(gt=0)
    end_strength: float = Field(ge=0)
    least_scale: float = Field(gt=0)
    written_weight: float = Field(ge=0)
    least_positives: int = Field(ge=2)
    folds: int = Field(ge=2)
    thresholds: tuple[float, float]


class BundleSettings(_Strict):
    """What the bundle starts from."""

    base: Literal[tuple(BASES)]  # type: ignore[valid-type]
    seed: int


class PublicStage(_Strict):
    """The teachers' first stage: which public corpora, at most how many of each, and which of their labels."""

    corpora: tuple[str, ...]
    most: dict[str, int] = {}
    min_examples: int


class Teacher(_Strict):
    """A base and how it is fitted in the two stages."""

    base: Literal[tuple(BASES)]  # type: ignore[valid-type]
    public: Recipe
    codebook: Recipe


class TeachStage(_Strict):
    """The teachers, how much public sentiment they read beside, how many folds each is fitted in, and how they are made one (`stack`)."""

    folds: int
    stack: dict[Literal["multi", "single"], float]
    sentiment: dict[str, int]
    teachers: tuple[Teacher, ...]


class CodebookStage(_Strict):
    """The shipped network: how often transcripts are repeated, how much public sentiment is beside, and the recipe.

    `pool`: corpora whose unannotated texts the teachers speak of; `pool_per_epoch`: how many are drawn in each epoch.
    """

    repeat: dict[str, int]
    sentiment: dict[str, int]
    earlier_weight: float
    written_weight: float
    pool: tuple[str, ...]
    pool_per_epoch: int
    recipe: Recipe


class FurtherStage(_Strict):
    """A run that goes on from a bundle: the recipe of what it learns.

    `share`: how far the weights go from that bundle's to those that were learned.
    """

    share: float = Field(gt=0, le=1)
    recipe: Recipe


class RecipeStage(_Strict):
    """A run that has nothing of its own but the recipe of what it learns."""

    recipe: Recipe


class DecisionSettings(_Strict):
    """What the decisions of a review desk weigh, by what was decided."""

    weights: dict[Literal["confirm", "dismiss", "correct"], float]


class TrainingSettings(_Strict):
    """The whole file."""

    bundle: BundleSettings
    vocabulary: VocabularySettings
    fit: Shared
    public: PublicStage
    teach: TeachStage
    codebook: CodebookStage
    further: FurtherStage
    layers: RecipeStage
    int8: RecipeStage
    calibration: CalibrationSettings
    conversations: ConversationSettings
    custom: RecipeStage
    decisions: DecisionSettings
    data: dict[str, str]


def load_training_settings(path: Path | None = None) -> TrainingSettings:
    """Read and check the file; raises ConfigError naming what is wrong."""
    path = path or config_path("training.toml")
    raw = read_toml(path)
    try:
        return TrainingSettings.model_validate(_completed(raw, raw.get("fit")))
    except ValidationError as error:
        raise ConfigError(f"{path.name}: {error}") from None


def _completed(part: Any, shared: Any) -> Any:
    """Every recipe (a table that says how many epochs) with what `[fit]` says of all; what is wrong stays wrong."""
    if isinstance(part, list):
        return [_completed(one, shared) for one in part]
    if not isinstance(part, dict):
        return part
    whole = {name: _completed(one, shared) for name, one in part.items()}
    return {**shared, **whole} if "epochs" in whole and isinstance(shared, dict) else whole


def check_data(data: Path, pinned: dict[str, str]) -> dict[str, str]:
    """Hashes of the corpus files, each equal to the pinned one.

    Raises:
        ConfigError: a file is missing or is another version.
    """
    found = {}
    for corpus in CORPORA.values():
        path = data / corpus.path
        if not path.is_file():
            raise ConfigError(f"{corpus.path} is not in {data}")
        found[corpus.path] = file_hash(path)
        if pinned.get(corpus.path) != found[corpus.path]:
            raise ConfigError(f"{corpus.path} is not the version pinned in training.toml")
    return found
