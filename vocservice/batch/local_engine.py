"""Records in, results out of the model in this process, in constant memory."""

from collections.abc import Iterator
from itertools import chain, islice

from vocservice.api import Analyser
from vocservice.batch.engines import Work
from vocservice.batch.shards import Shards
from vocservice.records import Result
from vocservice.tables.source import Record


class LocalEngine:
    """One shard after the other, each result as it comes."""

    def __init__(self, analyser: Analyser):
        self._analyser = analyser

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        if shards is None:
            yield from self._analyser.stream(records)
            return
        for number, shard in enumerate(split(records, shards.size)):
            yield from shards.stored(number, shard) if shards.has(number) else shards.recorded(number, self._analyser.stream(shard))


def open_engine(analyser: Analyser, _: Work | None = None) -> LocalEngine:
    """The engine over a loaded model."""
    return LocalEngine(analyser)


def split(records: Iterator[Record], size: int) -> Iterator[Iterator[Record]]:
    """Runs of `size` records, the last one possibly shorter; each must be read to its end before the next."""
    for first in records:
        yield chain([first], islice(records, size - 1))
