"""A bundle and the corpora in, seconds of whole analyses out: as in `voc classify`, without reading and writing."""

import os
import platform
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from training.corpora import read_corpus
from training.examples import Example, to_raw
from vocservice.api import Analyser, load
from vocservice.records import Rejected

INPUTS: dict[str, tuple[str, int]] = {
    "app and shop reviews (fabsa)": ("fabsa", 2000),
    "survey comments (nhs)": ("nhs", 2000),
    "tweets (airline)": ("airline", 2000),
    "long reviews (lounge)": ("lounge", 400),
    "chats (transcripts_unlabelled)": ("transcripts_unlabelled", 133),
}


def timings(bundle: Path, data: Path) -> dict[str, Any]:
    """{"machine": what it ran on, "runs": [{"input", "records", "rejected", "seconds"}]}, one run each after the model is warm."""
    analyser = load(bundle)
    list(analyser.stream(["The queue was long but the staff were kind."] * 64))
    runs = [_run(analyser, name, list(islice(read_corpus(corpus, data), most))) for name, (corpus, most) in INPUTS.items()]
    machine = f"Whole analyses by `Analyser.stream`, the model loaded, one run each: {os.cpu_count()} cores, {processor()}."
    return {"machine": machine, "runs": runs}


def _run(analyser: Analyser, name: str, examples: Sequence[Example]) -> dict[str, Any]:
    records = [to_raw(example) for example in examples]
    started = perf_counter()
    rejected = sum(isinstance(result, Rejected) for result in analyser.stream(records))
    return {"input": name, "records": len(records), "rejected": rejected, "seconds": round(perf_counter() - started, 2)}


def processor() -> str:
    """The CPU's name and its widest vector instructions, if the system reports them."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.machine()
    lines = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = fields.get("flags", "").split()
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "no wide vectors")
    return f"{fields.get('model name', platform.machine())} ({widest})"
