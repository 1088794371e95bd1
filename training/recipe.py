"""The shipped bundle, start to end: codebook stage, calibration, conversations, export. And the public stage of teachers.

Each stage leaves its result in the run folder and is skipped when it is there, so a killed run goes on where it was.
"""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from training import distil, encoders
from training.annotated import EXTENDED, TRANSCRIPTS, read_conversations, read_extended, read_once
from training.calibrate import fit_calibration, score_sets
from training.conversations import FURTHER, fit_conversations
from training.corpora import CORPORA, LICENCE, codebook, file_hash, is_commercial, read_corpus, to_example
from training.custom import read_labelled
from training.encoders import Encoder
from training.examples import Example, Labels, OneOf
from training.export import Provenance, export_bundle, export_encoder, seal
from training.fit import Recipe, fit
from training.halves import network_of
from training.network import Network
from training.prepare import prepare
from training.run import Run
from training.settings import check_data
from training.signs import CORPORA_OF_SET, SignSet, kept_out, sign_of
from training.splits import Splits, bucket, is_kept_out, split_annotated
from training.teachers import FILE as TEACHERS
from training.teachers import Teachers, read_teachers
from training.written import WRITTEN, WRITTEN_TALKS, read_written, read_written_talks
from vocservice.errors import ConfigError
from vocservice.inference import bundle as files
from vocservice.inference.bundle import load_bundle
from vocservice.inference.calibration import Calibration
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import Windower
from vocservice.paths import config_path
from vocservice.taxonomy import Kind, LabelDefinition, LabelSet
from vocservice.text.redact import RedactionRules

log = logging.getLogger("training.recipe")

PUBLIC_SETS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "fabsa_aspects": ("multi", ("+", "-", "~")),
    "nhs_themes": ("multi", ()),
    "airline_reason": ("single", ()),
}
_TEXT_ONLY = ("care_dev", "care_test", "transcripts_unlabelled", "train", "transcripts_written")


def train_bundle(run: Run, *, version: str, models: Path) -> Path:
    """Run whatever is not done yet and write `models/<version>/`; returns the folder.

    Raises:
        ConfigError: the corpora are not the pinned ones, or the run folder holds what another run made.
    """
    hashes = learned_hashes(run, check_data(run.data, run.settings.data))
    _claim(run, hashes)
    rules = RedactionRules.load(config_path("redaction.toml"))
    network, encoder = codebook_stage(run, rules)
    calibration = _calibrate(run, network, encoder.tokenizer, rules)
    folder = models / version
    provenance = Provenance(version, run.settings.bundle.base, hashes, run.settings.bundle.seed, recipe_record(run))
    export_bundle(network, encoder.tokenizer, run.taxonomy, calibration, None, provenance, folder)
    _add_conversations(run, calibration, provenance, network.encoder.config.hidden_size, folder)
    return folder


def calibrate_bundle(run: Run, source: Path, *, widened: bool = False) -> None:
    """Write the bundle `source` with the same weights, calibrated anew, to the folder of the run.

    A bundle that learned from no non-commercial corpus is calibrated on none. With `widened`, products in int8 become products in
    single precision.
    """
    start = load_bundle(source, taxonomy=run.taxonomy)
    check_data(run.data, run.settings.data)
    manifest, folder = start.manifest, run.folder
    run = replace(run, commercial=is_commercial(manifest))
    folder.mkdir(parents=True, exist_ok=True)
    for name in (files.ENCODER, files.TOKENIZER, files.HEADS, files.TAXONOMY):
        shutil.copyfile(source / name, folder / name)
    if widened:
        export_encoder(encoders.from_bundle(source).model, folder / files.ENCODER)
    network = network_of(replace(start, encoder=folder / files.ENCODER))
    made_from = {**manifest.recipe, "calibrated_from": start.id, "widened": widened, **_fitted_after(run)}
    provenance = Provenance(folder.name, manifest.base, manifest.data, manifest.seed, made_from)
    calibration = _calibrate(run, network, start.tokenizer, RedactionRules.load(config_path("redaction.toml")))
    seal(folder, run.taxonomy, calibration, None, provenance, width=manifest.width)
    _add_conversations(run, calibration, provenance, manifest.width, folder)


