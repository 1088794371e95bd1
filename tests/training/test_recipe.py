"""What each stage of the shipped bundle learns from: never development, fresh or calibration texts, nor what a licence forbids."""

import gzip
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from toys import toy_recipe

from training import recipe
from training.corpora import CORPORA, held_out_ids, read_corpus
from training.encoders import Encoder, from_bundle
from training.examples import Example, Labels, OneOf
from training.fit import Recipe
from training.int8 import int8_layers
from training.network import Network
from training.prepare import Prepared
from training.recipe import Run, codebook_examples, pool_texts, public_examples, public_sets, public_stage, recipe_record
from training.settings import load_training_settings
from training.splits import Splits, is_kept_out, split_annotated
from vocservice.errors import ConfigError
from vocservice.inference.bundle import default_bundle, load_bundle
from vocservice.inference.calibration import Calibration
from vocservice.inference.layout import lay_out
from vocservice.paths import config_path
from vocservice.taxonomy import load_taxonomy
from vocservice.text.redact import RedactionRules

REPEAT = {"transcripts_train": 3, "transcripts_written": 2, "further": 3}
SENTIMENT = {"sst5_train": 30, "tweeteval_val": 20, "amazon_train": 60}
OURS = {"stages": ["use"], "factors": {"technology": "-"}, "sentiment": -1, "scope": "experience_issue", "flags": []}
MADE: dict[str, Callable[[int], dict[str, Any]]] = {
    "fabsa": lambda n: {"labels": ["value.price.1" if n % 2 else "staff.manner.-1"]},
    "nhs": lambda n: {"labels": ["Care" if n % 2 else "Food"], "sentiment": 1 + n % 5},
    "airline": lambda n: {"sentiment": "negative", "reason": "Late" if n % 2 else "Lost"},
    "lounge": lambda n: {"overall": n % 10},
    "seat": lambda n: {"overall": n % 10},
    "amazon_train": lambda n: {"label": n % 2},
    "sst5_train": lambda n: {"label": n % 5},
    "sst5_dev": lambda n: {"label": n % 5},
    "tweeteval_val": lambda n: {"label": n % 3},
    "train": lambda n: OURS,
    "dev": lambda n: OURS,
    "transcripts_train": lambda n: OURS,
    "transcripts_dev": lambda n: OURS,
    "transcripts_written": lambda n: OURS,
}
OWN = [Example("written-1", "written", "the parcel was late", {"sentiment": OneOf(frozenset({"-1"}))})]
EXTENDED = [f"{corpus}-{number}" for corpus in ("fabsa", "nhs", "airline", "amazon_train") for number in range(0, 60, 3)]
DEV = ["fabsa-1", "nhs-2", "airline-4", "lounge-5", "sst5_train-7", "amazon_train-8"]
TALKS = {"transcripts_train": "twcs", "transcripts_dev": "twcs", "transcripts_written": "syn", "transcripts_unlabelled": "twcs"}


def row(corpus: str, number: int) -> dict[str, Any]:
    made = MADE.get(corpus, lambda n: {})(number)
    if corpus in TALKS:
        turns = [{"speaker": "customer", "text": f"the food was late {corpus}"}, {"speaker": "agent", "text": "hello there"}]
        start = 100 if corpus == "transcripts_dev" else 0
        return {"id": f"{TALKS[corpus]}-{start + number}", "turns": turns} | made
    return {"id": f"{corpus}-{number}", "text": f"the food was good {corpus} {number}"} | made


