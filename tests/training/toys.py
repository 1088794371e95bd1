"""Invented sentences in the words of the toy tokenizer, labelled by what they say, and a toy bundle made of them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from training.calibrate import fit_calibration, score_sets
from training.examples import Example, Labels, OneOf, Target
from training.export import Provenance, export_bundle
from training.fit import Recipe
from training.network import Network
from training.prepare import Prepared, prepare
from training.settings import load_training_settings
from vocservice.inference.calibration import Calibration
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import Windower
from vocservice.taxonomy import Taxonomy
from vocservice.text.redact import RedactionRules

BASE = "all-MiniLM-L6-v2"
STAGE = {"food": "eat", "price": "buy", "crew": "eat"}
SIGN = {"good": "+", "cheap": "+", "bad": "-", "late": "-"}
HOW = load_training_settings().calibration
SHARED = load_training_settings().fit
PROVENANCE = Provenance("toy-1", "toy", {"toy.jsonl": "0" * 64}, 1, {"epochs": 1})


@dataclass(frozen=True, slots=True)
class Toy:
    """A network fitted to toy sentences, its calibration, and the folder of its bundle."""

    network: Network
    calibration: Calibration
    folder: Path


def sentences(count: int, *, seed: int = 0, sample: str = "random") -> list[Example]:
    """Each is "the THING was JUDGED", twice in a third of them; every label follows from the words."""
    draw = random.Random(seed)
    return [_sentence(f"{sample}-{number}", draw, sample) for number in range(count)]


def _sentence(example_id: str, draw: random.Random, sample: str) -> Example:
    parts = [(draw.choice(sorted(STAGE)), draw.choice(sorted(SIGN))) for _ in range(1 + draw.randrange(3) // 2)]
    text = " but ".join(f"the {thing} was very {judged}" for thing, judged in parts)
    return Example(example_id, "toy", text, targets_of(parts), sample=sample)


def targets_of(parts: list[tuple[str, str]]) -> Mapping[str, Target]:
    total = sum(1 if SIGN[judged] == "+" else -1 for _, judged in parts)
    return {
        "stages": Labels({STAGE[thing]: None for thing, _ in parts}),
        "factors": Labels({thing: SIGN[judged] for thing, judged in parts}),
        "sentiment": OneOf(frozenset({str(max(-2, min(2, total)))})),
        "scope": OneOf(frozenset({"broader" if total < 0 else "neither"})),
    }


def ready(examples: list[Example], tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> list[Prepared]:
    return list(prepare(examples, Windower(tokenizer), rules, layout))


def calibrated(network: Network, data: list[Prepared], taxonomy: Taxonomy) -> Calibration:
    return fit_calibration(score_sets(network, data, [network.layout[label_set.name] for label_set in taxonomy.of("verbatim")]), HOW)


def toy_recipe(**changes: Any) -> Recipe:
    """A recipe for toys: what the settings say of all, and rates for the few that a test does not name."""
    shared = {field.name: getattr(SHARED, field.name) for field in fields(SHARED)}
    return Recipe(**({"epochs": 5, "encoder_rate": 1e-4, "head_rate": 1e-3, "tokens": 1536} | shared | changes))


def export_toy(network: Network, tokenizer: Tokenizer, taxonomy: Taxonomy, rules: RedactionRules, folder: Path) -> Calibration:
    """A bundle of the network; its calibration is fitted on a few toy sentences."""
    data = ready(sentences(40, seed=9), tokenizer, rules, lay_out(taxonomy.of("verbatim")))
    calibration = calibrated(network, data, taxonomy)
    export_bundle(network, tokenizer, taxonomy, calibration, None, PROVENANCE, folder)
    return calibration
