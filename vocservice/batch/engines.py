"""The name of an engine in, the engine out: the registry of who does the work of a run."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from vocservice.api import Analyser
from vocservice.batch.shards import Shards
from vocservice.records import Result
from vocservice.tables.source import Record

ENGINES: Mapping[str, str] = {
    "local": "vocservice.batch.local_engine",
}


class Engine(Protocol):
    """Turns records into results."""

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        """One result a record, in order, with the record's row; shards that are done are read, the others are kept when they are."""


@dataclass(frozen=True, slots=True)
class Power:
    """What an engine works with: the model of this process, how another process loads the same, and how many of those there are."""

    analyser: Analyser
    load: Callable[[], Analyser]
    workers: int | None = None


def open_engine(name: str, power: Power) -> Engine:
    """Make an engine of the registry.

    Raises:
        ConfigError: the engine needs what is not installed.
    """
    engine: Engine = import_module(ENGINES[name]).open_engine(power)
    return engine
