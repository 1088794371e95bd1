"""As much of Ray as the crew uses, in this process: answers come in the wrong order, and calls can be lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any


class LostError(Exception):
    """A worker that is no more."""


@dataclass(eq=False)
class Call:
    """A call that runs when its answer is asked for; `is_work` where it is a shard."""

    function: Callable[[], bytes]
    is_work: bool


class PretendRay:
    """The newest call is answered first; the numbers in `lost` count the shards that die with their worker, from 0."""

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self, lost: Sequence[int] = ()) -> None:
        self._lost, self._shards = set(lost), 0
        self.hired = self.killed = self.most = 0

    def is_initialized(self) -> bool:
        return True

    def remote(self, made: type) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda recipe: self._actor(made(recipe))))

    def _actor(self, worker: Any) -> Any:
        self.hired += 1
        load = SimpleNamespace(remote=lambda: Call(worker.load, is_work=False))
        return SimpleNamespace(load=load, work=SimpleNamespace(remote=lambda lines: Call(lambda: worker.work(lines), is_work=True)))

    def wait(self, calls: list[Call], **_: Any) -> tuple[list[Call], list[Call]]:
        self.most = max(self.most, len(calls))
        return calls[-1:], calls[:-1]

    def get(self, call: Call) -> bytes:
        if call.is_work:
            self._shards += 1
            if self._shards - 1 in self._lost:
                raise LostError
        return call.function()

    def kill(self, _: Any) -> None:
        self.killed += 1
