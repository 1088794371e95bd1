"""How a transcript ended and what it says in, what passes for one out as two: service recovered? experience fixed? cause, or handling?"""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Literal, NamedTuple

from vocservice.records import Evidence, Factor, Json, Label
from vocservice.reporting.rows import Row, stages_of
from vocservice.taxonomy import Taxonomy

CONTACT, STAFF = "cultivation", "service"  # the stage of a contact with support, and the group of factors that it is judged by
RESOLVED = "resolved"
EXPERIENCE = ("experience_issue", "both")

Recovered = Literal["yes", "no", "pending", "unknown"]
Fixed = Literal["yes", "stands", "nothing", "unknown"]
Cell = tuple[str | None, str]  # a stage, where there is one, and a factor

_RECOVERED: dict[str, Recovered] = {RESOLVED: "yes", "unresolved": "no", "pending": "pending"}


class Mended(NamedTuple):
    """A factor at a stage for which an experience issue was closed, and the day of that: what was said later is not mended by it."""

    stage: str
    factor: str
    until: date


def recovered(outcome: str | None) -> Recovered:
    """Whether this customer was helped."""
    return _RECOVERED.get(outcome or "", "unknown")


def fixed(scope: str | None, *, is_mended: bool = False) -> Fixed:
    """Whether what they met is mended for the next one: an experience issue stands until it is; else nothing broader was said."""
    if scope not in EXPERIENCE:
        return "unknown" if scope is None else "nothing"
    return "yes" if is_mended else "stands"


def is_unfixed(outcome: str | None, scope: str | None, *, is_mended: bool = False) -> bool:
    """Whether a customer was helped while the cause stands."""
    return recovered(outcome) == "yes" and fixed(scope, is_mended=is_mended) == "stands"


def are_mended(causes: Collection[Cell], day: date, mended: Collection[Mended]) -> bool:
    """Whether all causes of a conversation of a day were mended since; where none is named, that is not known."""
    until = {(one.stage, one.factor): one.until for one in mended}
    return bool(causes) and all(day <= until.get((stage or "", factor), date.min) for stage, factor in causes)


def causes_of(result: Json, labels: Json, taxonomy: Taxonomy) -> tuple[Cell, ...]:
    """What labels blame, but for how the contact went."""
    return tuple(cell for cell in blamed(result, labels) if not is_handling(*cell, taxonomy))


def blamed(result: Json, labels: Json) -> tuple[Cell, ...]:
    """What labels, in the shape of an annotation, blame, each once."""
    found = ((stage, factor.key) for stage, factor in placed(result, labels) if factor.polarity == "-")
    return tuple(dict.fromkeys(found))


def placed(result: Json, labels: Json) -> Iterator[tuple[str | None, Factor]]:
    """Each factor of some labels at each stage where it stands, by the evidence that the model had for them."""
    stages = tuple(Label(key, 1, _evidence(result, "stages", key)) for key in labels.get("stages") or ())
    for given in labels.get("factors") or ():
        factor = Factor(given["key"], given["polarity"], 1, _evidence(result, "factors", given["key"]))
        for stage in stages_of(Row("", stages=stages), factor) or (None,):
            yield stage, factor


def is_handling(stage: str | None, factor: str, taxonomy: Taxonomy) -> bool:
    """Whether a factor at a stage tells how the contact with support went; all else is why there had to be one."""
    return stage == CONTACT and factor in handling(taxonomy)


def handling(taxonomy: Taxonomy) -> tuple[str, ...]:
    """The factors that a contact with support is judged by."""
    labels = taxonomy["factors"].labels if "factors" in taxonomy else ()
    return tuple(label.key for label in labels if label.group == STAFF)


def _evidence(result: Json, name: str, key: str) -> tuple[Evidence, ...]:
    """Of a label that the model gave."""
    return tuple(Evidence(**piece) for label in result.get(name) or () if label["key"] == key for piece in label.get("evidence") or ())
