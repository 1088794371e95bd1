"""What a worker process of the tests runs: the real worker over a model by name."""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from builders import MODEL, FakePipeline

from vocservice.api import Analyser
from vocservice.jobs.process import run_worker
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.taxonomy import load_taxonomy

from .stores import settings_in

DEADLY = "this kills the worker"
SLOW_SECONDS = 0.3


class DeadlyPipeline(FakePipeline):
    """Ends the process at one text."""

    def _result(self, record: RawVerbatim) -> Result:
        if record.text == DEADLY:
            os._exit(9)
        return super()._result(record)


class SlowPipeline(FakePipeline):
    """Takes its time for each record, and says in a file that it has begun."""

    def __init__(self, folder: Path, seconds: float = SLOW_SECONDS):
        super().__init__()
        self._begun, self._seconds = folder / "begun", seconds

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        for result in super().analyse(records):
            self._begun.touch()
            time.sleep(self._seconds)
            yield result


def run(folder: str, model: str, lease: float, log: str, failpoint: str) -> None:
    """Work until told to stop."""
    with Path(log).open("w") as errors:
        logging.basicConfig(stream=errors, level=logging.INFO, force=True)
        os.environ["VOC_FAILPOINT"] = failpoint
        pipelines = {
            "plain": FakePipeline,
            "deadly": DeadlyPipeline,
            "slow": lambda: SlowPipeline(Path(folder)),
            "stuck": lambda: SlowPipeline(Path(folder), 3600.0),
        }
        settings = settings_in(Path(folder), lease_seconds=lease, grace_seconds=0.5 if model == "stuck" else 20.0)
        run_worker(settings, load_bundle=lambda _: Analyser(pipelines[model](), MODEL, load_taxonomy()))
        errors.flush()
        os._exit(0)
