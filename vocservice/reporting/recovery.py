"""How a transcript ended and the scope of its cause in, two answers out that pass for one: service recovered? experience fixed?"""

from typing import Literal

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
