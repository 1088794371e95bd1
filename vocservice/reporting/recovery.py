"""How a transcript ended and what it says in, what passes for one out as two: service recovered? experience fixed? cause, or handling?"""

from typing import Literal

from vocservice.taxonomy import Taxonomy

CONTACT, STAFF = "cultivation", "service"  # the stage of a contact with support, and the group of factors that it is judged by
RESOLVED = "resolved"
EXPERIENCE = ("experience_issue", "both")

Recovered = Literal["yes", "no", "pending", "unknown"]
Fixed = Literal["stands", "nothing", "unknown"]

_RECOVERED: dict[str, Recovered] = {RESOLVED: "yes", "unresolved": "no", "pending": "pending"}


def recovered(outcome: str | None) -> Recovered:
    """Whether this customer was helped."""
    return _RECOVERED.get(outcome or "", "unknown")


def fixed(scope: str | None) -> Fixed:
    """Whether what they met is mended for the next one: an experience issue stands, of anything else nothing broader was said."""
    return "unknown" if scope is None else "stands" if scope in EXPERIENCE else "nothing"


def is_unfixed(outcome: str | None, scope: str | None) -> bool:
    """Whether a customer was helped while the cause stands."""
    return recovered(outcome) == "yes" and fixed(scope) == "stands"


def is_handling(stage: str | None, factor: str, taxonomy: Taxonomy) -> bool:
    """Whether a factor at a stage tells how the contact with support went; all else is why there had to be one."""
    labels = taxonomy["factors"].labels if "factors" in taxonomy else ()
    return stage == CONTACT and any(label.key == factor and label.group == STAFF for label in labels)
