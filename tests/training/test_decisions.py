"""From the review desk to a bundle: what people decide is exported, becomes examples that say no more than they said, and is learned."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import PROVENANCE, Toy, ready, toy_recipe
from web.commanded import commanded
from web.visiting import TALK, Office, talk

from training import encoders
from training.__main__ import main
from training.calibrate import fit_calibration, score_sets
from training.conversations import _decided
from training.corpora import file_hash
from training.custom import read_labelled
from training.examples import Example, Labels, OneOf
from training.export import export_bundle
from training.recipe import codebook_examples, decided_examples, own_hashes
from training.run import Run
from training.settings import load_training_settings
from training.targets import UNKNOWN, build_targets
from vocservice.cli import run as voc
from vocservice.errors import InputError
from vocservice.inference.bundle import load_bundle
from vocservice.inference.layout import lay_out
from vocservice.paths import config_path
from vocservice.records import Withheld
from vocservice.store.review import annotations
from vocservice.store.review.annotations import Draft, Seen
from vocservice.taxonomy import load_taxonomy
from vocservice.text.redact import RedactionRules

TAXONOMY = load_taxonomy()
LAYOUT = lay_out(TAXONOMY.of("verbatim"))
SETTINGS = load_training_settings()
WEIGHTS = SETTINGS.decisions.weights
TEXT = "The app crashed twice. Support was lovely and fixed it."
PRICE = "the price was very bad"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return commanded(tmp_path, monkeypatch)


def decided(office: Office, decision: str = "confirm", *, text: str = "", held: Mapping[str, Any] | None = None, **labels: Any) -> str:
    """A record whose analysis has these labels (a transcript without a text), and what somebody decided on it."""
    record, user = office.record(text=text, **labels), office.user()
    with office.database.write() as connection:
        result = talk(text, **labels).to_dict()
        draft = Draft(decision, {**annotations.labels_of(decision, result), **(held or {})}, "", record)  # type: ignore[arg-type]
        annotations.decide(connection, user, record, Seen(1, "fake-1", 0), draft)
    return record


def exported(folder: Path) -> Path:
    out = folder / "decided.jsonl"
    assert voc(["export-annotations", "-o", str(out), "--workspace", "ws_one"]) == 0
    return out


def the_example(folder: Path) -> Example:
    (found,) = read_labelled(exported(folder), TAXONOMY, weights=WEIGHTS)
    return found


def test_confirming_leaves_withheld_labels_unknown(office: Office, tmp_path: Path) -> None:
    withheld = (Withheld("factors.resolution", 0.3), Withheld("stages.advocacy", 0.3), Withheld("scope.both", 0.3))
    decided(office, text=TEXT, abstained=withheld)
    example = the_example(tmp_path)
    factors, stages = example.targets["factors"], example.targets["stages"]
    assert isinstance(factors, Labels) and isinstance(stages, Labels)
    assert (dict(factors.given), factors.unknown) == ({"technology": "-", "courtesy": "+"}, {"resolution"})
    assert stages.unknown == {"advocacy"} and example.targets["scope"] == OneOf(frozenset({"experience_issue"}))
    assert example.weight == WEIGHTS["confirm"] < WEIGHTS["correct"]


def test_a_set_that_a_person_corrects_is_known_whole(office: Office, tmp_path: Path) -> None:
    withheld = (Withheld("factors.resolution", 0.3), Withheld("stages.advocacy", 0.3))
    held = {"factors": [{"key": "technology", "polarity": "-"}, {"key": "price_value", "polarity": "-"}]}
    decided(office, "correct", text=TEXT, held=held, abstained=withheld)
    example = the_example(tmp_path)
    factors, stages = example.targets["factors"], example.targets["stages"]
    assert isinstance(factors, Labels) and isinstance(stages, Labels)
    assert (dict(factors.given), factors.unknown) == ({"technology": "-", "price_value": "-"}, frozenset())
    assert stages.unknown == {"advocacy"} and example.weight == WEIGHTS["correct"]
    at = TEXT.index("crashed")
    assert factors.evidence == {"technology": ((at, at + len("crashed"), 0),)}  # of the one that was kept; the one that was added has none


def test_masks_reach_the_targets_of_the_network(office: Office, tmp_path: Path, toy: Toy, rules: RedactionRules) -> None:
    held = {"factors": [{"key": "technology", "polarity": "-"}, {"key": "price_value", "polarity": "-"}]}
    decided(office, "correct", text=TEXT, held=held, abstained=(Withheld("stages.advocacy", 0.3),), sentiment=None)
    (one,) = ready([the_example(tmp_path)], encoders.from_bundle(toy.folder).tokenizer, rules, LAYOUT)
    targets = build_targets([one.example], [one.evidence], LAYOUT)
    factors, stages = TAXONOMY["factors"].keys, TAXONOMY["stages"].keys
    labels = targets["factors"].labels[0].tolist()
    assert [labels[factors.index(key)] for key in ("technology", "price_value", "courtesy", "resolution")] == [1, 1, 0, 0]
    assert targets["stages"].labels[0][stages.index("advocacy")] == UNKNOWN
    assert set(targets["sentiment"].labels[0].tolist()) == {UNKNOWN}
    marks = targets["factors"].evidence
    assert marks[:, factors.index("technology")].tolist() == [1, UNKNOWN, UNKNOWN]  # the first of three; the desk shows not every place
    assert set(marks[:, factors.index("price_value")].tolist()) == {UNKNOWN}


def test_a_transcript_is_read_with_its_turns_and_evidence_lies_in_them(
    office: Office, tmp_path: Path, toy: Toy, rules: RedactionRules
) -> None:
    decided(office)
    example = the_example(tmp_path)
    assert [(turn.speaker, turn.text) for turn in example.turns] == list(TALK)
    assert example.text == f"{TALK[0][1]}\n{TALK[2][1]}"
    moved = replace(example, targets={"flags": Labels({"churn_risk": None}, evidence={"churn_risk": ((0, 11, 2),)})})
    for wanted, one in ((0, example), (2, moved)):
        (made,) = ready([one], encoders.from_bundle(toy.folder).tokenizer, rules, LAYOUT)
        found = {part.turn for part, marks in zip(made.windowed.segments, made.evidence, strict=True) if marks.get("flags")}
        assert found == {wanted}


def test_what_a_transcript_needed_is_known_to_the_model_of_conversations(office: Office, tmp_path: Path) -> None:
    decided(office)
    decided(office, "dismiss")
    decided(office, text=TEXT)
    rows = _decided(Run(tmp_path, tmp_path, SETTINGS, TAXONOMY, decided=exported(tmp_path)))
    said = sorted((row["decision"], row["outcome"], row["needs_review"], row["reasons"]) for row in rows)
    assert said == [("confirm", "resolved", True, ["repeat_contact"]), ("dismiss", "resolved", False, [])]
    assert all("sentiment_end" not in row for row in rows)


def test_decisions_stand_beside_the_corpora(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = decided(office, text=TEXT)
    run = Run(tmp_path, tmp_path, SETTINGS, TAXONOMY, decided=exported(tmp_path))
    for name in ("read_extended", "read_conversations"):
        monkeypatch.setattr(f"training.recipe.{name}", lambda data: [])
    for name in ("read_written", "read_written_talks"):
        monkeypatch.setattr(f"training.recipe.{name}", list)
    monkeypatch.setattr("training.recipe.read_corpus", lambda name, data: [])
    monkeypatch.setattr(Run, "keep", lambda self, examples: list(examples))
    (found,) = codebook_examples(run, repeat={}, sentiment={})
    assert (found.id, found.weight) == (record, WEIGHTS["confirm"])
    assert own_hashes(run)["decided.jsonl"] == file_hash(tmp_path / "decided.jsonl")
    assert decided_examples(replace(run, decided=None)) == []


@pytest.fixture(scope="module")
def shipped(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the built-in taxonomy whose encoder is the toy's and whose heads know nothing."""
    encoder, folder = encoders.from_bundle(toy.folder), tmp_path_factory.mktemp("models") / "shipped-1"
    network = encoders.new_network(encoder, LAYOUT, toy_recipe(dropout=0.0, seed=1))
    known = {"factors": Labels({"technology": "-"}), "sentiment": OneOf(frozenset({"-1"})), "scope": OneOf(frozenset({"both"}))}
    texts = [Example(f"a-{number}", "toy", "the food was late", known) for number in range(4)]
    scores = score_sets(network, ready(texts, encoder.tokenizer, RedactionRules(), LAYOUT), LAYOUT.blocks)
    export_bundle(network, encoder.tokenizer, TAXONOMY, fit_calibration(scores, SETTINGS.calibration), None, PROVENANCE, folder)
    return folder


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that suit a network so small."""
    recipe = replace(SETTINGS.further.recipe, epochs=6, encoder_rate=1e-3, head_rate=3e-2, tokens=256, average=0.9)
    fast = SETTINGS.model_copy(update={"further": SETTINGS.further.model_copy(update={"recipe": recipe})})
    monkeypatch.setattr("training.__main__.load_training_settings", lambda: fast)


def train(data: Path, start: Path, models: Path, *more: str) -> int:
    given = ["--taxonomy", str(config_path("taxonomy.toml")), "--data", str(data), "--start", str(start), "--version", "mine-2"]
    return main(["--threads", "1", "train", *given, "--models", str(models), "--runs", str(models / "runs"), *more])


def price_score(bundle: Path) -> float:
    """What the network of a bundle says of the price of a text that speaks of it."""
    encoder = encoders.from_bundle(bundle)
    network = encoders.new_network(encoder, LAYOUT, toy_recipe(dropout=0.0, seed=1))
    encoders.take_heads(network, bundle)
    texts = ready([Example("new", "toy", PRICE, {})], encoder.tokenizer, RedactionRules(), LAYOUT)
    (found,) = score_sets(network, texts, [LAYOUT["factors"]])
    return float(found.scores[0][TAXONOMY["factors"].keys.index("price_value")])


def named_in_order(path: Path) -> Path:
    """The same export under ids that are no draw: which of them are kept out goes by their hash."""
    lines = [json.loads(line) | {"id": f"r-{number}"} for number, line in enumerate(path.read_text(encoding="utf-8").splitlines())]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


@pytest.mark.usefixtures("quickly")
def test_an_export_goes_on_from_a_bundle_and_its_corrections_are_learned(office: Office, tmp_path: Path, shipped: Path) -> None:
    held = {"factors": [{"key": "price_value", "polarity": "-"}], "scope": "service_complaint"}
    for _ in range(30):
        decided(office, "correct", text=PRICE, held=held)
    decided(office)
    out = named_in_order(exported(tmp_path))
    assert train(out, shipped, tmp_path / "models") == 0
    bundle, before = load_bundle(tmp_path / "models" / "mine-2", taxonomy=TAXONOMY), load_bundle(shipped)
    assert bundle.manifest.data == {"decided.jsonl": file_hash(out)} and bundle.manifest.recipe["start"] == "toy-1"
    assert (bundle.calibration, bundle.conversation) == (before.calibration, before.conversation)
    assert price_score(tmp_path / "models" / "mine-2") > price_score(shipped) + 1
    metrics: Mapping[str, Any] = json.loads((tmp_path / "models" / "mine-2" / "metrics.json").read_text())
    assert 0 < metrics["n"] < 31


@pytest.mark.usefixtures("quickly")
def test_too_few_decisions_are_refused(office: Office, tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(exported(tmp_path), shipped, tmp_path / "models") == 2
    assert "none of the label columns" in capsys.readouterr().err
    decided(office, text=TEXT)
    assert train(exported(tmp_path), shipped, tmp_path / "models") == 2
    assert "too few labelled texts" in capsys.readouterr().err and not (tmp_path / "models" / "mine-2").exists()


def test_decisions_beside_corpora_are_not_given_twice(tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.jsonl").write_text("{}", encoding="utf-8")
    assert train(tmp_path / "d.jsonl", shipped, tmp_path, "--decided", str(tmp_path / "d.jsonl")) == 2
    assert "--decided" in capsys.readouterr().err


@pytest.mark.parametrize("evidence", [{"factors": {"technology": [["a", 1, 2]]}}, {"factors": {"technology": 3}}, {"factors": [1]}])
def test_evidence_that_is_none_names_its_record(tmp_path: Path, evidence: Any) -> None:
    line = {"id": "r-1", "text": "It crashed.", "factors": "technology-", "evidence": evidence}
    (tmp_path / "t.jsonl").write_text(json.dumps(line), encoding="utf-8")
    with pytest.raises(InputError, match="record r-1: the evidence of factors"):
        read_labelled(tmp_path / "t.jsonl", TAXONOMY)


@pytest.mark.parametrize("withheld", [3, "resolution", [1]])
def test_what_was_withheld_and_is_no_list_names_its_record(tmp_path: Path, withheld: Any) -> None:
    line = {"id": "r-1", "text": "It crashed.", "factors": "technology-", "withheld": {"factors": withheld}}
    (tmp_path / "t.jsonl").write_text(json.dumps(line), encoding="utf-8")
    with pytest.raises(InputError, match="record r-1: what was withheld of factors"):
        read_labelled(tmp_path / "t.jsonl", TAXONOMY)
