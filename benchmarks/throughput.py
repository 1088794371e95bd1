"""A bundle and the shipped sample in, records per second of the service out, as ratios to the obvious alternatives.

    python benchmarks/throughput.py [--bundle VERSION] [--records 200] [--rounds 3] [--part turns]

All ways run interleaved in one process on the same texts, so that other load slows all of them; the best round counts.
The last column is the service's rate divided by that way's: above 1 the service is faster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click

import vocservice
from vocservice.api import Analyser, bundle_folder
from vocservice.inference.bundle import load_bundle
from vocservice.inference.encoder import BATCH_COST, TOKEN_BUDGET, Encoder
from vocservice.inference.engine import Engine
from vocservice.paths import home
from vocservice.pipeline import Pipeline
from vocservice.records import Analysis
from vocservice.settings import load_settings
from vocservice.text.rules import shipped_rules

SAMPLE = "feedback.jsonl"
UNBOUNDED = 1_000_000
Texts = Sequence[str]
Way = Callable[[Texts], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """One way: records per second, and the speed-up of the service."""

    name: str
    rate: float
    ratio: float


def sample(records: int) -> list[str]:
    """Distinct texts from the shipped sample (the service computes equal texts once)."""
    lines = (home() / "samples" / SAMPLE).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return [f"{text} ({number})" for number, text in enumerate(islice(cycle(texts), records))]


def measure(ways: Mapping[str, Way], texts: Texts, *, rounds: int) -> list[Measured]:
    """Run the ways interleaved; the first one is the reference."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = min(best[name], _seconds(way, texts))
    service = next(iter(best.values()))
    return [Measured(name, len(texts) / seconds, seconds / service) for name, seconds in best.items()]


def _seconds(way: Way, texts: Texts) -> float:
    started = time.perf_counter()
    way(texts)
    return time.perf_counter() - started


def ways_to_classify(analyser: Analyser, folder: Path) -> Iterator[tuple[str, Way]]:
    """The service first, then the alternatives."""
    yield "the service: batches by token budget", analyser.analyse
    yield "one text at a time", lambda texts: [analyser.analyse(text) for text in texts]
    yield "batches in the order they came, padded to the longest", in_plain_batches(folder)
    if find_spec("torch") and find_spec("transformers"):
        yield "the same batches through torch", variant(folder, session=TorchSession(folder)).analyse


def in_plain_batches(folder: Path, size: int = 32) -> Way:
    """Batches of a fixed number of texts: what a loop over `model(batch)` does."""
    analyser = variant(folder, token_budget=UNBOUNDED, batch_cost=UNBOUNDED)
    return lambda texts: [found for at in range(0, len(texts), size) for found in analyser.analyse(list(texts[at : at + size]))]


class TorchSession:
    """The weights of a bundle in torch, with the interface of ONNX Runtime."""

    def __init__(self, folder: Path):
        from training.encoders import from_bundle

        self._model = from_bundle(folder).model.eval()

    def run(self, _: None, inputs: Mapping[str, Any]) -> list[Any]:
        import torch

        with torch.inference_mode():
            ids, mask = torch.from_numpy(inputs["ids"]), torch.from_numpy(inputs["mask"])
            return [self._model(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()]


def variant(
    folder: Path, *, token_budget: int = TOKEN_BUDGET, batch_cost: int = BATCH_COST, session: TorchSession | None = None
) -> Analyser:
    """The service with other batches or another runtime."""
    loaded = load_bundle(folder)
    engine = Engine(loaded)
    engine._encoder = Encoder(loaded.encoder, width=loaded.manifest.width, token_budget=token_budget, batch_cost=batch_cost)
    engine._encoder._session = session or engine._encoder._session
    return Analyser(Pipeline(engine, redaction=shipped_rules()), loaded.id, loaded.taxonomy)


def ways_to_write(analyses: Sequence[Analysis]) -> Iterator[tuple[str, Way]]:
    """The JSON form of results, `to_dict` first."""
    yield "the service: JSON form by hand", lambda _: [found.to_dict() for found in analyses]
    yield "dataclasses.asdict", lambda _: [asdict(found) for found in analyses]


def ways_with_repeats(analyser: Analyser) -> Iterator[tuple[str, Way]]:
    """A quarter of the texts, four times each, as in survey exports full of "good"; against all different."""
    yield "the service: every text four times", lambda texts: analyser.analyse(list(texts[: -(-len(texts) // 4)]) * 4)
    yield "as many texts, all different", analyser.analyse


def ways_with_turns(analyser: Analyser) -> Iterator[tuple[str, Way]]:
    """A whole transcript at once; against turn by turn, with and without preceding turns."""
    yield "the service: the whole, one pass a window", lambda texts: analyser.analyse(_turns(texts))
    yield "each turn of the customer with the ten before it", lambda texts: [analyser.analyse(one) for one in _so_far(_turns(texts))]
    yield "each turn of the customer alone", lambda texts: [analyser.analyse(text) for text in texts[::2]]


def _turns(texts: Texts) -> list[dict[str, str]]:
    """Alternating turns of customer and agent."""
    return [{"speaker": ("customer", "agent")[at % 2], "text": text} for at, text in enumerate(texts)]


def _so_far(turns: Sequence[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """The context of each customer turn, ten turns at most."""
    yield from (list(turns[max(0, at - 10) : at + 1]) for at in range(0, len(turns), 2))


PARTS: dict[str, str] = {
    "classify": "Classifying",
    "repeats": "Texts that come again",
    "write": "Writing",
    "turns": "Turns of one transcript",
}


def ways_of(part: str, analyser: Analyser, folder: Path, texts: Texts) -> Iterator[tuple[str, Way]]:
    """The ways of one part, the service first."""
    match part:
        case "classify":
            return ways_to_classify(analyser, folder)
        case "repeats":
            return ways_with_repeats(analyser)
        case "turns":
            return ways_with_turns(analyser)
    return ways_to_write([found for found in analyser.analyse(texts) if isinstance(found, Analysis)])


def report(title: str, found: Sequence[Measured]) -> str:
    """One Markdown table."""
    rows = [f"| {one.name} | {one.rate:,.0f} | {one.ratio:.2f} |" for one in found]
    return "\n".join([f"### {title}", "", "| way | texts or turns/s | the service is faster by |", "|---|---|---|", *rows, ""])


@click.command()
@click.option("--bundle", help="Version under models/, or path; by default the one the settings name.")
@click.option("--records", type=click.IntRange(min=8), default=200, show_default=True, help="How many texts.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How often; the best one counts.")
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Only this one; all by default.")
def main(bundle: str | None, records: int, rounds: int, parts: tuple[str, ...]) -> None:
    """Measure and print."""
    folder, texts = bundle_folder(bundle or load_settings().bundle), sample(records)
    analyser = vocservice.load(folder)
    for part in parts or PARTS:
        click.echo(report(PARTS[part], measure(dict(ways_of(part, analyser, folder, texts)), texts, rounds=rounds)))


if __name__ == "__main__":
    main()