def _calibrate(run: Run, network: Network, tokenizer: Tokenizer, rules: RedactionRules) -> Calibration:
    layout, windower = lay_out(run.taxonomy.of("verbatim")), Windower(tokenizer)
    data = list(prepare(split_annotated(run.keep(read_extended(run.data))).calibrate, windower, rules, layout))
    log.info("calibrating on %d texts", len(data))
    blocks = [network.layout[block.label_set.name] for block in layout.blocks]
    return fit_calibration(score_sets(network, data, blocks), run.settings.calibration, _signed(run, network, windower, rules))


def _add_conversations(run: Run, calibration: Calibration, provenance: Provenance, width: int, folder: Path) -> None:
    """Fit the conversation model on what the bundle in `folder` says, and seal the bundle again."""
    seal(folder, run.taxonomy, calibration, fit_conversations(run, folder), provenance, width=width)
    log.info("bundle written to %s", folder)


def _signed(run: Run, network: Network, windower: Windower, rules: RedactionRules) -> list[SignSet]:
    """What the network says of the public texts that calibrate the neutral band."""
    block, signed = network.layout["sentiment"], []
    annotated = frozenset(e.id for e in (*read_corpus("train", run.data), *read_extended(run.data)))
    for name in CORPORA_OF_SET:
        examples = run.keep(kept_out(name, run.data, annotated=annotated, calibrating=True))
        if examples:
            scored = score_sets(network, list(prepare(examples, windower, rules, network.layout)), [block])[0]
            signed.append(SignSet(scored.scores, np.array([sign_of(e) for e in examples])))
    return signed


def learned_hashes(run: Run, corpora: Mapping[str, str]) -> dict[str, str]:
    """Hashes of all files that the weights rest on: a commercial bundle rests on no corpus that is non-commercial throughout."""
    forbidden = {corpus.path for corpus in CORPORA.values() if corpus.non_commercial and run.commercial}
    return {path: digest for path, digest in corpora.items() if path not in forbidden} | own_hashes(run)


def _claim(run: Run, hashes: Mapping[str, str]) -> None:
    """Mark the run folder as this run's: what lies there is taken up unseen, so it must be of the same recipe, data and licence."""
    begun = {"bundle": run.settings.bundle.model_dump(), "public": run.settings.public.model_dump()}
    told = json.dumps({"recipe": _learned(run), **begun, "data": dict(hashes)}, indent=1)
    path, is_begun = run.folder / "run.json", (run.folder / "start").is_dir()
    if is_begun and (not path.is_file() or path.read_text(encoding="utf-8") != told):
        raise ConfigError(f"run folder {run.folder.name} holds what another recipe or other data made: remove it or give another --version")
    run.folder.mkdir(parents=True, exist_ok=True)
    path.write_text(told, encoding="utf-8")


def own_hashes(run: Run) -> dict[str, str]:
    """Hashes of the project's own files that the weights rest on."""
    own = {"extended": EXTENDED, "transcripts": TRANSCRIPTS, "written": WRITTEN, "written_transcripts": WRITTEN_TALKS}
    if not run.commercial:
        own["teachers"] = TEACHERS
    if run.decided is not None:
        own[run.decided.name] = run.decided
    return {name: file_hash(path) for name, path in own.items()}


def recipe_record(run: Run) -> dict[str, object]:
    """What the manifest and the card say of the recipe."""
    return {**_learned(run), "share": _share(run), **_fitted_after(run)}


def _fitted_after(run: Run) -> dict[str, object]:
    """What was chosen by after the weights."""
    settings = run.settings
    return {"calibration": settings.calibration.model_dump(), "conversations": settings.conversations.model_dump()}


def _learned(run: Run) -> dict[str, object]:
    """What the weights were learned by. A commercial run has no pool, since nobody speaks of it."""
    left_out = {"recipe", "pool", "pool_per_epoch"} if run.commercial else {"recipe"}
    record = {**run.settings.codebook.model_dump(exclude=left_out), **asdict(_recipe(run)), LICENCE: run.commercial}
    if run.start is None:
        return record | {"vocabulary": run.settings.vocabulary.model_dump()}
    return record | {"start": load_bundle(run.start).manifest.version, "layers": list(run.layers) or "all", "int8": run.int8}


