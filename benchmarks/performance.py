"""Texts and bundles in, docs/performance.md out: speed and memory compared with the obvious alternatives, from one command.

    python -m benchmarks.performance --data TEXTS.csv -o docs/performance.md

TEXTS.csv has a column `text`. Measurements are stored in a JSON file beside the page, which is generated from it, so that a
part can be measured again without the others. Compared ways run interleaved in one process, and the best round counts.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from random import Random
from threading import Lock
from time import perf_counter
from typing import Any

import click
import orjson

from benchmarks import corpora, scale, writer
from benchmarks.performance_page import page, plot
from benchmarks.runtimes import FULL, Tokens, best, encoder_ways, onnx_pass, operations, peak, precision, way
from benchmarks.throughput import measure
from training.timings import processor
from vocservice.api import Analyser, bundle_folder, load
from vocservice.inference.bundle import ENCODER, load_bundle
from vocservice.inference.encoder import TOKEN_BUDGET
from vocservice.overlap import cores
from vocservice.settings import load_settings

Figures = dict[str, Any]
LIBRARIES = ("onnxruntime", "openvino", "torch", "transformers", "tokenizers", "spacy", "numpy", "ray")
FEW_AND_MANY = (10_000, 200_000)
LONG, TURNS = 2000, 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Input of the measurements: distinct texts, bundles (the first is the shipped one), and amounts."""

    texts: tuple[str, ...]
    bundles: tuple[Path, ...]
    corpora: Path | None
    records: int
    rounds: int
    rows: tuple[int, ...]
    writer_rows: int

    @property
    def sample(self) -> list[str]:
        return list(self.texts[: self.records])


def whole(analyser: Analyser) -> Callable[[Sequence[Any]], object]:
    """Normalise, redact, segment, every head, evidence, and a line of JSON per record; with read-ahead, as in `voc classify`."""
    return lambda records: [orjson.dumps(found.to_dict()) for found in analyser.stream(records, ahead=True)]


def runtimes(plan: Plan) -> Figures:
    """Encoders alone and whole analyses, interleaved on the same texts."""
    folder, texts = plan.bundles[0], plan.sample
    with tempfile.TemporaryDirectory() as scratch:
        ways = {f"whole analysis, {bundle.name}": whole(load(bundle)) for bundle in plan.bundles}
        ways |= encoder_ways(folder, full=_in_single_precision(folder, Path(scratch) / ENCODER))
        for other in plan.bundles[1:]:
            alone = onnx_pass(other / ENCODER, threads=1)
            ways[f"{_own(other)}, {other.name}"] = way(Tokens(load_bundle(other)), alone, TOKEN_BUDGET, cores())
        for run in ways.values():
            run(texts[:8])
        found = measure(ways, texts, rounds=plan.rounds)
    return {
        "texts": len(texts),
        "tokens": Tokens(load_bundle(folder)).count(texts),
        "rounds": plan.rounds,
        "own": {bundle.name: _own(bundle) for bundle in plan.bundles},
        "operations": {bundle.name: operations(bundle / ENCODER) for bundle in plan.bundles},
        "bundles": [bundle.name for bundle in plan.bundles],
        "peak": peak(),
        "rates": {one.name: one.rate for one in found},
    }


def _own(bundle: Path) -> str:
    """Name of the way that the service goes with a bundle."""
    return best(cores(), precision(bundle / ENCODER))


def _in_single_precision(bundle: Path, path: Path) -> Path | None:
    """The encoder of a bundle in int8, with the same weights in single precision; None where it is in single precision itself."""
    if precision(bundle / ENCODER) == FULL:
        return None
    from training.encoders import from_bundle
    from training.export import export_encoder

    export_encoder(from_bundle(bundle).model, path)
    return path


