"""A taxonomy file in, a validated Taxonomy out: label sets with their labels, definitions, owners and metrics.

The file is validated as a whole: unknown keys, missing definitions or (in the built-in taxonomy) a wrong order raise one
TaxonomyError that lists every fault.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vocservice.errors import TaxonomyError
from vocservice.paths import config_path

Kind = Literal["multi", "single", "ordinal"]
Unit = Literal["verbatim", "transcript"]

_TABLES = ("name", "version", "description", "owners", "metrics")


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What the built-in taxonomy guarantees about a set. `groups` and `combines` belong to labels, by key; blank if there are none."""

    kind: Kind
    keys: tuple[str, ...]
    polarities: tuple[str, ...] = ()
    max_labels: int | None = None
    of: Unit = "verbatim"
    groups: Mapping[str, str] = field(default_factory=dict)
    combines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_FACTORS = {
    "offering": ("product_quality", "price_value"),
    "digital": ("technology", "ease_of_use"),
    "design": ("brand", "environment"),
    "operations": ("process", "fulfilment", "consistency", "communication"),
    "service": ("responsiveness", "resolution", "courtesy", "competence", "self_service"),
    "relationship": ("emotional_connection",),
}
_GROUPS = {key: group for group, keys in _FACTORS.items() for key in keys}
_PLACES = {"stages": "multi", "factors": "multi", "sentiment": "ordinal", "scope": "single", "flags": "multi"}
_LEVELS = ("-2", "-1", "0", "1", "2")
_VOC: Mapping[str, _Fixed] = {
    "stages": _Fixed(
        "multi",
        ("awareness", "discovery", "attraction", "interaction", "purchase", "use", "cultivation", "advocacy"),
        max_labels=3,
    ),
    "factors": _Fixed("multi", tuple(_GROUPS), polarities=("+", "-", "~"), groups=_GROUPS),
    "sentiment": _Fixed("ordinal", _LEVELS),
    "scope": _Fixed(
        "single",
        ("service_complaint", "experience_issue", "both", "neither"),
        combines={"both": ("service_complaint", "experience_issue")},
    ),
    "flags": _Fixed(
        "multi",
        ("churn_risk", "repeat_contact", "escalation", "safety_fraud", "suggestion", "question", "needs_reply", "recommend"),
    ),
    "outcome": _Fixed("single", ("resolved", "unresolved", "pending", "unclear"), of="transcript"),
    "reasons": _Fixed(
        "multi",
        ("unresolved_anger", "agent_conduct", "repeat_contact", "escalation", "churn_risk", "safety_fraud", "abandoned"),
        of="transcript",
    ),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


_Text = Annotated[str, Field(min_length=1, max_length=2000)]
_Key = Annotated[str, Field(pattern=r"^[^\s|;,]+$", max_length=120)]


class LabelDefinition(_Strict):
    """One label: its key, what it means, who acts on it and which metrics it moves.

    `combines` names the labels of a single-choice set that apply together when this one does ("both").
    """

    key: _Key
    label: _Text
    definition: _Text
    excludes: str | None = None
    group: str | None = None
    source: str | None = None
    owner: str | None = None
    metrics: tuple[str, ...] = ()
    combines: tuple[str, ...] = ()


class _LabelSetFile(_Strict):
    kind: Kind
    labels: Annotated[tuple[LabelDefinition, ...], Field(min_length=2)]
    polarities: tuple[str, ...] = ()
    max_labels: Annotated[int, Field(ge=1)] | None = None
    of: Unit = "verbatim"

    @model_validator(mode="after")
    def _consistent(self) -> "_LabelSetFile":
        keys = [label.key for label in self.labels]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"labels given twice: {', '.join(twice)}")
        if self.polarities and self.kind != "multi":
            raise ValueError("polarities need kind = 'multi'")
        parts = {part for label in self.labels for part in label.combines}
        if parts and (self.kind != "single" or not parts <= set(keys)):
            raise ValueError("combines must name labels of a set of kind = 'single'")
        if self.max_labels and self.kind != "multi":
            raise ValueError("max_labels needs kind = 'multi'")
        return self


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A named set of labels that one head decides.

    `multi`: any number of labels (at most `max_labels`), each with one of `polarities` if the set has any;
    `single`: exactly one; `ordinal`: exactly one of an ordered scale.
    """

    name: str
    kind: Kind
    labels: tuple[LabelDefinition, ...]
    polarities: tuple[str, ...] = ()
    max_labels: int | None = None
    of: Unit = "verbatim"

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(label.key for label in self.labels)

    @property
    def shape(self) -> tuple[object, ...]:
        """Everything a trained head depends on: sets of equal shape differ only in wording, owners and metrics."""
        combines = tuple(label.combines for label in self.labels)
        return self.name, self.kind, self.keys, self.polarities, self.max_labels, self.of, combines

    def __getitem__(self, key: str) -> LabelDefinition:
        return next(label for label in self.labels if label.key == key)


@dataclass(frozen=True)
class Taxonomy:
    """A validated taxonomy; `sets` keep the file's order."""

    name: str
    version: str
    sets: tuple[LabelSet, ...]
    owners: dict[str, str]
    metrics: dict[str, str]

    @property
    def id(self) -> str:
        """Name and version, as written into every analysis and bundle."""
        return f"{self.name}/{self.version}"

    @cached_property
    def placed(self) -> frozenset[str]:
        """Names of the sets that an Analysis has a field for."""
        return frozenset(label_set.name for label_set in self.sets if has_place(label_set))

    @cached_property
    def lacks(self) -> tuple[str, ...]:
        """Names of the fields of an Analysis that there is no set for; they are omitted, not left blank."""
        return tuple(name for name in _PLACES if name not in self.placed)

    def __getitem__(self, name: str) -> LabelSet:
        return next(label_set for label_set in self.sets if label_set.name == name)

    def __contains__(self, name: str) -> bool:
        return any(label_set.name == name for label_set in self.sets)

    def of(self, unit: Unit) -> tuple[LabelSet, ...]:
        """The label sets that apply to a verbatim or to a transcript."""
        return tuple(label_set for label_set in self.sets if label_set.of == unit)


