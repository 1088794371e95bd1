"""Another company's taxonomy from a table of its own to a bundle that is served, by the command line and step by step."""

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from toys import SIGN, Toy, sentences

from training.__main__ import main
from training.corpora import CORPORA, file_hash
from training.custom import TABLES, corpus_table, read_labelled, shown_figures
from training.examples import Example, Labels, OneOf, Target
from training.settings import load_training_settings
from training.splits import split_tenths
from vocservice.errors import InputError
from vocservice.inference.bundle import load_bundle
from vocservice.inference.engine import Engine
from vocservice.paths import config_path
from vocservice.pipeline import Pipeline
from vocservice.records import Analysis, Factor, RawVerbatim
from vocservice.taxonomy import Taxonomy, load_taxonomy
from vocservice.text.redact import RedactionRules

TOML = """
name = "cafe"
version = "2.1"
[topics]
kind = "multi"
polarities = ["+", "-"]
labels = [{key = "food", label = "Food", definition = "what is eaten"}, {key = "price", label = "Price", definition = "what is paid"},
          {key = "crew", label = "Crew", definition = "who serves"}]
[mood]
kind = "ordinal"
labels = [{key = "low", label = "Low", definition = "bad"}, {key = "mid", label = "Mid", definition = "neither"},
          {key = "high", label = "High", definition = "good"}]
[ask]
kind = "single"
labels = [{key = "yes", label = "Yes", definition = "wants something"}, {key = "no", label = "No", definition = "wants nothing"}]
"""


@pytest.fixture(scope="module")
def cafe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cafe") / "cafe.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table(cafe: Path) -> Path:
    path = cafe.parent / "answers.csv"
    rows = [_row(example, number) for number, example in enumerate(sentences(240, seed=21))]
    write(path, ["id", "comment", "topics", "mood", "ask"], rows)
    return path


def _row(example: Example, number: int) -> list[str]:
    factors = example.targets["factors"]
    assert isinstance(factors, Labels)
    total = sum(1 if sign == "+" else -1 for sign in factors.given.values())
    topics = "|".join(f"{key}{sign}" for key, sign in factors.given.items())
    return [example.id, example.text, topics, ("low", "mid", "high")[(total > 0) - (total < 0) + 1], "?" if number % 4 else "no"]