def write(folder: Path, name: str, rows: Sequence[dict[str, Any]]) -> None:
    path = folder / CORPORA[name].path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora of invented rows under the names of the real ones; DEV and EXTENDED stand in them as well."""
    folder = tmp_path_factory.mktemp("data")
    for name in CORPORA:
        write(folder, name, [row(name, number) for number in range(60)])
    write(folder, "train", [row("lounge", number) | OURS | {"sample": "enriched"} for number in range(20)] + [row("fabsa", 1) | OURS])
    write(folder, "dev", [row(*_place(example_id)) | OURS for example_id in DEV])
    write(folder, "transcripts_unlabelled", [row("transcripts_train", number) for number in range(60)] + [row("transcripts_dev", 3)])
    write(folder, "transcripts_train", [row("transcripts_train", number) for number in range(5)] + [row("transcripts_dev", 3)])
    return folder


def _place(example_id: str) -> tuple[str, int]:
    corpus, _, number = example_id.rpartition("-")
    return corpus, int(number)


def further(data: Path) -> list[Example]:
    """Stands for the extended annotations."""
    texts = {e.id: e for name in ("fabsa", "nhs", "airline", "amazon_train") for e in read_corpus(name, data)}
    return [replace(texts[i], corpus="extended", targets={"sentiment": OneOf(frozenset({"1"}))}) for i in EXTENDED]


@pytest.fixture
def run(invented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(recipe, "read_extended", further)
    monkeypatch.setattr(recipe, "read_conversations", lambda data: [row("transcripts_written", 70)])
    monkeypatch.setattr(recipe, "read_written", lambda: OWN)
    monkeypatch.setattr(recipe, "read_written_talks", lambda: [row("transcripts_written", 80) | {"id": "written-talk-1"}])
    return Run(invented, tmp_path, load_training_settings(), load_taxonomy())


@pytest.fixture
def splits(run: Run) -> Splits:
    made = split_annotated(further(run.data))
    assert made.fit and made.calibrate and made.fresh
    return made


def codebook(run: Run) -> list[Example]:
    return codebook_examples(run, repeat=REPEAT, sentiment=SENTIMENT)


def ids(examples: Sequence[Example]) -> set[str]:
    return {example.id for example in examples}


def test_public_examples_leave_out_dev_fresh_calibration_and_kept_out_texts(run: Run, splits: Splits) -> None:
    used = ids(public_examples(run))
    assert used.isdisjoint(DEV)
    assert used.isdisjoint(ids(splits.fresh) | ids(splits.calibrate))
    assert not any(is_kept_out(Example(i, "", "", {})) for i in used)
    assert ids([e for e in splits.fit if not is_kept_out(e) and e.id not in DEV]) <= used
    assert {i.rpartition("-")[0] for i in used} == set(run.settings.public.corpora)


def test_codebook_examples_leave_out_dev_and_all_but_the_fit_split(run: Run, splits: Splits) -> None:
    examples = codebook(run)
    used = ids(examples)
    assert used.isdisjoint(DEV) and "twcs-103" not in used and {"twcs-0", "syn-0"} <= used
    extended = [e for e in examples if e.corpus == "extended"]
    assert ids(extended) == ids(splits.fit) - set(DEV)
    assert {f"lounge-{n}" for n in range(20)} - set(DEV) <= used


def test_public_sentiment_beside_the_annotations_is_of_no_fresh_or_calibration_text(run: Run, splits: Splits) -> None:
    assert ids(codebook(run)).isdisjoint(ids(splits.fresh) | ids(splits.calibrate))


def test_codebook_examples_weigh_and_repeat_as_they_are_told(run: Run) -> None:
    examples = codebook(run)
    assert {e.weight for e in examples if e.corpus == "train"} == {run.settings.codebook.earlier_weight}
    assert {e.weight for e in examples if e.corpus == "written"} == {run.settings.codebook.written_weight}
    assert {e.weight for e in examples if e.corpus not in ("train", "written")} == {1.0}
    for name, times in REPEAT.items():
        counts = [sum(other.id == e.id for other in examples) for e in examples if e.corpus == name]
        assert counts and set(counts) == {times}


@pytest.mark.parametrize("examples", [public_examples, codebook])
def test_a_commercial_run_drops_the_non_commercial_corpora(run: Run, examples: Callable[[Run], list[Example]]) -> None:
    every, allowed = examples(run), examples(replace(run, commercial=True))
    assert {"airline"} <= {i.rpartition("-")[0] for i in ids(every)}
    assert {i.rpartition("-")[0] for i in ids(allowed)}.isdisjoint({"airline", "twcs"})
    assert ids([e for e in every if not e.id.startswith(("airline", "twcs"))]) == ids(allowed)


def calibrating(run: Run) -> list[Example]:
    """What the calibration of a run reads: annotated texts, and public ones of which only the sign is known."""
    seen: list[Example] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "prepare", lambda examples, *_: seen.extend(examples) or [])  # type: ignore[func-returns-value]
        patch.setattr(recipe, "score_sets", lambda *_: [SimpleNamespace(scores=np.zeros((0, 5)))])
        patch.setattr(recipe, "fit_calibration", lambda *_: None)
        network, tokenizer = SimpleNamespace(layout=lay_out(run.taxonomy.of("verbatim"))), from_bundle(default_bundle()).tokenizer
        recipe._calibrate(run, network, tokenizer, RedactionRules())  # type: ignore[arg-type]
    return seen


def decided(run: Run) -> list[Example]:
    """Decisions on records under ids of the corpora, a development, a calibration and a fresh one among them."""
    path = run.folder / "decided.jsonl"
    numbers = [("fabsa", n) for n in range(12)] + [("airline", 2), ("twcs", 3)]
    path.write_text("\n".join(json.dumps({"id": f"{c}-{n}", "text": "good", "scope": "both"}) for c, n in numbers), encoding="utf-8")
    return [e for e in codebook(replace(run, decided=path)) if e.corpus == "decided"]


@pytest.mark.parametrize(("gather", "origin"), [(calibrating, "airline"), (decided, "airline"), (recipe.pool_examples, "airline")])
def test_nothing_else_that_a_commercial_run_gathers_is_non_commercial(
    run: Run, gather: Callable[[Run], list[Example]], origin: str
) -> None:
    every, allowed = (ids(gather(replace(run, commercial=commercial))) for commercial in (False, True))
    assert origin in {i.rpartition("-")[0] for i in every} and allowed
    assert {i.rpartition("-")[0] for i in allowed}.isdisjoint({"airline", "twcs"})
    assert allowed == {i for i in every if not i.startswith(("airline-", "twcs-"))}


def test_decisions_on_development_fresh_and_calibration_texts_are_not_learned(run: Run, splits: Splits) -> None:
    learned = ids(decided(run))
    away = {*DEV, *ids(splits.fresh), *ids(splits.calibrate)}
    assert learned == {*(f"fabsa-{n}" for n in range(12)), "airline-2", "twcs-3"} - away and "fabsa-1" not in learned
    assert away & {f"fabsa-{n}" for n in range(0, 12, 3)}


def test_a_commercial_run_asks_no_teacher_and_names_nothing_that_it_did_not_read(run: Run) -> None:
    commercial = replace(run, commercial=True)
    assert recipe._teachers(commercial, lay_out(run.taxonomy.of("verbatim"))).rows == {}
    corpora = {corpus.path: "0" * 64 for corpus in CORPORA.values()}
    left = recipe.learned_hashes(run, corpora).keys() - recipe.learned_hashes(commercial, corpora).keys()
    assert left == {"airline.jsonl.gz", "transcripts_unlabelled.jsonl.gz", "annotations/transcripts_dev.jsonl.gz", "teachers"}
    assert "airline" in json.dumps(recipe_record(run)) and "airline" not in json.dumps(recipe_record(commercial))


@pytest.mark.parametrize("change", [{"commercial": True}, {"start": default_bundle()}], ids=["licence", "start"])
def test_a_run_folder_is_taken_up_by_the_same_run_alone(run: Run, change: dict[str, Any]) -> None:
    hashes = {"nhs.jsonl.gz": "0" * 64}
    recipe._claim(run, hashes)
    (run.folder / "start").mkdir()
    recipe._claim(run, hashes)  # as it was left
    for other, read in ((replace(run, **change), hashes), (run, {"nhs.jsonl.gz": "1" * 64})):
        with pytest.raises(ConfigError, match="holds what another recipe or other data made"):
            recipe._claim(other, read)
    (run.folder / "run.json").unlink()
    with pytest.raises(ConfigError, match="--version"):
        recipe._claim(run, hashes)  # nobody knows of what


def test_a_commercial_vocabulary_reads_no_non_commercial_text(run: Run) -> None:
    commercial = replace(run, commercial=True)
    texts = pool_texts(commercial, public_examples(commercial))
    assert any("fabsa" in text for text in texts) and any("care_dev" in text for text in texts)
    assert not any("airline" in text or "transcripts_train" in text for text in texts)
    assert any("airline" in text for text in pool_texts(run, public_examples(run)))


def test_no_development_text_shapes_the_vocabulary(run: Run) -> None:
    texts = set(pool_texts(run, public_examples(run)))
    assert texts.isdisjoint(row(*_place(example_id))["text"] for example_id in DEV)


def test_a_cap_takes_the_same_texts_each_time(run: Run) -> None:
    public = run.settings.public.model_copy(update={"most": {"fabsa": 10}, "corpora": ("fabsa", "nhs")})
    capped = replace(run, settings=run.settings.model_copy(update={"public": public}))
    first, again = public_examples(capped), public_examples(capped)
    assert [e.id for e in first] == [e.id for e in again]
    assert 0 < sum(e.id.startswith("fabsa") for e in first) <= 10 < sum(e.id.startswith("nhs") for e in first)
    assert ids(first) <= ids(public_examples(run))


def test_public_label_spaces_hold_the_labels_that_occur_often_enough() -> None:
    many = [
        Example(f"n-{n}", "nhs", "", {"nhs_themes": Labels(dict.fromkeys(["care", "food"] if n < 5 else ["care", "rare"]))})
        for n in range(6)
    ]
    (made,) = public_sets(many, least=5)
    assert (made.name, made.kind, made.keys) == ("nhs_themes", "multi", ("care", "food"))
    assert [s.keys for s in public_sets(many, least=1)] == [("care", "food", "rare")]
    assert public_sets(many, least=6) == []  # one label alone is nothing to choose from


def test_the_record_says_whether_non_commercial_corpora_were_left_out(run: Run) -> None:
    record, commercial = recipe_record(run), recipe_record(replace(run, commercial=True))
    assert record["without_non_commercial"] is False and commercial["without_non_commercial"] is True
    told = json.loads(json.dumps(record))
    assert told["epochs"] == run.settings.codebook.recipe.epochs and told["losses"] == asdict(run.settings.fit.losses)
    assert told["calibration"]["floor"] == run.settings.calibration.floor and told["vocabulary"]["min_count"] == 2


@pytest.mark.parametrize(("layers", "count"), [((), 6), ((0, 5), 2)], ids=["all layers", "some"])
def test_a_run_goes_on_from_the_layers_and_the_heads_of_a_bundle(
    run: Run, monkeypatch: pytest.MonkeyPatch, layers: tuple[int, ...], count: int
) -> None:
    further, learned = replace(run, start=default_bundle(), layers=layers), []

    def learn(network: Network, data: object, recipe: Recipe, *, folder: Path, **_: object) -> None:
        folder.mkdir()
        learned.append(recipe)

    monkeypatch.setattr(recipe, "fit", learn)
    network, encoder = recipe.codebook_stage(further, RedactionRules.load(config_path("redaction.toml")))
    heads = load_file(default_bundle() / "heads.safetensors")
    assert network.encoder.config.num_hidden_layers == count
    assert torch.equal(network.head.weight, heads["weight"].float().T)
    assert encoder.tokenizer.get_vocab_size() == network.encoder.config.vocab_size
    stage = run.settings.layers if layers else run.settings.further
    assert learned == [replace(stage.recipe, seed=run.settings.bundle.seed)]
    record = recipe_record(further)
    assert (record["start"], record["layers"], record["int8"]) == (default_bundle().name, list(layers) or "all", False)


def test_a_bundle_is_rounded_towards_its_own_vectors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rounded = replace(run, start=default_bundle(), int8=True)

    def learn(network: Network, data: list[Prepared], made: Recipe, *, folder: Path, **_: object) -> None:
        folder.mkdir()
        assert made == replace(run.settings.int8.recipe, seed=run.settings.bundle.seed) and made.int8_epochs == made.epochs
        assert all(item.features is not None for item in data) and len(list(int8_layers(network.encoder))) == 36
        torch.nn.init.zeros_(network.head.bias)

    monkeypatch.setattr(recipe, "fit", learn)
    network, _ = recipe.codebook_stage(rounded, RedactionRules.load(config_path("redaction.toml")))
    assert not network.head.bias.any()  # nothing of what it started from is blended in
    assert recipe_record(rounded)["int8"] is True


@pytest.mark.parametrize("commercial", [True, False])
def test_a_bundle_is_calibrated_anew_on_what_its_licence_allows(run: Run, monkeypatch: pytest.MonkeyPatch, *, commercial: bool) -> None:
    source, fitted = run.folder / "source-1", []
    shutil.copytree(default_bundle(), source)
    manifest = json.loads((source / "manifest.json").read_bytes())
    manifest["recipe"]["without_non_commercial"] = commercial
    (source / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def fit(given: Run, *_: object) -> None:
        fitted.append(given.commercial)

    monkeypatch.setattr(recipe, "check_data", lambda *_: {})
    monkeypatch.setattr(recipe, "_calibrate", lambda given, *_: fit(given) or load_bundle(source).calibration)  # type: ignore[func-returns-value]
    monkeypatch.setattr(recipe, "fit_conversations", fit)
    recipe.calibrate_bundle(replace(run, folder=run.folder / "again-1"), source)
    assert fitted == [commercial] * 2


def test_a_bundle_that_is_calibrated_anew_keeps_its_weights_and_how_it_learned(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "check_data", lambda *_: {})
    monkeypatch.setattr(recipe, "_calibrate", lambda *_: load_bundle(default_bundle()).calibration)
    monkeypatch.setattr(recipe, "fit_conversations", lambda *_: None)
    recipe.calibrate_bundle(replace(run, folder=run.folder / "again-1"), default_bundle())
    source, made = (load_bundle(folder) for folder in (default_bundle(), run.folder / "again-1"))
    assert made.encoder.read_bytes() == source.encoder.read_bytes() and made.conversation is None
    assert (made.id, made.manifest.data) == ("again-1", source.manifest.data)
    assert made.manifest.recipe == source.manifest.recipe | {
        "calibrated_from": source.id,
        "widened": False,
        "calibration": run.settings.calibration.model_dump(mode="json"),
        "conversations": run.settings.conversations.model_dump(mode="json"),
    }


def test_a_text_that_was_read_again_is_learned_once_and_as_it_was_read_last(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    again = next(e for e in read_corpus("train", run.data) if e.id not in DEV)
    second = replace(again, corpus="extended", sample="enriched", targets={"scope": OneOf(frozenset({"both"}))})
    monkeypatch.setattr(recipe, "read_extended", lambda data: [*further(data), second])
    assert [e for e in codebook(run) if e.id == again.id] == [second]


def test_the_public_stage_learns_and_is_done_once(
    run: Run,
    tokenizer: Tokenizer,
    new_network: Callable[..., Network],
    rules: RedactionRules,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = run.settings.public.model_copy(update={"min_examples": 2})
    run = replace(run, settings=run.settings.model_copy(update={"public": public}))
    stage = toy_recipe(epochs=1, tokens=256), run.folder / "public"
    made = public_stage(run, rules, Encoder(new_network().encoder, tokenizer), *stage)
    start = new_network().encoder.state_dict()
    assert any((value != start[name]).any() for name, value in made.model.state_dict().items())
    monkeypatch.setattr(recipe, "fit", lambda *_, **__: pytest.fail("fitted twice"))
    again = public_stage(run, rules, Encoder(new_network().encoder, tokenizer), *stage)
    assert all((value == made.model.state_dict()[name]).all() for name, value in again.model.state_dict().items())


def test_a_run_on_other_data_is_refused_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not the version pinned in training\.toml"):
        recipe.train_bundle(run, version="v", models=tmp_path / "models")
    assert not (tmp_path / "models").exists() and not any(tmp_path.iterdir())


def test_no_held_out_text_of_the_real_corpora_is_trained_on(corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extended = recipe.read_extended(corpora)
    monkeypatch.setattr(recipe, "read_extended", lambda data: extended)
    run = Run(corpora, tmp_path, load_training_settings(), load_taxonomy())
    splits = split_annotated(extended)
    away = ids(splits.fresh) | ids(splits.calibrate) | held_out_ids(corpora)
    assert ids(public_examples(run)).isdisjoint(away)
    assert ids(codebook(run)).isdisjoint(away)


def test_a_bundle_in_int8_is_calibrated_anew_in_single_precision(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, source, read = torch.arange(100, 140).reshape(2, 20), load_bundle(default_bundle()), []

    def calibrate(_: Run, network: Network, *__: object) -> Calibration:
        read.append(network.encoder(ids, torch.ones_like(ids)).last_hidden_state)
        return source.calibration

    monkeypatch.setattr(recipe, "check_data", lambda *_: {})
    monkeypatch.setattr(recipe, "_calibrate", calibrate)
    monkeypatch.setattr(recipe, "fit_conversations", lambda *_: None)
    for widened in (False, True):
        recipe.calibrate_bundle(replace(run, folder=run.folder / f"wide-{widened}"), default_bundle(), widened=widened)
    made = load_bundle(run.folder / "wide-True")
    kinds = [{node.op_type for node in onnx.load(bundle.encoder).graph.node} for bundle in (source, made)]
    assert ["QuantizeLinear" in kind for kind in kinds] == [True, False]
    assert 0 < float((read[0] - read[1]).norm() / read[0].norm()) < 0.3  # calibrated is what is written
    assert made.manifest.recipe["widened"] is True