def public_stage(run: Run, rules: RedactionRules, encoder: Encoder, recipe: Recipe, folder: Path) -> Encoder:
    """All layers on the public label sets; the encoder is kept, the heads are not."""
    if (folder / "encoder.safetensors").is_file():
        return encoders.load(folder)
    examples = public_examples(run)
    layout = lay_out([run.taxonomy["sentiment"], *public_sets(examples, run.settings.public.min_examples)])
    data = list(prepare(examples, Windower(encoder.tokenizer), rules, layout))
    log.info("public stage: %d texts, vocabulary %d", len(data), encoder.tokenizer.get_vocab_size())
    network = encoders.new_network(encoder, layout, recipe)
    fit(network, data, recipe, folder=folder)
    encoders.save(network.encoder, encoder.tokenizer, folder)
    return Encoder(network.encoder, encoder.tokenizer)


def codebook_stage(run: Run, rules: RedactionRules) -> tuple[Network, Encoder]:
    """All layers and our heads on the codebook's annotations and on what the teachers said."""
    folder = run.folder / "codebook"
    layout = lay_out(run.taxonomy.of("verbatim"))
    recipe = replace(_recipe(run), seed=run.settings.bundle.seed)
    encoder = start_encoder(run)
    network = encoders.new_network(encoder, layout, recipe)
    if run.start is not None:
        encoders.take_heads(network, run.start)
    begun = {name: value.clone() for name, value in network.state_dict().items()}
    if not (folder / "network.safetensors").is_file():
        _learn(run, rules, network, encoder, recipe, folder)
    _blend(network, begun, load_file(folder / "network.safetensors"), share=_share(run))
    return network, Encoder(network.encoder, encoder.tokenizer)


def _learn(run: Run, rules: RedactionRules, network: Network, encoder: Encoder, recipe: Recipe, folder: Path) -> None:
    """Fit the network and keep its weights."""
    layout = network.layout
    teachers, windower = _teachers(run, layout), Windower(encoder.tokenizer)
    stage = run.settings.codebook
    examples = codebook_examples(run, repeat=stage.repeat, sentiment=stage.sentiment)
    prepared = prepare(teachers.taught(examples), windower, rules, layout)
    data = list(distil.shown(prepared, run.start) if run.start is not None and run.distils else prepared)
    pool = list(prepare(teachers.taught(pool_examples(run)) if teachers.rows else [], windower, rules, layout))
    log.info("codebook stage: %d texts and a pool of %d, vocabulary %d", len(data), len(pool), encoder.tokenizer.get_vocab_size())
    fit(network, data, recipe, folder=folder, extra=pool, extra_per_epoch=stage.pool_per_epoch)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "network.safetensors")


def _blend(network: Network, begun: Mapping[str, Tensor], learned: Mapping[str, Tensor], *, share: float) -> None:
    """Weights on the way from where the run began to what it learned: both ends' strengths in one (Wortsman et al. 2022, WiSE-FT)."""
    weights = {name for name, _ in network.named_parameters()}
    network.load_state_dict({name: torch.lerp(begun[name], value, share) if name in weights else value for name, value in learned.items()})


def _recipe(run: Run) -> Recipe:
    settings = run.settings
    if run.start is None:
        return settings.codebook.recipe
    if run.int8:
        return settings.int8.recipe
    return settings.layers.recipe if run.layers else settings.further.recipe


def _share(run: Run) -> float:
    """Of what was learned in the weights: some of the layers of a bundle are nothing to go back to."""
    return 1.0 if run.start is None or run.distils else run.settings.further.share


def _teachers(run: Run, layout: Layout) -> Teachers:
    """What the teachers said; nothing for a commercial bundle, since they learned from every corpus."""
    return Teachers({}, {}) if run.commercial else read_teachers(layout)


def start_encoder(run: Run) -> Encoder:
    """The base encoder with its vocabulary fitted to the training texts, or a bundle's; kept in the run folder."""
    folder = run.folder / "start"
    if not (folder / "encoder.safetensors").is_file():
        if run.start is not None:
            whole = encoders.from_bundle(run.start)
            encoder = encoders.of_layers(whole, run.layers) if run.layers else whole
        else:
            encoder = encoders.from_base(pool_texts(run, public_examples(run)), run.settings.bundle.base, run.settings.vocabulary)
        encoders.save(encoder.model, encoder.tokenizer, folder)
    return encoders.load(folder)