def has_place(label_set: LabelSet) -> bool:
    """Whether an Analysis has a field for this set. A set of another kind or with other levels goes into `labels`."""
    kind = _PLACES.get(label_set.name)
    return kind == label_set.kind and (kind != "ordinal" or label_set.keys == _LEVELS)


def default_taxonomy_path() -> Path:
    """The built-in taxonomy of the repository or the installed package."""
    return config_path("taxonomy.toml")


def load_taxonomy(path: Path | str | None = None) -> Taxonomy:
    """Read and validate a taxonomy file, by default the built-in one.

    Raises:
        TaxonomyError: the file is missing, is not TOML, or breaks the schema; the message names every fault.
    """
    path = Path(path) if path else default_taxonomy_path()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "name a file that is there; config/taxonomy.toml is the built-in one (docs/taxonomies.md)"
        raise TaxonomyError(f"cannot read taxonomy {path}: {error.strerror}; {remedy}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"taxonomy {path.name} is not valid TOML: {error}") from None
    return parse_taxonomy(raw, origin=path.name)


def parse_taxonomy(raw: dict[str, object], *, origin: str = "taxonomy") -> Taxonomy:
    """Validate a taxonomy given as a mapping (parsed TOML); raises TaxonomyError."""
    faults: list[str] = []
    name, version = raw.get("name"), raw.get("version")
    if not _is_text(name) or not _is_text(version):
        faults.append("name and version must be given as strings")
    if not _is_text(raw.get("description", "none")):
        faults.append("description must be a text")
    owners, metrics = _names(raw, "owners", faults), _names(raw, "metrics", faults)
    sets = tuple(filter(None, (_label_set(key, value, faults) for key, value in raw.items() if key not in _TABLES)))
    for label_set in sets:
        faults += _unknown_references(label_set, owners, metrics)
    if name == "voc":
        faults += _voc_faults(sets)
    if not sets and not faults:
        faults.append("no label set")
    if faults:
        raise TaxonomyError(f"{origin}: " + "; ".join(faults))
    return Taxonomy(str(name), str(version), sets, owners, metrics)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _names(raw: dict[str, object], table: str, faults: list[str]) -> dict[str, str]:
    value = raw.get(table, {})
    if not isinstance(value, dict) or not all(map(_is_text, value.values())):
        faults.append(f"[{table}] must map names to texts")
        return {}
    return dict(value)


def _label_set(name: str, value: object, faults: list[str]) -> LabelSet | None:
    try:
        checked = _LabelSetFile.model_validate(value)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            place = ".".join(str(part) for part in (name, *fault["loc"]))
            faults.append(f"{place}: {fault['msg']}")
        return None
    return LabelSet(name, checked.kind, checked.labels, checked.polarities, checked.max_labels, checked.of)


def _unknown_references(label_set: LabelSet, owners: dict[str, str], metrics: dict[str, str]) -> list[str]:
    faults = []
    for label in label_set.labels:
        if label.owner and label.owner not in owners:
            faults.append(f"{label_set.name}.{label.key}: unknown owner {label.owner}")
        faults += [f"{label_set.name}.{label.key}: unknown metric {metric}" for metric in label.metrics if metric not in metrics]
    return faults


def _voc_faults(sets: tuple[LabelSet, ...]) -> Iterator[str]:
    """The built-in taxonomy must also have the sets of the codebook, and an owner and metrics for each label."""
    by_name = {label_set.name: label_set for label_set in sets}
    yield from (f"missing label set {name}" for name in _VOC if name not in by_name)
    yield from (f"unknown label set {name}" for name in by_name if name not in _VOC)
    for name, fixed in _VOC.items():
        if name in by_name:
            yield from _unlike(by_name[name], fixed)
    for label_set in sets:
        yield from (f"{label_set.name}.{x.key}: owner and metrics missing" for x in label_set.labels if not (x.owner and x.metrics))


def _unlike(found: LabelSet, fixed: _Fixed) -> Iterator[str]:
    if found.keys != fixed.keys:
        yield f"{found.name}: must be, in this order, {', '.join(fixed.keys)}"
    for name in ("kind", "polarities", "max_labels", "of"):
        if getattr(found, name) != (right := getattr(fixed, name)):
            yield f"{found.name}: {name} must be {right or 'left out'}"
    for label in found.labels:
        if label.key in fixed.groups and label.group != (group := fixed.groups[label.key]):
            yield f"{found.name}.{label.key}: group must be {group}"
        if label.combines != (parts := fixed.combines.get(label.key, ())):
            yield f"{found.name}.{label.key}: combines must be {parts or 'left out'}"


def taxonomy_json(taxonomy: Taxonomy) -> bytes:
    """A taxonomy as JSON, to travel inside a bundle."""
    out: dict[str, object] = {"name": taxonomy.name, "version": taxonomy.version, "owners": taxonomy.owners, "metrics": taxonomy.metrics}
    for label_set in taxonomy.sets:
        labels = [label.model_dump(exclude_defaults=True) for label in label_set.labels]
        table = {
            "kind": label_set.kind,
            "labels": labels,
            "polarities": label_set.polarities,
            "max_labels": label_set.max_labels,
            "of": label_set.of,
        }
        out[label_set.name] = table
    return json.dumps(out, indent=1, ensure_ascii=False).encode()


def parse_taxonomy_json(raw: bytes) -> Taxonomy:
    """Read what `taxonomy_json` wrote; raises TaxonomyError."""
    try:
        return parse_taxonomy(json.loads(raw), origin="taxonomy.json")
    except ValueError as error:
        raise TaxonomyError(f"taxonomy.json is not valid JSON: {type(error).__name__}") from None