def lengths(plan: Plan) -> Figures:
    """Short texts, long ones and transcripts: whole analyses, and the seconds that each of the encoder's threads was busy."""
    count = max(plan.records // 10, 8)
    kinds = {
        "reviews as they are": plan.sample,
        f"texts of {LONG:,} characters": [*_joined(plan.texts, count)],
        f"transcripts of {TURNS} turns": [*_talks(plan.texts, count)],
    }
    return {"kinds": {name: _timed(plan.bundles[0], records, plan.rounds) for name, records in kinds.items()}}


def _joined(texts: Sequence[str], count: int) -> Iterator[str]:
    endless = iter(texts * (1 + count * LONG // sum(map(len, texts))))
    for _ in range(count):
        made = next(endless)
        while len(made) < LONG:
            made += " " + next(endless)
        yield made[:LONG]


def _talks(texts: Sequence[str], count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        said = [texts[(number * TURNS + turn) % len(texts)] for turn in range(TURNS)]
        yield {"id": str(number), "turns": [{"speaker": ("customer", "agent")[turn % 2], "text": text} for turn, text in enumerate(said)]}


def _timed(folder: Path, records: Sequence[Any], rounds: int) -> Figures:
    analyser, clock = load(folder), _Clock()
    engine: Any = analyser.pipeline.engine  # type: ignore[attr-defined]
    clock.wrap(engine._encoder)
    way = whole(analyser)
    way(records[:8])
    found = []
    for _ in range(rounds):
        clock.seconds = clock.tokens = 0
        started = perf_counter()
        way(records)
        if not clock.tokens:
            raise RuntimeError("the encoder read nothing: every record was rejected")
        found.append({"seconds": perf_counter() - started, "encoder": clock.seconds / cores(), "tokens": clock.tokens})
    return {"records": len(records), **min(found, key=lambda one: one["seconds"])}


def _seconds(run: Callable[[], object]) -> float:
    started = perf_counter()
    run()
    return perf_counter() - started


class _Clock:
    """Seconds that the threads of an encoder are busy, all together, and the tokens they read."""

    seconds: float = 0.0
    tokens: int = 0

    def wrap(self, encoder: Any) -> None:
        run, adding = encoder._run, Lock()

        def timed(batch: Any) -> Any:
            started = perf_counter()
            found = run(batch)
            taken = perf_counter() - started
            with adding:
                self.seconds += taken
                self.tokens += sum(placed.size for placed in batch)
            return found

        encoder._run = timed


def repeats(plan: Plan) -> Figures:
    """Equal numbers of records: all different, and a quarter of them four times each, in random order."""
    way, texts = whole(load(plan.bundles[0])), plan.sample
    again = [*texts[: -(-len(texts) // 4)]] * 4
    Random(0).shuffle(again)  # noqa: S311
    ways = {"all different": way, "each four times": lambda _: way(again)}
    return {"rates": {one.name: one.rate for one in measure(ways, texts, rounds=plan.rounds)}}


def start(plan: Plan) -> Figures:
    """The command on 100 rows from a cold start, against imports alone and analysis alone."""
    texts = list(plan.texts[:100])
    way = whole(load(plan.bundles[0]))
    way(texts[:8])
    with tempfile.TemporaryDirectory() as folder:
        given = scale.write_csv(Path(folder) / "in.csv", texts)
        runs = (scale.imports, lambda: scale.classify(given, bundle=str(plan.bundles[0])), lambda: way(texts))
        rounds = [[_seconds(run) for run in runs] for _ in range(plan.rounds)]
    imports, command, analysis = (min(column) for column in zip(*rounds, strict=True))
    return {"rows": len(texts), "imports": imports, "classify": command, "analysis": analysis}


def ray(plan: Plan) -> Figures:
    """Records per second with one thread: in process, with one Ray worker, with two; without start-up."""
    if not find_spec("ray"):
        return {}
    if len({*plan.rows}) < 2:
        raise click.UsageError("--part ray needs two numbers of --rows, as the start is left out")
    ways = {
        "in process": (),
        "Ray, 1 worker": ("--engine", "ray", "--workers", "1"),
        "Ray, 2 workers": ("--engine", "ray", "--workers", "2"),
    }
    with tempfile.TemporaryDirectory() as folder:
        files = [(rows, scale.write_csv(Path(folder) / f"{rows}.csv", scale.recombined(plan.texts, rows))) for rows in plan.rows]
        bundle = str(plan.bundles[0])
        found = {
            name: [(rows, scale.classify(path, *options, bundle=bundle, threads=1).seconds) for rows, path in files]
            for name, options in ways.items()
        }
    return {"rows": sorted(plan.rows), "seconds": found, "rates": {name: scale.marginal(run) for name, run in found.items()}}


def write(plan: Plan) -> Figures:
    """Rows per second that the main process of a Ray run can handle, with instant workers."""
    with tempfile.TemporaryDirectory() as folder:
        found = writer.paces(load(plan.bundles[0]), Path(folder), plan.sample, rows=plan.writer_rows, rounds=plan.rounds)
    return {"rows": plan.writer_rows, "rates": found}


def many(plan: Plan, *, rows: Sequence[int]) -> Figures:
    """Peak memory and speed of the command on few and many rows, and peak memory with one thread on few, as in a Ray worker."""
    bundle, found = str(plan.bundles[0]), {}
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted(rows):
            given = scale.write_csv(Path(folder) / f"{count}.csv", scale.recombined(plan.texts, count))
            ended = scale.classify(given, bundle=bundle)
            found[str(count)] = {"peak": ended.peak, "rate": ended.rate, "seconds": ended.seconds}
        alone = scale.classify(Path(folder) / f"{min(rows)}.csv", bundle=bundle, threads=1)
    return {"rows": found, "one_thread": {"rows": min(rows), "peak": alone.peak}}


def whole_corpora(plan: Plan) -> Figures:
    """All corpora in one command, killed and resumed, and on Ray."""
    if plan.corpora is None:
        raise click.UsageError("--part corpora needs --corpora")
    return corpora.figures(str(plan.corpora.resolve() / corpora.PATTERN), options=("--bundle", str(plan.bundles[0])))


PARTS: Mapping[str, Callable[[Plan], Figures]] = {
    "runtimes": runtimes,
    "lengths": lengths,
    "repeats": repeats,
    "start": start,
    "ray": ray,
    "writer": write,
}
APART = ("many", "corpora")


def machine() -> Figures:
    """The machine and date."""
    return {
        "processor": processor(),
        "cores": cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": dict(_versions()),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def read_texts(path: Path) -> tuple[str, ...]:
    """Distinct non-blank texts in the column `text` of a CSV."""
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(dict.fromkeys(text for row in csv.DictReader(stream) if (text := row["text"].strip())))


def measured(part: str, plan: Plan, rows: Sequence[int]) -> Figures:
    """One part, with machine, date and bundle; the load is that before it began."""
    where = machine()
    apart = {"many": partial(many, rows=rows or FEW_AND_MANY), "corpora": whole_corpora}
    found = (apart | PARTS)[part](plan)
    return {"machine": where, "bundle": plan.bundles[0].name, **found}


@click.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="CSV with a column text.")
@click.option("--corpora", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the corpora, for --part corpora.")
@click.option("--bundle", "bundles", multiple=True, help="Version under models/, or path; the first is the one that is shipped.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice([*PARTS, *APART]),
    help="What to measure; by default all but many and corpora.",
)
@click.option(
    "--rows", multiple=True, type=int, help="Rows of --part many (10,000 and 200,000 by default) and --part ray (1,024 and 5,120)."
)
@click.option("--hour", type=float, default=0.10, show_default=True, help="Price of an hour of this machine, in USD, for the calculation.")
@click.option("--quick", is_flag=True, help="Few texts and one round: whether it runs, not how fast.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Page to write; .json and .svg beside it."
)
def main(
    data: Path,
    corpora: Path | None,
    bundles: tuple[str, ...],
    parts: tuple[str, ...],
    rows: tuple[int, ...],
    hour: float,
    quick: bool,
    out: Path,
) -> None:
    """Measure and write the page."""
    folders = tuple(bundle_folder(name) for name in bundles or (load_settings().bundle,))
    records, rounds, few, written = (24, 1, (64, 256), 2048) if quick else (1536, 5, (1024, 5120), 20_480)
    plan = Plan(read_texts(data), folders, corpora, records, rounds, rows or few, written)
    out.parent.mkdir(parents=True, exist_ok=True)  # before the measurements: hours of them are not lost to a missing folder
    kept = out.with_suffix(".json")
    figures: Figures = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for part in parts or PARTS:
        started = perf_counter()
        figures[part] = measured(part, plan, rows)
        click.echo(f"{part}: {perf_counter() - started:.0f} s", err=True)
        kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    figures["hour"] = hour
    kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if "runtimes" in figures:
        out.with_suffix(".svg").write_text(plot(figures["runtimes"]), encoding="utf-8")
    out.write_text(page(figures, plot=out.with_suffix(".svg").name), encoding="utf-8")


if __name__ == "__main__":
    main()