def pool_examples(run: Run) -> list[Example]:
    """Texts that nobody annotated under the codebook; what their corpora say of them stays known."""
    annotated = {e.id for e in (*read_extended(run.data), *read_corpus("train", run.data))}
    pool = [e for name in run.settings.codebook.pool for e in run.keep(read_corpus(name, run.data))]
    return [e for e in pool if e.id not in annotated and not is_kept_out(e)]


def public_examples(run: Run) -> list[Example]:
    """The public corpora without the tenth that is kept out, at most so many of each."""
    examples: list[Example] = []
    for name in run.settings.public.corpora:
        kept = run.keep(e for e in read_corpus(name, run.data) if not is_kept_out(e))
        examples += _sample(kept, run.settings.public.most.get(name, len(kept)))
    unseen = unseen_ids(split_annotated(read_extended(run.data)))
    return [example for example in examples if example.id not in unseen]


def codebook_examples(run: Run, *, repeat: Mapping[str, int], sentiment: Mapping[str, int]) -> list[Example]:
    """Given and extended annotations, transcripts repeated so often, our own texts, and so many public texts with a sentiment."""
    stage, extended = run.settings.codebook, read_extended(run.data)
    given = read_once(read_corpus("train", run.data), extended)
    examples = [replace(e, weight=stage.earlier_weight) for e in run.keep(given)]
    splits = split_annotated(extended)
    examples += run.keep(splits.fit)
    for name in ("transcripts_train", "transcripts_written"):
        examples += run.keep(read_corpus(name, run.data)) * repeat.get(name, 1)
    talks = [to_example(row, corpus=FURTHER, targets=codebook(row)) for row in read_conversations(run.data)]
    examples += run.keep(talks) * repeat.get(FURTHER, 1)
    own = [*read_written(), *(to_example(row, corpus="written", targets=codebook(row)) for row in read_written_talks())]
    examples += [replace(e, weight=stage.written_weight) for e in own]
    unseen = unseen_ids(splits)
    for name, most in sentiment.items():
        kept = run.keep(e for e in read_corpus(name, run.data) if not is_kept_out(e))
        examples += [e for e in _sample(kept, most) if e.id not in unseen]
    return examples + [e for e in run.keep(decided_examples(run)) if e.id not in unseen]


def decided_examples(run: Run) -> list[Example]:
    """The decisions of a review desk, none where none are given."""
    return [] if run.decided is None else read_labelled(run.decided, run.taxonomy, weights=run.settings.decisions.weights)


def unseen_ids(splits: Splits) -> frozenset[str]:
    """Ids of the fresh and the calibration texts, which no weight may see."""
    return frozenset(example.id for example in (*splits.fresh, *splits.calibrate))


def pool_texts(run: Run, examples: Sequence[Example]) -> list[str]:
    """Every text that the vocabulary is fitted to."""
    pool = [*examples, *read_written(), *(e for name in _TEXT_ONLY for e in run.keep(read_corpus(name, run.data)))]
    return [text for e in pool for text in (e.text, *(turn.text for turn in e.turns)) if text]


def public_sets(examples: Sequence[Example], least: int) -> list[LabelSet]:
    """The label spaces of the public corpora, from the labels that occur often enough."""
    sets = []
    for name, (kind, polarities) in PUBLIC_SETS.items():
        counts = Counter(key for example in examples for key in _keys(example.targets.get(name)))
        keys = sorted(key for key, count in counts.items() if count >= least)
        if len(keys) > 1:
            labels = tuple(LabelDefinition(key=key, label=key, definition=f"public label {key}") for key in keys)
            sets.append(LabelSet(name, kind, labels, polarities))
    return sets


def _keys(target: Labels | OneOf | None) -> Iterable[str]:
    match target:
        case Labels(given=given):
            return given.keys()
        case OneOf(keys=keys):
            return keys
    return ()


def _sample(examples: list[Example], most: int) -> list[Example]:
    """A stable sample: those with the smallest hash."""
    return sorted(examples, key=lambda example: bucket(example.id + "/sample", 2**60))[:most]
