"""An analysis in, whether, why and how soon a person should look at it out; configured in `config/desk.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vocservice.paths import config_path
from vocservice.records import Json
from vocservice.tomlfile import read_checked

NEEDS_REVIEW = "needs_review"
RULES = "rules"
SHOWN_SETS = ("reasons", "flags")
_Points = Annotated[float, Field(ge=0, le=1000)]


class Due(BaseModel):
    """Hours until the decision is due: for any record, and for those with a number of points."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Annotated[float, Field(gt=0, le=10_000)] = 24.0
    urgent_from: Annotated[float, Field(ge=0)] = 40.0
    urgent_hours: Annotated[float, Field(gt=0, le=10_000)] = 4.0

    def at(self, entered_at: datetime, urgency: int) -> datetime:
        """When a record of this urgency (tenths of points) is due."""
        return entered_at + timedelta(hours=self.urgent_hours if self.is_urgent(urgency) else self.hours)

    def is_urgent(self, urgency: int) -> bool:
        """Whether a record of this urgency (tenths of points) is due sooner."""
        return urgency >= 10 * self.urgent_from


class SecondReading(BaseModel):
    """The share of decided records that a second person reads blind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Annotated[float, Field(ge=0, le=1)] = 0.0


class _RulesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    enter: Annotated[tuple[str, ...], Field(min_length=1)]
    points: Mapping[str, _Points]
    due: Due = Due()
    second_reading: SecondReading = SecondReading()


@dataclass(frozen=True, slots=True)
class Rules:
    """Admission to the queue, points of each label, due times, and second readings."""

    enter: frozenset[str]
    points: Mapping[str, float]
    due: Due = field(default_factory=Due)
    second_reading: SecondReading = field(default_factory=SecondReading)


def read_rules(path: Path) -> Rules:
    """Read the rules from a file.

    Raises:
        ConfigError: it is missing, not TOML, or has an unknown key or a bad value.
    """
    read = read_checked(path, _RulesFile)
    return Rules(frozenset(read.enter), dict(read.points), read.due, read.second_reading)


@lru_cache(maxsize=1)
def rules() -> Rules:
    """The rules of this installation, cached.

    Raises:
        ConfigError: as in `read_rules`.
    """
    return read_rules(config_path("desk.toml"))


def given(result: Json) -> dict[str, float]:
    """Every given label, as `SET.KEY` (and `needs_review`), with its probability; 1 for matching installation rules."""
    labels = {f"{name}.{label['key']}": float(label["probability"]) for name in SHOWN_SETS for label in result.get(name) or ()}
    for name in ("scope", "outcome"):
        if single := result.get(name):
            labels[f"{name}.{single['key']}"] = float(single["probability"])
    if mood := result.get("sentiment"):
        level = str(mood["level"])
        labels[f"sentiment.{level}"] = float(mood.get("probabilities", {}).get(level, 1.0))
    if (call := result.get(NEEDS_REVIEW)) and call["value"]:
        labels[NEEDS_REVIEW] = float(call["probability"])
    return labels | {f"{RULES}.{hit['id']}": 1.0 for hit in result.get(RULES) or ()}


def enters(labels: Mapping[str, float], by: Rules) -> bool:
    """Whether a person should look at it."""
    return not by.enter.isdisjoint(labels)


def counts(label: str, by: Rules) -> bool:
    """Whether a label brings a record to the desk or makes it more urgent."""
    return label in by.enter or bool(by.points.get(label, by.points.get(label.partition(".")[0], 0.0)))


def is_called(result: Json) -> bool:
    """Whether an installation rule calls for a person, whatever the labels."""
    return any(hit["effect"] == "review" for hit in result.get(RULES) or ())


def urgency(labels: Mapping[str, float], by: Rules) -> int:
    """Tenths of points, as `config/desk.toml` defines them."""
    weighed: dict[str, float] = {}
    for label, probability in labels.items():
        name, _, key = label.partition(".")
        once = key if name in SHOWN_SETS else label
        weighed[once] = max(weighed.get(once, 0.0), by.points.get(label, by.points.get(name, 0.0)) * probability)
    return round(10 * sum(weighed.values()))


def shown(labels: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels that the queue is filtered by."""
    return tuple(label for label in labels if label == NEEDS_REVIEW or label.partition(".")[0] in (*SHOWN_SETS, RULES, "outcome"))
