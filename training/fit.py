"""Prepared examples in, a fitted network out: one loop for every stage of every recipe, resumable after each epoch.

Batches are filled to a token budget with texts of like length; weights are averaged over the steps (exponential moving
average), and the average is what is kept. A checkpoint holds weights, average, optimiser moments and the random states
of its epoch in safetensors and JSON.
"""

import hashlib
import json
import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from training import distil
from training.device import best_device, on_device
from training.int8 import round_products
from training.losses import LossWeights, total_loss
from training.network import Network
from training.prepare import Prepared, collate
from training.targets import build_targets, label_row, polarity_row
from vocservice.inference.layout import Layout

log = logging.getLogger("training.fit")

_MEGABATCH = 50
_TRACK_EVERY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What stages share. `bare`: share of the texts that are read without their channel. `clip`: longest gradient."""

    weight_decay: float
    warmup: float
    average: float
    dropout: float
    layer_decay: float
    bare: float
    clip: float
    losses: LossWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Shared):
    """How one stage is fitted. Rates are peak learning rates; `tokens` is the padded size of a batch.

    The rate warms up and falls to nothing once in each of `cycles` (warm restarts: Loshchilov & Hutter 2017).
    In the last `int8_epochs`, the products of the encoder are rounded as in int8; with 0, they never are.
    """

    epochs: int
    encoder_rate: float
    head_rate: float
    tokens: int
    cycles: int = 1
    int8_epochs: int = 0
    seed: int = 1


def fit(
    network: Network, data: Sequence[Prepared], recipe: Recipe, *, folder: Path, extra: Sequence[Prepared] = (), extra_per_epoch: int = 0
) -> None:
    """Fit in place and leave the averaged weights in the network.

    Args:
        network: the model; its layout says which heads there are.
        data: read whole in every epoch. Of `extra`, `extra_per_epoch` are drawn anew each epoch.
        folder: where checkpoints go; an unfinished run found there is taken up after its last whole epoch.
    """
    torch.manual_seed(recipe.seed)
    run = _Run(network, data, recipe, folder, extra, extra_per_epoch)
    for epoch in range(run.resume(), recipe.epochs):
        round_products(network, is_rounded=epoch >= recipe.epochs - recipe.int8_epochs)
        run.epoch(epoch)
        run.save(epoch + 1)
    network.load_state_dict(run.average)
    network.cpu()


def supports_bfloat16() -> bool:
    """True where bfloat16 matrices are multiplied in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.is_file() and "avx512_bf16" in cpuinfo.read_text(encoding="utf-8")


def positive_weights(data: Sequence[Prepared], layout: Layout, *, most: float) -> dict[str, Tensor]:
    """Weight of a positive per label: the square root of its rarity against the set's commonest label, at most `most`."""
    weights = {}
    for block in layout.blocks:
        if block.label_set.kind != "ordinal":
            rows = torch.tensor([label_row(block, item.example) for item in data])
            counts = (rows > 0).float().sum(0)
            weights[block.label_set.name] = (counts.max() / counts.clamp(min=1)).sqrt().clamp(max=most)
    return weights


