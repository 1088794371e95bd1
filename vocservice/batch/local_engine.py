"""Records in, results out of the model in this process, in constant memory."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import TypeVar

from vocservice.api import Analyser
from vocservice.batch.engines import Work
from vocservice.batch.shards import Shards
from vocservice.records import Result
from vocservice.tables.source import Record

Item = TypeVar("Item")


class LocalEngine:
    """Shards in sequence, yielding each result; unfinished ones form one stream, so that the encoder never idles."""

    def __init__(self, analyser: Analyser):
        self._analyser = analyser

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        if shards is None:
            yield from self._analyser.stream(records)
            return
        number = 0
        for first in records:
            rest = chain([first], records)
            if shards.has(number):
                yield from shards.stored(number, islice(rest, shards.size))
                number += 1
                continue
            for results in split(self._analyser.stream(islice(rest, _undone(shards, number)), ahead=True), shards.size):
                yield from shards.recorded(number, results)
                number += 1


def _undone(shards: Shards, number: int) -> int | None:
    """Records from the start of a shard to the next finished one; None without one."""
    following = shards.done_after(number)
    return None if following is None else (following - number) * shards.size


def open_engine(analyser: Analyser, _: Work | None = None) -> LocalEngine:
    """The engine over a loaded model."""
    return LocalEngine(analyser)


def split(items: Iterator[Item], size: int) -> Iterator[Iterator[Item]]:
    """Runs of `size` items, the last one possibly shorter; each must be consumed before the next."""
    for first in items:
        yield chain([first], islice(items, size - 1))
