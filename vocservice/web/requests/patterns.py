"""The parts of a path and of a pattern in, whether they match out: `*`, `?`, `[...]`, and `**` for folders at any depth.

It matches what `voc classify` finds, but without accessing files, so that no link is followed; names that begin with a dot
match only if the pattern says so.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

_ANY_DEPTH = "**"


def fits(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a pattern matches a path, in one pass over it."""
    places = _opened({0}, pattern)
    for part in path:
        places = _opened({after for place in places for after in _after(place, part, pattern)}, pattern)
    return len(pattern) in places


def _opened(places: Iterable[int], pattern: Sequence[str]) -> set[int]:
    """Expand positions past each `**`, which may match no folder."""
    found = set(places)
    for place in range(len(pattern)):
        if place in found and pattern[place] == _ANY_DEPTH:
            found.add(place + 1)
    return found


def _after(place: int, part: str, pattern: Sequence[str]) -> Iterable[int]:
    if place == len(pattern):
        return ()
    wanted = pattern[place]
    if part.startswith(".") and not wanted.startswith("."):
        return ()
    if wanted == _ANY_DEPTH:
        return (place,)
    return (place + 1,) if fnmatchcase(part, wanted) else ()
