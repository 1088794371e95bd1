"""Clean text in, encoder windows out: token ids with, for each token, the segment it belongs to.

A text longer than the encoder's window is read in overlapping windows, never cut. Every window starts with the survey question and the
channel, if known; a long question is cut, with a warning. In a conversation only the customer's words are read; other turns are reduced to
their speakers, so that their words cannot affect a label.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tokenizers import Encoding, Tokenizer

from vocservice.errors import BundleError
from vocservice.records import Segment, Verbatim

MAX_WINDOW = 256
_MAX_PREFIX = 48
MIN_WINDOW = 64  # leaves room for the text after the longest prefix
_OVERLAP = 4  # neighbouring windows share a quarter

NO_SEGMENT = -1
SPEAKER_TOKENS = {"customer": "[CUSTOMER]", "agent": "[AGENT]", "bot": "[AGENT]", "supervisor": "[AGENT]", "system": "[SYSTEM]"}


@dataclass(frozen=True, slots=True)
class Window:
    """One encoder input: `ids` with the special tokens, and for each token the index of its segment or NO_SEGMENT."""

    ids: tuple[int, ...]
    segments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Windowed:
    """A verbatim ready for the encoder; `is_question_cut` if its prefix was too long."""

    windows: tuple[Window, ...]
    segments: tuple[Segment, ...]
    is_question_cut: bool = False

    @property
    def tokens(self) -> int:
        return sum(len(window.ids) for window in self.windows)


class Windower:
    """Tokenises verbatims with the tokenizer of a bundle."""

    def __init__(self, tokenizer: Tokenizer, *, max_window: int = MAX_WINDOW):
        self._tokenizer = tokenizer
        self._max_window = max_window
        self._cls, self._sep = (_special(tokenizer, token) for token in ("[CLS]", "[SEP]"))
        self._speakers = {speaker: _special(tokenizer, token) for speaker, token in SPEAKER_TOKENS.items()}

    def windows(self, verbatims: Sequence[Verbatim], segments: Sequence[Sequence[Segment]]) -> list[Windowed]:
        """Tokenise a batch in one call; `segments[i]` are those of `verbatims[i]`, in order."""
        texts = [turn.text if turn.speaker == "customer" else "" for verbatim in verbatims for turn in verbatim.turns]
        prefixes = [prefix_of(verbatim) for verbatim in verbatims]
        heads = {prefix: self._tokenizer.encode(prefix, add_special_tokens=False).ids for prefix in {*prefixes}}
        turns = iter(self._tokenizer.encode_batch(texts, add_special_tokens=False))
        return [
            self._window(verbatim, parts, heads[prefix], [next(turns) for _ in verbatim.turns])
            for verbatim, parts, prefix in zip(verbatims, segments, prefixes, strict=True)
        ]

    def _window(self, verbatim: Verbatim, segments: Sequence[Segment], prefix: list[int], turns: list[Encoding]) -> Windowed:
        ids: list[int] = []
        owners: list[int] = []
        by_turn = _by_turn(segments)
        for index, (turn, encoding) in enumerate(zip(verbatim.turns, turns, strict=True)):
            if verbatim.is_transcript:
                ids.append(self._speakers[turn.speaker])
                owners.append(NO_SEGMENT)
            ids += encoding.ids
            owners += _owners(encoding.offsets, by_turn.get(index, []))
        head = [self._cls, *prefix[:_MAX_PREFIX], self._sep] if prefix else [self._cls]
        return Windowed(tuple(self._cut(head, ids, owners)), tuple(segments), len(prefix) > _MAX_PREFIX)

    def _cut(self, head: list[int], ids: list[int], owners: list[int]) -> list[Window]:
        room = self._max_window - len(head) - 1
        step = room - room // _OVERLAP
        starts = [0] if len(ids) <= room else list(range(0, len(ids) - room + step, step))
        blank = (NO_SEGMENT,) * len(head)
        return [Window((*head, *ids[at : at + room], self._sep), (*blank, *owners[at : at + room], NO_SEGMENT)) for at in starts]


def _special(tokenizer: Tokenizer, token: str) -> int:
    """Return the id of a token that every tokenizer must have.

    Raises:
        BundleError: this tokenizer lacks it.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise BundleError(f"the bundle's tokenizer has no {token}", remedy=BundleError.RENEW)
    return found


def prefix_of(verbatim: Verbatim) -> str:
    """The prefix of the text: channel and survey question, if known."""
    return " ".join(filter(None, (verbatim.channel, verbatim.question)))


def _by_turn(segments: Sequence[Segment]) -> dict[int, list[tuple[int, int]]]:
    """Start and index of the segments of each turn."""
    grouped: dict[int, list[tuple[int, int]]] = {}
    for index, segment in enumerate(segments):
        grouped.setdefault(segment.turn, []).append((segment.start, index))
    return grouped


def _owners(offsets: list[tuple[int, int]], mine: list[tuple[int, int]]) -> list[int]:
    """Segment of each token of one turn, whose segments are `mine`; tokens before the first segment belong to it."""
    if not mine:
        return [NO_SEGMENT] * len(offsets)
    firsts = [0, *(bisect_left(offsets, (start, 0)) for start, _ in mine[1:]), len(offsets)]
    return [index for (_, index), (first, last) in zip(mine, pairwise(firsts), strict=True) for _ in range(first, last)]
