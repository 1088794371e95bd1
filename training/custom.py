"""A taxonomy and a labelled table in, a bundle for that taxonomy out, by the same code that trains ours.

The table (CSV, TSV, JSON Lines, Parquet or Excel) has `id`, `text`, optionally `question` and `channel`, and a column
for each label set: keys joined by `|`, each with its polarity sign where the set has any (`price+|delivery-`), one key
for single and ordinal sets. An empty cell of a multi set means that no label applies; an empty cell of another set, or
a cell `?`, means not labelled.
"""

import csv
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from training import encoders
from training.calibrate import fit_calibration, score_sets
from training.corpora import LICENCE, file_hash, is_commercial, read_corpus
from training.decisions import completed, weight_of
from training.evaluate import figures, judge
from training.examples import Example, Labels, OneOf, Target
from training.export import Provenance, export_bundle
from training.fit import fit
from training.prepare import Prepared, prepare
from training.report import write_custom_card
from training.settings import TrainingSettings
from training.splits import split_tenths
from vocservice.errors import InputError
from vocservice.inference.bundle import load_bundle
from vocservice.inference.engine import Engine
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import Windower
from vocservice.paths import config_path
from vocservice.records import RawVerbatim, Rejected
from vocservice.tables import parse_record, read
from vocservice.taxonomy import LabelSet, Taxonomy
from vocservice.text.redact import RedactionRules

log = logging.getLogger("training.custom")

_TITLES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "with_polarity_micro_f1": "with polarity, micro-F1",
    "with_polarity_macro_f1": "with polarity, macro-F1",
    "accuracy": "accuracy",
    "kappa": "quadratic kappa",
    "three_way_accuracy": "below, at, above the middle: accuracy",
    "three_way_macro_f1": "below, at, above the middle: macro-F1",
}

UNKNOWN_CELL = "?"
_JOIN = "|"


def read_labelled(path: Path, taxonomy: Taxonomy, *, weights: Mapping[str, float] | None = None) -> list[Example]:
    """Read the examples of a labelled table; transcripts without customer text are left out.

    Args:
        path: the table.
        taxonomy: with a column per label set.
        weights: of rows by `decision`, for exports of the review desk.

    Raises:
        InputError: all label columns are missing, or a cell has an unknown label (with its row's id).
    """
    examples = []
    for record, row in _rows(path):
        if isinstance(record, Rejected):
            continue
        text = record.text or "\n".join(turn.text for turn in record.turns if turn.speaker == "customer")
        if not text:
            continue
        weight = weight_of(row, weights or {})
        more = {"channel": record.channel, "question": record.question, "weight": weight}
        examples.append(Example(record.id, path.stem, text, _targets(record.id, row, taxonomy), record.turns, **more))
    if not any(example.targets for example in examples):
        raise InputError(f"{path.name} has none of the label columns {', '.join(s.name for s in taxonomy.of('verbatim'))}")
    return examples


def _targets(record_id: str, row: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Target]:
    """The known label sets of a row."""
    said = {s.name: _target(s, row.get(s.name), record_id) for s in taxonomy.of("verbatim")}
    return {name: completed(target, name, row, record_id) for name, target in said.items() if target is not None}


def _rows(path: Path) -> Iterator[tuple[RawVerbatim | Rejected, Mapping[str, Any]]]:
    """Each record of a table with its row; for JSON Lines, as written by `voc export-annotations`, with its object."""
    if path.suffix != ".jsonl":
        yield from ((record, getattr(record, "row", None) or {}) for record in read(path))
        return
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            row = _object(line, f"{path.name}, line {number}")
            own = {name: value for name, value in row.items() if not (name == "text" and row.get("turns"))}
            yield parse_record(own, default_id=f"line-{number}"), row


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except ValueError:
        raise InputError(f"{place}: not JSON") from None
    if not isinstance(found, dict):
        raise InputError(f"{place}: not an object")
    return found


def _target(label_set: LabelSet, cell: object, record_id: str) -> Target | None:
    if cell is None or str(cell).strip() == UNKNOWN_CELL:
        return None
    names = [part.strip() for part in str(cell).split(_JOIN) if part.strip()]
    if label_set.kind == "multi":
        pairs = [_split_polarity(label_set, name, record_id) for name in names]
        if len(dict(pairs)) < len(set(pairs)):
            raise InputError(f"record {record_id}: a label of {label_set.name} has two polarities")
        return Labels(dict(pairs), main=None)
    if not names:
        return None
    return OneOf(frozenset(_known(label_set, name, record_id) for name in names))


def _split_polarity(label_set: LabelSet, name: str, record_id: str) -> tuple[str, str | None]:
    for polarity in label_set.polarities:
        if name.endswith(polarity):
            return _known(label_set, name.removesuffix(polarity), record_id), polarity
    if label_set.polarities:
        raise InputError(f"record {record_id}: a label of {label_set.name} lacks its polarity ({' '.join(label_set.polarities)})")
    return _known(label_set, name, record_id), None


def _known(label_set: LabelSet, key: str, record_id: str) -> str:
    if key not in label_set.keys:
        raise InputError(f"record {record_id}: {label_set.name} has a label that the taxonomy does not know")
    return key


