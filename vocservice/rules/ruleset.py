"""A file of rules and a taxonomy in, the rules that this installation goes by out: `config/rules.toml`, for every record that is analysed.

A rule that names what the taxonomy has not stops the start.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vocservice.errors import ConfigError, RuleError
from vocservice.rules.facts import LISTS
from vocservice.rules.names import read_rule
from vocservice.rules.syntax import Node
from vocservice.taxonomy import Taxonomy
from vocservice.tomlfile import read_checked

Effect = Literal["review", "route", "abstain"]
LONGEST_REASON = 500
_ABSTAINABLE = ("stages", "factors", "flags", "scope")
_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
_Text = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class _RuleFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Id
    owner: _Text
    when: str
    reason: _Text
    effect: Effect = "review"
    queue: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,50}$")] = ""
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "_RuleFile":
        if self.effect == "route" and not self.queue:
            raise ValueError("a rule that routes names a queue")
        if (self.effect == "abstain") != bool(self.labels):
            raise ValueError("labels are given with effect = 'abstain', and only there")
        return self


class _RulesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[_RuleFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the installation; `labels` are those that it withholds, as `SET.KEY`."""

    id: str
    owner: str
    when: Node
    reason: str
    effect: Effect
    queue: str
    labels: tuple[str, ...]


def load_ruleset(path: Path, taxonomy: Taxonomy) -> tuple[Rule, ...]:
    """The rules of a file.

    Raises:
        ConfigError: it is missing, not TOML, or a rule is wrong; the message names every fault.
    """
    read = read_checked(path, _RulesFile)
    faults_of_rules = [f"{rule.id}: {fault}" for rule in read.rules for fault in _faults(rule, taxonomy)]
    twice = {rule.id for rule in read.rules if [other.id for other in read.rules].count(rule.id) > 1}
    faults_of_rules += [f"{one}: given twice" for one in sorted(twice)]
    if faults_of_rules:
        raise ConfigError(f"{path.name}: " + "; ".join(faults_of_rules))
    return tuple(_rule(rule, taxonomy) for rule in read.rules)


def _faults(rule: _RuleFile, taxonomy: Taxonomy) -> Iterator[str]:
    try:
        read_rule(rule.when, taxonomy)
    except RuleError as error:
        yield error.message
    for label in rule.labels:
        name, _, key = _plural(label).partition(".")
        if name not in _ABSTAINABLE or name not in taxonomy or key not in taxonomy[name].keys:
            yield f"there is no label {label} of {', '.join(_ABSTAINABLE)}"


def _rule(rule: _RuleFile, taxonomy: Taxonomy) -> Rule:
    labels = tuple(map(_plural, rule.labels))
    return Rule(rule.id, rule.owner, read_rule(rule.when, taxonomy), rule.reason, rule.effect, rule.queue, labels)


def _plural(label: str) -> str:
    """`flag.churn_risk` as analyses call it."""
    name, _, key = label.partition(".")
    return f"{LISTS.get(name, name)}.{key}"
