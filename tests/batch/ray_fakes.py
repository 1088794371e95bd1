"""Analysers that workers of a cluster load by name: the fakes of the tests, one that dies once, one that is another model."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builders import FakePipeline, fake_analyser

from vocservice.api import Analyser
from vocservice.errors import BundleError
from vocservice.records import RawVerbatim, Result

TRACES = "RAY_FAKES_TRACES"


def _with(result: Callable[[RawVerbatim], None], made: Analyser) -> Analyser:
    class Pipeline(FakePipeline):
        def _result(self, record: RawVerbatim) -> Result:
            result(record)
            return super()._result(record)

    return Analyser(Pipeline(), made.model, made.taxonomy)


def _killed(trace: str) -> None:
    """Die as by `kill -9`, once for each name."""
    folder = Path(os.environ[TRACES])
    try:
        (folder / trace).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def fake(*_: Any, **__: Any) -> Analyser:
    return fake_analyser()


def dying_once(*_: Any, **__: Any) -> Analyser:
    """The worker that meets record 151 dies in the middle of its shard."""
    return _with(lambda record: _killed("once") if record.id == "151" else None, fake_analyser())


def dying_always(*_: Any, **__: Any) -> Analyser:
    """Record 151 kills every worker."""
    return _with(lambda record: os.kill(os.getpid(), signal.SIGKILL) if record.id == "151" else None, fake_analyser())


def another_model(*_: Any, **__: Any) -> Analyser:
    made = fake_analyser()
    return Analyser(made.pipeline, "fake-2", made.taxonomy)


def no_model(*_: Any, **__: Any) -> Analyser:
    raise BundleError("no bundle of that name")
