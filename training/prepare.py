"""Examples in, model inputs out, through the serving text steps: cleaned, segmented, windowed, with evidence per segment."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from training.examples import Example, Labels, Span
from training.network import Batch
from vocservice.chunks import chunked
from vocservice.inference.layout import Layout
from vocservice.inference.windows import NO_SEGMENT, Windowed, Windower
from vocservice.records import RawTurn, Segment, Turn, Verbatim
from vocservice.text.clean import Clean, clean, clean_question
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of

_CHUNK = 512
_MIN_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Prepared:
    """One example as network input.

    `bare` is the same text without its channel (used at random, so that the model also learns texts of unknown origin).
    `evidence`: for each segment, set name -> indices of its labels. `features`: another encoder's features of each
    segment of `windowed` (`training.distil`).
    """

    example: Example
    windowed: Windowed
    bare: Windowed
    evidence: tuple[dict[str, set[int]], ...]
    features: NDArray[np.float16] | None = None


def prepare(examples: Iterable[Example], windower: Windower, rules: RedactionRules, layout: Layout) -> Iterator[Prepared]:
    """Prepare in chunks (the tokenizer processes many texts at once); examples without visible characters are left out."""
    for chunk in chunked(examples, _CHUNK):
        ready = [(example, *_clean_example(example, rules)) for example in chunk]
        ready = [entry for entry in ready if entry[2]]
        verbatims = [verbatim for _, verbatim, _, _ in ready]
        segments = [parts for _, _, parts, _ in ready]
        full = windower.windows(verbatims, segments)
        bare = windower.windows([replace(verbatim, channel=None) for verbatim in verbatims], segments)
        for (example, _, parts, cleans), windowed, without in zip(ready, full, bare, strict=True):
            yield Prepared(example, windowed, without, tuple(_carried(example, parts, cleans, layout)))


def _clean_example(example: Example, rules: RedactionRules) -> tuple[Verbatim, list[Segment], list[Clean]]:
    raw_turns = example.turns or (RawTurn("customer", example.text),)
    names = frozenset(turn.author for turn in raw_turns if turn.author)
    cleans = [clean(turn.text, rules=rules, known_names=names) for turn in raw_turns]
    turns = tuple(Turn(raw.speaker, done.text, raw.at, raw.author) for raw, done in zip(raw_turns, cleans, strict=True))
    question = clean_question(example.question, rules)
    verbatim = Verbatim(example.id, turns, is_transcript=bool(example.turns), language="en", channel=example.channel, question=question)
    return verbatim, segments_of(verbatim), cleans


def _carried(example: Example, parts: Sequence[Segment], cleans: Sequence[Clean], layout: Layout) -> Iterator[dict[str, set[int]]]:
    """Labels of each segment; annotated spans are offsets in the raw text of their turn."""
    spans: list[tuple[str, int, int, tuple[int, int]]] = []
    for block in layout.blocks:
        known = example.targets.get(block.label_set.name)
        if isinstance(known, Labels):
            keys = block.label_set.keys
            spans += [
                (block.label_set.name, keys.index(key), *_to_clean(span, cleans))
                for key, listed in known.evidence.items()
                for span in listed
            ]
    for part in parts:
        carried: dict[str, set[int]] = {}
        for name, index, turn, (start, end) in spans:
            shared = min(end, part.end) - max(start, part.start) if part.turn == turn else 0
            if shared > 0 and shared >= _MIN_OVERLAP * min(end - start, part.end - part.start):
                carried.setdefault(name, set()).add(index)
        yield carried


def _to_clean(span: Span, cleans: Sequence[Clean]) -> tuple[int, tuple[int, int]]:
    """The turn of a span and its position in the cleaned text."""
    turn = span[2] if len(span) == 3 else 0
    offsets = cleans[turn].offsets
    return turn, (bisect_left(offsets, span[0]), bisect_left(offsets, span[1]))


def collate(batch: Sequence[Prepared], *, bare: Sequence[bool], pad: int = 0) -> Batch:
    """Pad the windows of a batch and number its segments."""
    chosen = [p.bare if without else p.windowed for p, without in zip(batch, bare, strict=True)]
    windows = [(index, window) for index, windowed in enumerate(chosen) for window in windowed.windows]
    longest = max(len(window.ids) for _, window in windows)
    firsts, at = [], 0
    for windowed in chosen:
        firsts.append(at)
        at += len(windowed.segments)
    ids, owner = [], []
    for index, window in windows:
        blank = longest - len(window.ids)
        ids.append([*window.ids, *[pad] * blank])
        owner.append([*(at + firsts[index] if at >= 0 else at for at in window.segments), *[NO_SEGMENT] * blank])
    sizes = torch.tensor([len(window.ids) for _, window in windows])
    return Batch(
        ids=torch.tensor(ids),
        mask=(torch.arange(longest)[None, :] < sizes[:, None]).long(),
        token_segment=torch.tensor(owner),
        window_verbatim=torch.tensor([index for index, _ in windows]),
        segment_verbatim=torch.tensor([i for i, windowed in enumerate(chosen) for _ in windowed.segments]),
        segment_place=torch.tensor([place for windowed in chosen for place in range(len(windowed.segments))]),
        size=len(batch),
        places=max(len(windowed.segments) for windowed in chosen),
    )
