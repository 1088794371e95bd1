"""Records in, results in order out, from the processes of a Ray cluster; memory depends only on the number of workers.

Workers take whole shards. The main process reads, stores finished shards and writes, like the local engine:
the shards beside the output are the only state, and Ray holds nothing irreplaceable.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from vocservice.api import Analyser
from vocservice.batch.engines import RAY, Work, check_engine
from vocservice.batch.ray_crew import Crew, Shard
from vocservice.batch.ray_worker import LOAD, Recipe
from vocservice.batch.shards import Shards, matched
from vocservice.batch.stored import encode_record
from vocservice.errors import EngineError
from vocservice.records import Result
from vocservice.tables.source import Record

FACTORY = LOAD
SHARDS_A_WORKER = 2
_SENT = {"bundle", "taxonomy", "threads", "chunk", "max_characters", "log_level", "http"}
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
# Ray listens on loopback only if its own address is 127.0.0.1, which requires turning this off
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


class RayEngine:
    """A window of shards in progress, the first of which is written next."""

    def __init__(self, crew: Callable[[], Crew], *, connected: Callable[[], AbstractContextManager[None]], size: int, window: int):
        self._crew, self._connected = crew, connected
        self._size, self._window = size, window

    def run(self, records: Iterator[Record], shards: Shards | None) -> Iterator[Result]:
        with self._connected():
            crew = self._crew()
            try:
                yield from _Run(crew, shards).results(_lists(records, self._size), self._window)
            finally:
                crew.dismiss()


class _Run:
    """The shards between the reader and the writer."""

    def __init__(self, crew: Crew, shards: Shards | None):
        self._crew, self._shards = crew, shards
        self._held: dict[int, bytes] = {}

    def results(self, parts: Iterator[list[Record]], window: int) -> Iterator[Result]:
        waiting: deque[tuple[int, list[Record]]] = deque()
        for number, part in enumerate(parts):
            waiting.append((number, part))
            if not self._is_done(number):
                self._crew.submit(Shard(number, b"".join(map(encode_record, part))))
            if len(waiting) >= window:
                yield from self._written(*waiting.popleft())
        while waiting:
            yield from self._written(*waiting.popleft())

    def _written(self, number: int, records: list[Record]) -> Iterator[Result]:
        while not self._is_done(number):
            self._keep(*self._crew.finished())
        if self._shards is not None:
            return self._shards.stored(number, records)
        return matched(self._held.pop(number).splitlines(), records)

    def _is_done(self, number: int) -> bool:
        return number in self._held or (self._shards is not None and self._shards.has(number))

    def _keep(self, number: int, lines: bytes) -> None:
        if self._shards is not None:
            self._shards.save(number, lines, lines.count(b"\n"))
        else:
            self._held[number] = lines


def open_engine(_: Analyser, work: Work) -> RayEngine:
    """The engine over a cluster, connected when the first record is requested.

    A worker uses the threads in the settings, or one if 0; by default there are as many workers as the available
    cores allow; without an address a local cluster is started for this run, on loopback.

    Raises:
        EngineError: Ray is not installed (`ray_missing`).
    """
    from vocservice.overlap import cores

    check_engine(RAY)
    ray = _library(is_alone=work.address is None)
    threads = work.settings.threads or 1
    workers = work.workers or max(cores() // threads, 1)
    recipe = _recipe(work, threads)
    return RayEngine(
        lambda: Crew(ray, recipe, expected=work.plan.maker, workers=workers, threads=threads),
        connected=lambda: _connected(ray, work.address, cpus=workers * threads),
        size=work.plan.shard_records,
        window=SHARDS_A_WORKER * workers,
    )


def _recipe(work: Work, threads: int) -> bytes:
    sent = work.settings.model_dump(mode="json", include=_SENT) | {"threads": threads}
    taxonomy = str(Path(work.taxonomy).absolute()) if work.taxonomy else None
    return Recipe(factory=FACTORY, bundle=_absolute(work.bundle), taxonomy=taxonomy, settings=sent).model_dump_json().encode()


def _library(*, is_alone: bool) -> Any:
    for name, value in (_QUIET | (_ALONE if is_alone else {})).items():
        os.environ.setdefault(name, value)
    return import_module("ray")


@contextmanager
def _connected(ray: Any, address: str | None, *, cpus: int) -> Iterator[None]:
    """An existing connection of this process is used, and left open."""
    if ray.is_initialized():
        yield
        return
    try:
        _connect(ray, address, cpus)
    except Exception as error:
        where = "the cluster cannot be reached" if address else "no cluster can be started here"
        raise EngineError(f"{where} ({type(error).__name__}); see Ray's own logs", code="ray_unreachable") from None
    try:
        yield
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str | None, cpus: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is not None:
        ray.init(address=address, **quiet)
    else:
        ray.init(address="local", num_cpus=cpus, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)


def _lists(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while part := list(islice(records, size)):
        yield part


def _absolute(bundle: str) -> str:
    """A version is resolved by each worker under its own models/, a path must be the same everywhere."""
    return str(Path(bundle).absolute()) if len(Path(bundle).parts) > 1 else bundle