def write(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([head, *rows])
    return path


def train(table: Path, cafe: Path, toy: Toy, models: Path, runs: Path) -> int:
    """`train --taxonomy` from the table, starting from the toy encoder, at rates that suit one so small."""
    settings = load_training_settings()
    recipe = replace(settings.custom.recipe, encoder_rate=1e-3, head_rate=1e-2, tokens=256, average=0.9)
    fast = settings.model_copy(update={"custom": settings.custom.model_copy(update={"recipe": recipe})})
    arguments = ["--data", str(table), "--version", "cafe-1", "--taxonomy", str(cafe), "--start", str(toy.folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.__main__.load_training_settings", lambda: fast)
        return main(["--threads", "1", "train", *arguments, "--runs", str(runs), "--models", str(models)])


@pytest.fixture(scope="module")
def trained(toy: Toy, cafe: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained bundle; its run lies beside it."""
    models = tmp_path_factory.mktemp("models")
    assert train(table, cafe, toy, models, models / "runs") == 0
    return models / "cafe-1"


def test_the_bundle_holds_the_companys_taxonomy_and_says_what_it_was_trained_on(trained: Path, cafe: Path, table: Path) -> None:
    bundle = load_bundle(trained, taxonomy=load_taxonomy(cafe))
    assert (bundle.taxonomy.id, bundle.manifest.version, bundle.conversation) == ("cafe/2.1", "cafe-1", None)
    assert bundle.manifest.data == {"answers.csv": file_hash(table)}


def test_it_serves_the_companys_labels_with_evidence(trained: Path) -> None:
    pipeline = Pipeline(Engine(load_bundle(trained), threads=1), redaction=RedactionRules())
    texts = [f"the {thing} was very {judged}" for thing in ("food", "price", "crew") for judged in sorted(SIGN)]
    results = list(pipeline.analyse(RawVerbatim(text, text) for text in texts))
    right = 0
    for text, result in zip(texts, results, strict=True):
        assert isinstance(result, Analysis)
        assert (result.stages, result.factors, result.scope, result.sentiment) == ((), (), None, None)
        assert {"topics", "mood", "ask"} >= set(result.labels)
        for given in result.labels["topics"]:
            assert isinstance(given, Factor) and given.evidence
            assert all(text[piece.start : piece.end] == piece.text for piece in given.evidence)
        _, thing, _, _, judged = text.split()
        right += [(given.key, given.polarity) for given in result.labels["topics"]] == [(thing, SIGN[judged])]  # type: ignore[union-attr]
    assert right >= 9


def test_metrics_are_of_the_rows_that_training_kept_out(trained: Path, cafe: Path, table: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    fresh = split_tenths(read_labelled(table, load_taxonomy(cafe))).fresh
    assert metrics["n"] == len(fresh) > 10
    assert metrics["topics"]["micro_f1"]["value"] > 0.8
    assert metrics["topics"]["micro_f1"]["n"] == len(fresh)
    assert metrics["mood"]["kappa"]["value"] > 0.6
    assert metrics["ask"]["accuracy"]["n"] == sum("ask" in example.targets for example in fresh) < len(fresh)


@pytest.mark.parametrize("every", [False, True])
def test_evaluate_prints_the_figures_as_json(
    trained: Path, cafe: Path, table: Path, capsys: pytest.CaptureFixture[str], every: bool
) -> None:
    before = (trained / "metrics.json").read_bytes()
    chosen = ["--all-rows"] if every else []
    assert main(["--threads", "1", "evaluate", "--data", str(table), "--bundle", str(trained), "--taxonomy", str(cafe), *chosen]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n"] == (240 if every else json.loads(before)["n"])
    assert (trained / "metrics.json").read_bytes() == before


def test_its_figures_go_into_a_report(trained: Path, cafe: Path, tmp_path: Path) -> None:
    title, shown = shown_figures(trained)
    metrics = json.loads((trained / "metrics.json").read_bytes())
    assert title == load_taxonomy(cafe).id and f"on the {metrics['n']} texts" in shown["note"]
    name = next(name for name, values in metrics.items() if isinstance(values, dict) and "micro_f1" in values)
    assert shown["figures"][f"{name}, micro-F1"] == metrics[name]["micro_f1"]
    assert shown["labels"][name] == metrics[name]["labels"]
    assert ", from toy-1," in shown["note"]
    card = (trained / "CARD.md").read_text(encoding="utf-8")
    assert "from the encoder of toy-1" in card and "answers.csv" in card and "non-commercial use only" in card
    assert all(f"| `{key}` |" in card for values in shown["labels"].values() for key in values)
    with pytest.raises(InputError, match="train --taxonomy"):
        shown_figures(tmp_path)


def test_a_bundle_of_another_taxonomy_is_not_evaluated(toy: Toy, cafe: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--data", str(table), "--bundle", str(toy.folder), "--taxonomy", str(cafe)]) == 2
    assert "error [bundle_invalid]" in capsys.readouterr().err


def test_training_again_takes_up_the_checkpoint_and_gives_the_same_bundle(
    trained: Path, toy: Toy, cafe: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.optim.AdamW.step", lambda *_, **__: pytest.fail("trained again"))
    assert train(table, cafe, toy, tmp_path, trained.parent / "runs") == 0
    first, second = (load_bundle(folder / "cafe-1").manifest.files for folder in (trained.parent, tmp_path))
    assert first == second


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"topics": "food+|crew-"}, {"topics": Labels({"food": "+", "crew": "-"})}),
        ({"topics": " food+ | crew- "}, {"topics": Labels({"food": "+", "crew": "-"})}),
        ({"topics": "", "mood": "low"}, {"topics": Labels({}), "mood": OneOf(frozenset({"low"}))}),
        ({"topics": "?", "mood": "low"}, {"mood": OneOf(frozenset({"low"}))}),
        ({"mood": "", "ask": "yes"}, {"ask": OneOf(frozenset({"yes"}))}),
        ({"mood": "low|mid", "ask": "?"}, {"mood": OneOf(frozenset({"low", "mid"}))}),
    ],
    ids=["two", "spaces", "empty multi is none", "question mark is unknown", "empty single is unknown", "several levels allowed"],
)
def test_cells_say_what_is_known(cafe: Path, tmp_path: Path, cells: dict[str, str], expected: dict[str, Target]) -> None:
    path = write(tmp_path / "t.csv", ["id", "text", *cells], [["r-1", "good food", *cells.values()]])
    (example,) = read_labelled(path, load_taxonomy(cafe))
    assert (example.id, example.text, dict(example.targets)) == ("r-1", "good food", expected)


def test_question_and_channel_are_read_and_rows_without_text_left_out(cafe: Path, tmp_path: Path) -> None:
    head = ["id", "text", "question", "channel", "mood"]
    path = write(tmp_path / "t.csv", head, [["r-1", "good", "And why?", "survey", "low"], ["r-2", "", "", "", "low"]])
    (example,) = read_labelled(path, load_taxonomy(cafe))
    assert (example.question, example.channel) == ("And why?", "survey")


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("topics", "food", "record r-1: a label of topics lacks its polarity"),
        ("topics", "tea+", "record r-1: topics has a label that the taxonomy does not know"),
        ("topics", "food+|food-", "record r-1: a label of topics has two polarities"),
        ("mood", "medium", "record r-1: mood has a label that the taxonomy does not know"),
        ("other", "food+", "none of the label columns topics, mood, ask"),
    ],
)
def test_a_wrong_cell_names_its_record_and_not_the_words(cafe: Path, tmp_path: Path, column: str, cell: str, told: str) -> None:
    path = write(tmp_path / "t.csv", ["id", "text", column], [["r-1", "good food", cell]])
    with pytest.raises(InputError, match=told) as caught:
        read_labelled(path, load_taxonomy(cafe))
    assert "good food" not in caught.value.message


def test_too_few_texts_are_refused_before_anything_is_fitted(
    cafe: Path, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write(tmp_path / "t.csv", ["id", "text", "topics"], [["r-1", "good food", "food+"]])
    assert train(few, cafe, toy, tmp_path / "models", tmp_path / "runs") == 2
    assert "has too few labelled texts" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_start_that_is_not_there_is_refused(cafe: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--data", str(table), "--version", "x", "--taxonomy", str(cafe), "--start", str(tmp_path / "none")]
    assert main([*arguments, "--runs", str(tmp_path / "runs")]) == 2
    assert "does not exist" in capsys.readouterr().err


CORPUS_ROWS = {
    "fabsa": [
        {"id": "fabsa-1", "text": 'say "hi", all', "labels": ["value.price-value-for-money.-1", "unknown.aspect.1"]},
        {"id": "fabsa-2", "text": "two\nlines", "labels": []},
    ],
    "nhs": [
        {"id": "nhs-1", "text": "plain", "question": "Why?", "labels": ["Staff manner & personal attributes"], "sentiment": 5},
        {"id": "nhs-2", "text": "other", "labels": [], "sentiment": None},
    ],
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fabsa", [{"aspects": Labels({"value_price_value_for_money": "-"})}, {"aspects": Labels({})}]),
        (
            "nhs",
            [
                {"themes": Labels({"staff_manner_personal_attributes": None}), "sentiment": OneOf(frozenset({"-2"}))},
                {"themes": Labels({})},
            ],
        ),
    ],
)
def test_a_corpus_written_as_a_table_reads_back_the_same(tmp_path: Path, name: str, expected: list[dict[str, Target]]) -> None:
    (tmp_path / CORPORA[name].path).write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, CORPUS_ROWS[name]))))
    out = tmp_path / "out.csv"
    assert main(["table", name, "--data", str(tmp_path), "--out", str(out)]) == 0
    file, _ = TABLES[name]
    examples = read_labelled(out, load_taxonomy(config_path("taxonomies", file)))
    assert [dict(example.targets) for example in examples] == expected
    assert [example.text for example in examples] == [row["text"] for row in CORPUS_ROWS[name]]
    assert [example.question for example in examples] == [row.get("question") for row in CORPUS_ROWS[name]]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_worked_example_has_a_valid_taxonomy_of_its_columns(name: str) -> None:
    file, columns = TABLES[name]
    taxonomy: Taxonomy = load_taxonomy(config_path("taxonomies", file))
    assert {label_set.name for label_set in taxonomy.of("verbatim")} == set(columns)


def test_the_real_corpora_use_only_labels_of_the_worked_examples_or_rare_ones(corpora: Path, tmp_path: Path) -> None:
    file, columns = TABLES["fabsa"]
    taxonomy = load_taxonomy(config_path("taxonomies", file))
    out = tmp_path / "fabsa.csv"
    assert corpus_table("fabsa", corpora, taxonomy, columns, out) > 8000
    given = {key for e in read_labelled(out, taxonomy) if isinstance(t := e.targets["aspects"], Labels) for key in t.given}
    assert given == set(taxonomy["aspects"].keys)


def test_json_lines_of_the_desk_are_read_with_their_labels_and_a_transcript_by_its_customer(tmp_path: Path) -> None:
    said = (("customer", "It crashed."), ("agent", "Sorry."), ("customer", "Again!"))
    turns = [{"speaker": speaker, "text": text} for speaker, text in said]
    lines = [
        {"id": "a", "text": "Lovely staff.", "stages": "use", "factors": "courtesy+", "scope": "", "sentiment": "1", "flags": ""},
        {"id": "b", "text": "It crashed.\nSorry.\nAgain!", "turns": turns, "stages": "", "factors": "technology-", "scope": "both"},
        {"id": "of an agent alone", "turns": [{"speaker": "agent", "text": "Hello?"}], "scope": "both"},
    ]
    path = tmp_path / "decided.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    first, second = read_labelled(path, load_taxonomy())
    assert (first.text, second.text) == ("Lovely staff.", "It crashed.\nAgain!")
    assert "scope" not in first.targets and {"stages", "factors", "flags", "sentiment"} <= set(first.targets)
    assert {"stages", "factors", "scope"} <= set(second.targets)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_labelled(path, load_taxonomy())
