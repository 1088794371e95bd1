"""config/training.toml in, checked training settings out."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.base import BASES
from training.corpora import CORPORA, file_hash
from training.fit import Recipe
from vocservice.errors import ConfigError
from vocservice.paths import config_path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """The teachers, how much public sentiment they read beside, and how many folds each is fitted in."""

    folds: int
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


class DecisionSettings(_Strict):
    """What the decisions of a review desk weigh, by what was decided."""

    weights: dict[Literal["confirm", "dismiss", "correct"], float]


class CustomStage(_Strict):
    """Training another taxonomy."""

    recipe: Recipe


class TrainingSettings(_Strict):
    """The whole file."""

    bundle: BundleSettings
    public: PublicStage
    teach: TeachStage
    codebook: CodebookStage
    further: FurtherStage
    custom: CustomStage
    decisions: DecisionSettings
    data: dict[str, str]


def load_training_settings(path: Path | None = None) -> TrainingSettings:
    """Read and check the file; raises ConfigError naming what is wrong."""
    path = path or config_path("training.toml")
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return TrainingSettings.model_validate(raw)
    except OSError as error:
        raise ConfigError(f"cannot read {path.name}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"{path.name}: {error}") from None


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