def train_custom(
    taxonomy: Taxonomy, examples: list[Example], *, start: Path, settings: TrainingSettings, source: Path, run: Path, folder: Path
) -> None:
    """Fit, calibrate and export a bundle for any taxonomy, starting from the encoder of `start`.

    Raises:
        InputError: there are too few texts to fit and to calibrate on.
    """
    splits, encoder, layout = split_tenths(examples), encoders.from_bundle(start), lay_out(taxonomy.of("verbatim"))
    recipe, how = settings.custom.recipe, settings.calibration
    fitted, calibrating = (_ready(part, encoder, layout) for part in (splits.fit, splits.calibrate))
    if not fitted or not calibrating:
        raise InputError(
            f"{source.name} has too few labelled texts: some must fit, a tenth calibrates, a tenth measures; give it a hundred"
        )
    log.info("%s: %d texts to fit, %d to calibrate, %d fresh", taxonomy.id, len(fitted), len(calibrating), len(splits.fresh))
    network = encoders.new_network(encoder, layout, recipe)
    fit(network, fitted, recipe, folder=run)
    calibration = fit_calibration(score_sets(network, calibrating, layout.blocks), how)
    begun = load_bundle(start)
    made_from = {**asdict(recipe), "start": begun.id, LICENCE: is_commercial(begun.manifest), "calibration": how.model_dump()}
    provenance = Provenance(folder.name, begun.manifest.base, {source.name: file_hash(source)}, recipe.seed, made_from)
    export_bundle(network, encoder.tokenizer, taxonomy, calibration, None, provenance, folder)


def go_on(
    taxonomy: Taxonomy, examples: list[Example], *, start: Path, settings: TrainingSettings, source: Path, run: Path, folder: Path
) -> None:
    """Continue training the bundle `start` of this taxonomy, heads included, and export it.

    Its calibration and conversation model are kept: records decided by people were selected by the model, so they are not a random
    sample for calibration.

    Raises:
        InputError: there are no texts to fit or to measure on.
        BundleError: `start` has another taxonomy.
    """
    bundle, encoder, splits = load_bundle(start, taxonomy=taxonomy), encoders.from_bundle(start), split_tenths(examples)
    layout, recipe = lay_out(taxonomy.of("verbatim")), settings.further.recipe
    fitted = _ready([*splits.fit, *splits.calibrate], encoder, layout)
    if not fitted or not splits.fresh:
        raise InputError(f"{source.name} has too few labelled texts: nine tenths must fit, a tenth measures")
    log.info("%s: %d texts to go on from %s, %d fresh", taxonomy.id, len(fitted), bundle.id, len(splits.fresh))
    network = encoders.new_network(encoder, layout, recipe)
    encoders.take_heads(network, start)
    fit(network, fitted, recipe, folder=run)
    made_from = {**asdict(recipe), "start": bundle.id, LICENCE: is_commercial(bundle.manifest)}
    provenance = Provenance(folder.name, bundle.manifest.base, {source.name: file_hash(source)}, recipe.seed, made_from)
    export_bundle(network, encoder.tokenizer, taxonomy, bundle.calibration, bundle.conversation, provenance, folder)


def _ready(examples: list[Example], start: encoders.Encoder, layout: Layout) -> list[Prepared]:
    rules = RedactionRules.load(config_path("redaction.toml"))
    return list(prepare(examples, Windower(start.tokenizer), rules, layout))


def corpus_table(name: str, data: Path, taxonomy: Taxonomy, columns: Mapping[str, str], out: Path) -> int:
    """Write a public corpus as a labelled table for `voc train`; returns the number of rows.

    Args:
        columns: label set of the taxonomy -> label set of the corpus reader.
    """
    with out.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["id", "text", "question", "channel", *columns])
        examples = read_corpus(name, data)
        for example in examples:
            cells = [_cell(taxonomy[ours], example.targets.get(theirs)) for ours, theirs in columns.items()]
            writer.writerow([example.id, example.text, example.question or "", example.channel or "", *cells])
    return len(examples)


TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "fabsa": ("fabsa.toml", {"aspects": "fabsa_aspects"}),
    "nhs": ("nhs.toml", {"themes": "nhs_themes", "sentiment": "sentiment"}),
}


def report_custom(folder: Path, examples: list[Example], taxonomy: Taxonomy) -> None:
    """Write the figures on held-out rows to the bundle's metrics.json and card."""
    metrics = measure_custom(folder, examples, taxonomy)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    write_custom_card(metrics, load_bundle(folder).manifest, folder)


def measure_custom(folder: Path, examples: list[Example], taxonomy: Taxonomy, *, every: bool = False) -> dict[str, Any]:
    """Figures of a bundle on held-out rows, or on all."""
    chosen = examples if every else split_tenths(examples).fresh
    return figures(judge(Engine(load_bundle(folder, taxonomy=taxonomy)), chosen), taxonomy)


def shown_figures(folder: Path) -> tuple[str, dict[str, Any]]:
    """The report entry for a bundle of another taxonomy: a title, and {"note", "figures", "labels"} from its metrics.json.

    Raises:
        InputError: the folder has no figures from `train --taxonomy`.
    """
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        start = manifest["recipe"].get("start")
        begun = f", from {start}" if start else ""
        note = f"`voc train --taxonomy`, bundle `{manifest['version']}`{begun}, on the {metrics['n']} texts that its training kept out."
        sets = {name: values for name, values in metrics.items() if isinstance(values, dict)}
        shown = {f"{name}, {_TITLES[key]}": values[key] for name, values in sets.items() for key in _TITLES if key in values}
        labels = {name: values["labels"] for name, values in sets.items() if "labels" in values}
        return manifest["taxonomy"], {"note": note, "figures": shown, "labels": labels}
    except (OSError, ValueError, KeyError):
        raise InputError(f"{folder.name} holds no figures of another taxonomy: make it with train --taxonomy") from None


def _cell(label_set: LabelSet, target: Target | None) -> str:
    match target:
        case Labels(given=given):
            return _JOIN.join(f"{key}{polarity or ''}" for key, polarity in given.items() if key in label_set.keys)
        case OneOf(keys=keys):
            return _JOIN.join(sorted(keys))
    return UNKNOWN_CELL
