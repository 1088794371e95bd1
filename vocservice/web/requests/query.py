"""URL parameters in, validated values out; errors name the parameter, never its value."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from vocservice.web.problems import RequestError

LONGEST = 500
MOST_VALUES = 20  # for a parameter that may be repeated
_LONGEST_TOLD = 100


def told(given: Mapping[str, str], name: str) -> str:
    """A parameter of a page, safe to look up: no NUL, cut if long; blank if missing."""
    return given.get(name, "").replace("\0", "")[:_LONGEST_TOLD]


class Query:
    """The parameters of one request; only those in `repeated` may be repeated."""

    def __init__(
        self, given: MultiDict[str, str], *, known: Collection[str], beginnings: Sequence[str] = (), repeated: Collection[str] = ()
    ):
        """Check names: known ones, and open-ended ones with a known prefix; some of both may be repeated.

        Raises:
            RequestError: one is unknown, repeated, or too long.
        """
        free = tuple(beginnings)
        if not all(name in known or name.startswith(free) for name in given):
            named = ", ".join([*known, *(f"{beginning}NAME" for beginning in free)])
            message = f"the parameters of this resource are {named}" if named else "this resource has no parameters"
            raise RequestError(message, code="parameter_invalid")
        several = tuple(beginning for beginning in beginnings if beginning in repeated)
        for name, values in given.lists():
            most = MOST_VALUES if name in repeated or name.startswith(several) else 1
            if len(values) > most or max(map(len, (name, *values))) > LONGEST or "\0" in "".join((name, *values)):
                times = "once" if most == 1 else f"{most} times at most"
                raise _fault(name if name in known else "each parameter", f"be given {times}, and not so long")
        self._given = given

    def text(self, name: str) -> str | None:
        """The value; None if missing or blank."""
        return self._given.get(name) or None

    def texts(self, name: str, words: Sequence[str] = ()) -> tuple[str, ...]:
        """The distinct non-blank values, each one of `words` if given."""
        found = tuple(dict.fromkeys(filter(None, self._given.getlist(name))))
        if words and not set(found) <= set(words):
            raise _fault(name, f"be one of {' '.join(words)}")
        return found

    def beginning(self, beginning: str, *, most: int) -> dict[str, tuple[str, ...]]:
        """Names after a prefix, with their non-blank values, in order."""
        named = sorted(name for name in self._given if name.startswith(beginning))
        found = {name.removeprefix(beginning): values for name in named if (values := self.texts(name))}
        if len(found) > most:
            raise _fault(f"{beginning}NAME", f"be given {most} times at most")
        return found

    def one_of(self, name: str, words: Sequence[str]) -> str | None:
        """A value that must be one of the words."""
        return next(iter(self.texts(name, words)), None)

    def truth(self, name: str) -> bool | None:
        """A boolean, `true` or `false`."""
        found = self.one_of(name, ("true", "false"))
        return None if found is None else found == "true"

    def number(self, name: str, *, default: int, most: int) -> int:
        """A positive integer."""
        found = self.text(name)
        if found is None:
            return default
        if not (found.isascii() and found.isdigit() and len(found) <= 9 and 1 <= int(found) <= most):
            raise _fault(name, f"be a whole number from 1 to {most}")
        return int(found)

    def time(self, name: str) -> datetime | None:
        """A time in ISO 8601, UTC without a zone."""
        found = self.text(name)
        return time_of(name, found) if found else None


def time_of(name: str, found: str) -> datetime:
    """Parse a time in ISO 8601, UTC without a zone; a blank in it is a decoded plus sign.

    Raises:
        RequestError: it is not a time.
    """
    try:
        at = datetime.fromisoformat(found.replace(" ", "+"))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _fault(name, "be a time in ISO 8601") from None


def _fault(name: str, must: str) -> RequestError:
    return RequestError(f"{name} must {must}", code="parameter_invalid")