def fingerprint(data: Sequence[Prepared], layout: Layout) -> str:
    """A hash of the heads and of all that they learn from: a checkpoint of anything else is not taken up."""
    digest = hashlib.sha256(repr([(block.label_set.name, block.label_set.keys) for block in layout.blocks]).encode())
    for item in data:
        example = item.example
        known = [(label_row(block, example), polarity_row(block, example)) for block in layout.blocks]
        shown = [sorted((name, sorted(labels)) for name, labels in carried.items()) for carried in item.evidence]
        parts = (example.id, item.windowed, item.bare, example.weight, known, shown, sorted(example.soft.items()))
        digest.update(repr(parts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


class _Run:
    def __init__(self, network: Network, data: Sequence[Prepared], recipe: Recipe, folder: Path, extra: Sequence[Prepared], draw: int):
        self.network, self.data, self.recipe, self.folder, self.extra, self.draw = network, data, recipe, folder, extra, draw
        self.device = best_device()
        network.to(self.device)
        self.optimiser = torch.optim.AdamW(_groups(network, recipe), fused=True)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        weights = positive_weights(data, network.layout, most=recipe.losses.positive)
        self.weights = {name: weight.to(self.device) for name, weight in weights.items()}
        self.bfloat16 = supports_bfloat16()
        self.fingerprint = fingerprint((*data, *extra), network.layout)
        self.step = 0
        sizes = [sum(1 for _ in self._batches(epoch)) for epoch in range(recipe.epochs)]
        self.steps = sum(sizes)
        self.cycles = _cycles(sizes, recipe.cycles)

    def _batches(self, epoch: int) -> Iterator[list[Prepared]]:
        shuffle = random.Random(f"{self.recipe.seed}/{epoch}")
        items = [*self.data, *shuffle.sample(self.extra, min(self.draw, len(self.extra)))]
        shuffle.shuffle(items)
        yield from _by_budget(items, self.recipe.tokens, shuffle)

    def epoch(self, epoch: int) -> None:
        self.network.train()
        torch.manual_seed(self.recipe.seed * 1000 + epoch)
        bare = random.Random(f"bare/{self.recipe.seed}/{epoch}")
        started, total, tokens = time.monotonic(), torch.zeros((), device=self.device), 0
        for count, batch in enumerate(self._batches(epoch), 1):
            total += self._update(batch, [bare.random() < self.recipe.bare for _ in batch])
            tokens += sum(p.windowed.tokens for p in batch)
            if count % 50 == 0:
                rate = tokens / (time.monotonic() - started)
                log.info("epoch %d step %d/%d loss %.4f %.0f tokens/s", epoch + 1, self.step, self.steps, float(total) / count, rate)
        log.info("epoch %d done in %.0f s, loss %.4f", epoch + 1, time.monotonic() - started, float(total) / max(count, 1))

    def _update(self, batch: list[Prepared], bare: list[bool]) -> Tensor:
        layout = self.network.layout
        targets = build_targets([p.example for p in batch], [p.evidence for p in batch], layout)
        targets = {name: on_device(target, self.device) for name, target in targets.items()}
        weight = torch.tensor([p.example.weight for p in batch], device=self.device)
        self._set_rate()
        logits = self.network(on_device(collate(batch, bare=bare), self.device), bfloat16=self.bfloat16)
        loss = total_loss(logits, targets, layout, self.weights, weight, self.recipe.losses)
        loss = loss + self.recipe.losses.shown * distil.distance(logits.features, batch, bare)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self._track()
        return loss.detach()

    def _set_rate(self) -> None:
        cycle = next(cycle for cycle in self.cycles if self.step < cycle.stop)
        warm = max(1, int(len(cycle) * self.recipe.warmup))
        factor = min((self.step + 1 - cycle.start) / warm, (cycle.stop - self.step) / max(1, len(cycle) - warm))
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    @torch.no_grad()
    def _track(self) -> None:
        """Move the average every few steps, and at the last."""
        if self.step % _TRACK_EVERY and self.step < self.steps:
            return
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step)) ** _TRACK_EVERY
        values = self.network.state_dict()
        names = [name for name, value in values.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.average[name] for name in names], [values[name] for name in names], 1 - decay)

    def save(self, epochs: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"weights/{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        tensors |= {f"average/{name}": value for name, value in self.average.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
        partial = self.folder / "checkpoint.partial"
        save_file({name: value.clone() for name, value in tensors.items()}, partial, metadata={"state": json.dumps(self._state(epochs))})
        partial.replace(self.folder / "checkpoint.safetensors")

    def _state(self, epochs: int) -> dict[str, object]:
        return {"epochs": epochs, "step": self.step, "recipe": asdict(self.recipe), "data": self.fingerprint}

    def resume(self) -> int:
        """Epochs already done in this folder under the same recipe and data; their state is taken over."""
        path = self.folder / "checkpoint.safetensors"
        if not path.is_file():
            return 0
        with safe_open(path, "pt") as opened:
            state = json.loads(opened.metadata()["state"])
        if state["recipe"] != asdict(self.recipe) or state.get("data") != self.fingerprint:
            log.info("checkpoint in %s is of another recipe or data: starting anew", self.folder.name)
            return 0
        tensors = load_file(path)
        self._take(tensors)
        self.step = state["step"]
        log.info("taken up after epoch %d", state["epochs"])
        return int(state["epochs"])

    def _take(self, tensors: dict[str, Tensor]) -> None:
        part = {
            kind: {n.split("/", 1)[1]: v for n, v in tensors.items() if n.startswith(kind)} for kind in ("weights", "average", "optimiser")
        }
        self.network.load_state_dict(part["weights"])
        self.average = {name: value.to(self.device) for name, value in part["average"].items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in part["optimiser"].items():
            index, field = name.split("/")
            moments.setdefault(int(index), {})[field] = value
        current = self.optimiser.state_dict()
        self.optimiser.load_state_dict({"state": moments, "param_groups": current["param_groups"]})


def _cycles(sizes: Sequence[int], cycles: int) -> list[range]:
    """The steps of each cycle, given the steps of each epoch: cycles are whole epochs, as even as they go."""
    ends = [sum(sizes[: round(len(sizes) * (cycle + 1) / cycles)]) for cycle in range(cycles)]
    return [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _groups(network: Network, recipe: Recipe) -> list[dict[str, object]]:
    """Lower layers learn slower (discriminative rates: Howard & Ruder 2018)."""
    layers = network.encoder.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        depth = _depth(name, layers)
        rate = recipe.head_rate if depth > layers else recipe.encoder_rate * recipe.layer_decay ** (layers - depth)
        decay = 0.0 if parameter.ndim == 1 else recipe.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": parameters, "lr": rate, "weight_decay": decay} for (rate, decay), parameters in groups.items()]


def _depth(name: str, layers: int) -> int:
    if name.startswith("head"):
        return layers + 1
    parts = name.split(".")
    return int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else 0


def _by_budget(data: list[Prepared], tokens: int, shuffle: random.Random) -> Iterator[list[Prepared]]:
    """Sort within megabatches, cut where the padded size passes the budget, and shuffle the order of the batches."""
    batches: list[list[Prepared]] = []
    size = 32 * _MEGABATCH
    for at in range(0, len(data), size):
        batch: list[Prepared] = []
        for item in sorted(data[at : at + size], key=_length):
            rows = sum(len(p.windowed.windows) for p in batch) + len(item.windowed.windows)
            if batch and rows * _length(item) > tokens:
                batches.append(batch)
                batch = []
            batch.append(item)
        if batch:
            batches.append(batch)
    shuffle.shuffle(batches)
    yield from batches


def _length(item: Prepared) -> int:
    return max(len(window.ids) for window in item.windowed.windows)
