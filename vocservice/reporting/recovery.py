"""Outcome and labels of a transcript in, the two kinds of resolution out: service recovered? experience fixed? cause or handling?"""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Literal, NamedTuple

from vocservice.records import Evidence, Factor, Json, Label
from vocservice.reporting.rows import Row, stages_of
from vocservice.taxonomy import Taxonomy

CONTACT, STAFF = "cultivation", "service"  # the stage of contacts with support, and the factor group that describes their handling
RESOLVED = "resolved"
EXPERIENCE = ("experience_issue", "both")

Recovered = Literal["yes", "no", "pending", "unknown"]
Fixed = Literal["yes", "stands", "nothing", "unknown"]
Cell = tuple[str | None, str]  # a stage, if any, and a factor

_RECOVERED: dict[str, Recovered] = {RESOLVED: "yes", "unresolved": "no", "pending": "pending"}


class Mended(NamedTuple):
    """A factor at a stage whose experience issue was closed, and the day; later complaints are not mended by it."""

    stage: str
    factor: str
    until: date


def recovered(outcome: str | None) -> Recovered:
    """Whether the customer was helped."""
    return _RECOVERED.get(outcome or "", "unknown")


def fixed(scope: str | None, *, is_mended: bool = False) -> Fixed:
    """Whether the cause is fixed for others: an experience issue remains until it is; else nothing broader was mentioned."""
    if scope not in EXPERIENCE:
        return "unknown" if scope is None else "nothing"
    return "yes" if is_mended else "stands"


def is_unfixed(outcome: str | None, scope: str | None, *, is_mended: bool = False) -> bool:
    """Whether a customer was helped but the cause remains."""
    return recovered(outcome) == "yes" and fixed(scope, is_mended=is_mended) == "stands"


def are_mended(causes: Collection[Cell], day: date, mended: Collection[Mended]) -> bool:
    """Whether all causes of a conversation of a day were mended since; unknown if none is named."""
    until = {(one.stage, one.factor): one.until for one in mended}
    return bool(causes) and all(day <= until.get((stage or "", factor), date.min) for stage, factor in causes)


def causes_of(result: Json, labels: Json, taxonomy: Taxonomy) -> tuple[Cell, ...]:
    """The blamed places of labels, except handling of the contact."""
    return tuple(cell for cell in blamed(result, labels) if not is_handling(*cell, taxonomy))


def blamed(result: Json, labels: Json) -> tuple[Cell, ...]:
    """The blamed places of labels in annotation form, each once."""
    found = ((stage, factor.key) for stage, factor in placed(result, labels) if factor.polarity == "-")
    return tuple(dict.fromkeys(found))


def placed(result: Json, labels: Json) -> Iterator[tuple[str | None, Factor]]:
    """Each factor of some labels at each of its stages, by the model's evidence for them."""
    stages = tuple(Label(key, 1, _evidence(result, "stages", key)) for key in labels.get("stages") or ())
    for given in labels.get("factors") or ():
        factor = Factor(given["key"], given["polarity"], 1, _evidence(result, "factors", given["key"]))
        for stage in stages_of(Row("", stages=stages), factor) or (None,):
            yield stage, factor


def is_handling(stage: str | None, factor: str, taxonomy: Taxonomy) -> bool:
    """Whether a factor at a stage describes the handling of the contact; all others are its cause."""
    return stage == CONTACT and factor in handling(taxonomy)


def handling(taxonomy: Taxonomy) -> tuple[str, ...]:
    """The factors that describe the handling of a contact."""
    labels = taxonomy["factors"].labels if "factors" in taxonomy else ()
    return tuple(label.key for label in labels if label.group == STAFF)


def _evidence(result: Json, name: str, key: str) -> tuple[Evidence, ...]:
    """The evidence of a label by the model."""
    return tuple(Evidence(**piece) for label in result.get(name) or () if label["key"] == key for piece in label.get("evidence") or ())
