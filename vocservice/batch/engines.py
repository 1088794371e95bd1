"""The name of an engine in, the engine out: the registry of who does the work of a run."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Protocol

from vocservice.api import Analyser
from vocservice.batch.shards import Shards
from vocservice.records import Result
from vocservice.tables.source import Record

LOCAL = "local"
ENGINES: Mapping[str, str] = {
    LOCAL: "vocservice.batch.local_engine",
}


class Engine(Protocol):
    """Turns records into results."""

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        """One result a record, in order, with the record's row; shards that are done are read, the others are kept when they are."""


def open_engine(name: str, analyser: Analyser) -> Engine:
    """Make an engine of the registry."""
    engine: Engine = import_module(ENGINES[name]).open_engine(analyser)
    return engine
