"""A text and edits in, the edited text with its offsets into the raw text out."""

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Edit = tuple[int, int, str]


class State(NamedTuple):
    """A text being edited; `offsets[i]` is the raw offset of its character `i`, the last one that of its end."""

    text: str
    offsets: Sequence[int]


def apply(state: State, edits: Iterable[Edit]) -> State:
    """Replace slices; each character of a replacement gets the offset of its slice."""
    text, offsets = state
    pieces: list[str] = []
    mapped = array("I")
    at = 0
    for start, end, replacement in edits:
        pieces += (text[at:start], replacement)
        mapped.extend(offsets[at:start])
        mapped.extend([offsets[start]] * len(replacement))
        at = end
    if not pieces:
        return state
    pieces.append(text[at:])
    mapped.extend(offsets[at:])
    return State("".join(pieces), mapped)
