"""The name of an engine in, the engine out: the registry of engines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from vocservice.api import Analyser
from vocservice.batch.plan import Plan
from vocservice.batch.shards import Shards
from vocservice.errors import EngineError
from vocservice.records import Result
from vocservice.settings import Settings
from vocservice.tables.source import Record

LOCAL, RAY = "local", "ray"
ENGINES: Mapping[str, str] = {
    LOCAL: "vocservice.batch.local_engine",
    RAY: "vocservice.batch.ray_engine",
}


class Engine(Protocol):
    """Turns records into results."""

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        """One result per record, in order, with the record's row; finished shards are read, others are stored when finished."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a multi-process engine needs besides the model in this process.

    Attributes:
        plan: of the run.
        settings: of the program.
        bundle: as named by the caller, for workers that load it themselves.
        taxonomy: that the bundle must match.
        workers: number of processes; None for the engine's choice.
        address: of a running cluster; None to start one.
    """

    plan: Plan
    settings: Settings
    bundle: str
    taxonomy: str | None = None
    workers: int | None = None
    address: str | None = None


def open_engine(name: str, analyser: Analyser, work: Work | None = None) -> Engine:
    """Make an engine of the registry.

    Args:
        name: of the engine.
        analyser: the model in this process.
        work: needed by all but `local`.

    Raises:
        EngineError: its library is not installed (`ray_missing`).
    """
    engine: Engine = import_module(ENGINES[name]).open_engine(analyser, work)
    return engine


def check_engine(name: str) -> None:
    """Check that an engine has its library, before a model is loaded.

    Raises:
        EngineError: it is missing (`ray_missing`).
    """
    if name == RAY and find_spec("ray") is None:
        raise EngineError("--engine ray needs Ray: pip install -r requirements-ray.txt", code="ray_missing")
