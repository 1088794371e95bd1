"""The report, the card and the metrics file say the same figures, each with its n and its interval."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from training.corpora import CORPORA, HELD_OUT
from training.report import RARE, TARGETS, dig, keep_earlier, write_custom_card, write_reports
from vocservice.inference.bundle import Manifest
from vocservice.taxonomy import load_taxonomy

MANIFEST = {
    "format": 1,
    "version": "9.9.9",
    "taxonomy": "voc/1.0.0",
    "base": "all-MiniLM-L6-v2",
    "width": 384,
    "max_window": 256,
    "created": "2024-05-06",
    "files": {},
    "data": {},
    "seed": 5,
    "recipe": {},
}


FIGURES = {
    "multi": ("micro_f1", "macro_f1", "with_polarity_micro_f1"),
    "single": ("accuracy", "macro_f1"),
    "ordinal": ("kappa", "within"),
}


def figure(value: float, n: int = 298) -> dict[str, Any]:
    return {"value": value, "low": round(value - 0.04, 3), "high": round(value + 0.03, 3), "n": n}


def bin_of(said: float, seen: float, n: int) -> dict[str, Any]:
    return {"said": said, "seen": seen, "n": n, "share": 0.5}


def of_set(keys: tuple[str, ...], kind: str, start: float) -> dict[str, Any]:
    labels = {key: figure(start + at / 1000) | {"n": at, "precision": 0.5, "recall": 0.25} for at, key in enumerate(keys)}
    out = {"labels": labels, "calibration_error": 0.0321, "reliability": [{"said": 0.15, "seen": 0.2, "n": 77, "share": 1.0}]}
    names = {
        "multi": ("micro_f1", "macro_f1", "with_polarity_micro_f1"),
        "single": ("accuracy", "macro_f1"),
        "ordinal": ("kappa", "within"),
    }
    return out | {name: figure(start + 0.1 * (at + 1)) for at, name in enumerate(names[kind])}


@pytest.fixture
def metrics() -> dict[str, Any]:
    def data(start: float, n: int) -> dict[str, Any]:
        sets = {s.name: of_set(s.keys, s.kind, start) for s in load_taxonomy().of("verbatim")}
        return {"n": n, "rejected": 0} | sets

    def judged(n: int, start: float, *names: str) -> dict[str, Any]:
        return {"n": n} | {name: figure(start + at / 10, 60) for at, name in enumerate(("f1", "precision", "recall", *names))}

    found = {"found_when_reading": {f"top_{at}": figure(0.2 + at / 10, 60) | {"best": 0.25 + at / 10} for at in range(3)}}
    review = judged(17, 0.61, "average_precision") | found
    return {
        "dev": data(0.5, 298),
        "fresh": data(0.4, 665),
        "everyday": data(0.3, 400),
        "evidence": {
            "n": 431,
            "touched": figure(0.93, 431),
            "character_precision": figure(0.66, 431),
            "character_recall": figure(0.68, 431),
            "whole_text_precision": 0.24,
        },
        "transcripts": {
            "n": 60,
            "needs_review": review,
            "outcome": {"macro_f1": figure(0.55, 60), "labels": {"pending": judged(8, 0.3)}},
            "sentiment_start": figure(0.8, 60),
            "sentiment_end": figure(0.7, 60),
            "calibration": {"needs_review": {"calibration_error": 0.0789, "reliability": [bin_of(0.95, 0.9, 41)]}},
            "reasons": {"abandoned": judged(9, 0.5, "average_precision") | found, "escalation": {"n": 0}},
        },
        "polarity": {"factors": {"n": 515, "calibration_error": 0.0213, "reliability": [bin_of(0.66, 0.7, 412)]}},
        "transcripts_crossed": {
            "n": 187,
            "calibration": {"outcome": {"calibration_error": 0.0456, "reliability": [bin_of(0.55, 0.5, 99)]}},
        },
        "sentiment_sets": {"sst": figure(0.9, 800), "amazon": figure(0.94, 774)},
    }


def written(metrics: dict[str, Any], folder: Path, **manifest: Any) -> tuple[str, str]:
    """The quality report and the card."""
    write_reports(metrics, Manifest(**(MANIFEST | manifest)), folder, folder / "quality.md")
    return (folder / "quality.md").read_text(encoding="utf-8"), (folder / "CARD.md").read_text(encoding="utf-8")


def rows(text: str, first: str) -> list[list[str]]:
    """Cells of the table rows that begin with a word."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith(f"| {first} |")]


def test_every_headline_figure_stands_beside_its_target_with_intervals(metrics: dict[str, Any], tmp_path: Path) -> None:
    for text in written(metrics, tmp_path):
        for name, path, target in TARGETS:
            row = rows(text, name)[0]
            assert row[1] == f"{target:.2f}"
            for cell, data in zip(row[2:], ("dev", "fresh", "everyday"), strict=True):
                value = dig(metrics[data], path)
                assert cell == f"{value['value']:.3f} ({value['low']:.2f}-{value['high']:.2f})"


def test_every_label_has_its_n_and_interval_on_both_sets(metrics: dict[str, Any], tmp_path: Path) -> None:
    quality, _ = written(metrics, tmp_path)
    for label_set in load_taxonomy().of("verbatim"):
        for at, key in enumerate(label_set.keys):
            found = rows(quality, f"`{key}`")
            assert len([row for row in found if len(row) == 5 and row[1] == str(at)]) >= 2
            shown = [row[4] for row in found if len(row) == 5 and row[1] == str(at)]
            assert all(re.fullmatch(r"0\.\d{3} \(0\.\d\d-0\.\d\d\)", cell) for cell in shown) if at else "not known: n = 0" in shown
    assert "(n = 298)" in quality and "(n = 665)" in quality


def test_a_label_with_polarity_has_its_figure_with_the_right_one_beside(metrics: dict[str, Any], tmp_path: Path) -> None:
    for label in metrics["dev"]["factors"]["labels"].values():
        label["with_polarity"] = figure(0.321) | {"n": label["n"], "precision": 0.3, "recall": 0.2}
    metrics["dev"]["stages"]["main_accuracy"] = figure(0.86, 271)
    quality, card = written(metrics, tmp_path)
    for text in (quality, card):
        assert any(row[-1] == "0.321 (0.28-0.35)" and len(row) == 6 for row in rows(text, "`technology`"))
        assert "0.860 (0.82-0.89) of the 271 texts" in text


def test_single_turns_are_shown_where_they_were_measured(metrics: dict[str, Any], tmp_path: Path) -> None:
    sets = {s.name: of_set(s.keys, s.kind, 0.5) | {"accuracy": figure(0.61, 80)} for s in load_taxonomy().of("verbatim")}
    quality, _ = written(metrics | {"turns": {"n": 80, "conversations": 25} | sets}, tmp_path)
    assert "80 customer turns of 25 conversations" in quality
    assert "| factor with polarity micro-F1 | 120 | 0.800 (0.76-0.83) |" in quality
    assert "| sentiment, exact level | 10 | 0.610 (0.57-0.64) |" in quality
    assert "Single turns" not in written(metrics, tmp_path)[0]


def test_calibration_evidence_transcripts_and_public_sets_are_shown(metrics: dict[str, Any], tmp_path: Path) -> None:
    quality, _ = written(metrics, tmp_path)
    assert quality.count("expected calibration error 0.032") == 5
    assert rows(quality, "0.15") == [["0.15", "0.20", "77"]] * 5
    for title, row in (
        ("polarity of factors: expected calibration error 0.021", ["0.66", "0.70", "412"]),
        ("needs_review, dev (n = 60): expected calibration error 0.079", ["0.95", "0.90", "41"]),
        ("outcome, cross-validated (n = 187): expected calibration error 0.046", ["0.55", "0.50", "99"]),
    ):
        assert f"### {title}" in quality and rows(quality, row[0]) == [row]
    assert "Over the 515 labels that are annotated" in quality
    assert rows(quality, "touches the annotated span")[0][1:] == ["0.90", "0.930 (0.89-0.96)"]
    assert "n = 431 labels. Whole-text spans would have precision 0.24" in quality
    assert "n = 60 real conversations, 17 of which need review" in quality
    assert rows(quality, "needs_review precision") == [["needs_review precision", "-", "0.710 (0.67-0.74)"]]
    assert rows(quality, "needs_review average precision") == [["needs_review average precision", "0.85", "0.910 (0.87-0.94)"]]
    assert rows(quality, "`pending`") == [["`pending`", "8", "0.400 (0.36-0.43)", "0.500 (0.46-0.53)", "0.300 (0.26-0.33)"]]
    scores = ["0.600 (0.56-0.63)", "0.700 (0.66-0.73)", "0.500 (0.46-0.53)", "0.800 (0.76-0.83)"]
    found = ["0.200 (0.16-0.23) / 0.25", "0.300 (0.26-0.33) / 0.35", "0.400 (0.36-0.43) / 0.45"]
    assert rows(quality, "`abandoned`")[-2:] == [["`abandoned`", "9", *scores], ["`abandoned`", "9", *found]]
    assert rows(quality, "`needs_review`") == [["`needs_review`", "17", *found]]
    assert rows(quality, "`escalation`")[-1] == ["`escalation`", "0", *["not known: n = 0"] * 3]
    assert rows(quality, "sst")[0][-1] == "0.900 (0.86-0.93), n = 800"


def test_rare_labels_are_shown_by_cross_validation_where_it_was_measured(metrics: dict[str, Any], tmp_path: Path) -> None:
    quality, _ = written(metrics | {"crossed": metrics["fresh"] | {"n": 1222}}, tmp_path)
    part = quality[quality.index("## Per label, by cross-validation (n = 1222)") : quality.index("## Calibration (fresh)")]
    assert rows(part, "`awareness`") and rows(part, "`escalation`") and "### sentiment" not in part
    assert "## Per label, by cross-validation" not in written(metrics | {"crossed": {"n": 0}}, tmp_path)[0]


def test_rare_labels_stand_in_one_place_with_n_and_interval_by_data_set(metrics: dict[str, Any], tmp_path: Path) -> None:
    crossed = metrics["fresh"] | {"n": 1222, "stages": of_set(load_taxonomy()["stages"].keys, "multi", 0.7)}
    quality, card = written(metrics | {"crossed": crossed}, tmp_path)
    part = quality[quality.index("## Rare labels") : quality.index("## Per label, dev")]
    assert "dev (n = 298 texts) | fresh (n = 665 texts) | cross-validated (n = 1222 texts)" in part
    assert rows(part, "`stages.awareness`")[0][1:] == ["not known: n = 0"] * 3
    shown = ["0.501 (0.46-0.53), n = 1", "0.401 (0.36-0.43), n = 1", "0.701 (0.66-0.73), n = 1"]
    assert rows(part, "`stages.discovery`")[0][1:] == shown
    assert set(RARE) >= {"stages.awareness", "factors.self_service", "factors.emotional_connection", "flags.safety_fraud"}
    assert all(rows(part, f"`{label}`") for label in RARE) and all(f"`{label}`" in card for label in RARE)
    assert rows(part, "stage macro-F1")[0][1:] == ["0.700 (0.66-0.73)", "0.600 (0.56-0.63)", "0.900 (0.86-0.93)"]
    assert rows(written(metrics, tmp_path)[0], "`stages.discovery`")[0][3] == "-"


def test_another_bundle_is_shown_beside_with_the_comparison(metrics: dict[str, Any], tmp_path: Path) -> None:
    told = [{"figure": "flags", "this": 0.81, "other": 0.833}, {"figure": "scope", "this": 0.7, "other": None}]
    against: dict[str, Any] = {"other": "old-1", "rows": told, "behind": ["flags"], "unknown": ["scope"]}
    quality, _ = written(metrics | {"against": against}, tmp_path)
    assert "on every headline figure: no, behind on flags; not known of scope." in quality
    assert rows(quality, "flags") == [["flags", "0.810", "0.833", "-0.023"]] and rows(quality, "scope") == [["scope", "0.700", "-", "-"]]
    fine = written(metrics | {"against": against | {"behind": [], "unknown": []}}, tmp_path)[0]
    assert "on every headline figure: yes." in fine and "## Against" not in written(metrics, tmp_path)[0]


@pytest.mark.parametrize("commercial", [False, True])
def test_the_card_of_another_taxonomy_says_what_its_encoder_learned_from(metrics: dict[str, Any], tmp_path: Path, commercial: bool) -> None:
    manifest = Manifest(**(MANIFEST | {"recipe": {"start": "base-1", "without_non_commercial": commercial}}))
    write_custom_card({"n": 3}, manifest, tmp_path)
    card = (tmp_path / "CARD.md").read_text(encoding="utf-8")
    assert ("holds no corpus whose licence forbids" in card, "non-commercial use only" in card) == (commercial, not commercial)


def test_a_bundle_without_a_conversation_model_says_so(metrics: dict[str, Any], tmp_path: Path) -> None:
    quality, _ = written(metrics | {"transcripts": {"n": 0}}, tmp_path)
    assert "No conversation model" in quality and "## Calibration of conversations" not in quality


def test_baselines_stand_beside_the_bundle_and_what_they_lack_is_a_dash(metrics: dict[str, Any], tmp_path: Path) -> None:
    words = {"stages": {"micro_f1": figure(0.31)}, "scope": {"labels": {"service_complaint": figure(0.42)}}}
    quality, _ = written(metrics | {"baselines": {"words": words, "lexicon": {"sentiment": {"kappa": figure(0.33)}}}}, tmp_path)
    table = quality[quality.index("## Against simple baselines") :]
    assert rows(table, "stage micro-F1") == [["stage micro-F1", "0.31", "-", "0.60"]]
    assert rows(table, "scope service complaint F1")[0][1:3] == ["0.42", "-"]
    assert rows(table, "sentiment quadratic kappa")[0][1:3] == ["-", "0.33"]
    head = next(line for line in table.splitlines() if line.startswith("| figure |"))
    rule = next(line for line in table.splitlines() if line.startswith("|---"))
    assert head.count("|") == rule.count("|") == 5


def test_other_taxonomies_and_timings_are_shown_when_measured(metrics: dict[str, Any], tmp_path: Path) -> None:
    labels = {"topics": {"bread": figure(0.77) | {"n": 12, "precision": 0.7, "recall": 0.8}}}
    custom = {"FABSA": {"note": "Own split.", "figures": {"micro-F1": figure(0.81), "pairs, macro-F1": 0.593}, "labels": labels}}
    runs = [{"input": "reviews", "records": 100, "rejected": 2, "seconds": 4.0}]
    quality, _ = written(metrics | {"custom": custom, "timings": {"machine": "Two cores.", "runs": runs}}, tmp_path)
    assert rows(quality, "micro-F1") == [["micro-F1", "0.810 (0.77-0.84)"]]
    assert rows(quality, "pairs, macro-F1") == [["pairs, macro-F1", "0.593"]]
    assert rows(quality, "`bread`") == [["`bread`", "12", "0.70", "0.80", "0.770 (0.73-0.80)"]]
    assert rows(quality, "reviews") == [["reviews", "100", "2", "4.0", "25"]]
    plain, _ = written(metrics, tmp_path)
    assert "Timings" not in plain and "Other taxonomies" not in plain


@pytest.mark.parametrize("commercial", [False, True])
def test_the_card_lists_the_licences_of_what_it_was_trained_on(metrics: dict[str, Any], tmp_path: Path, commercial: bool) -> None:
    _, card = written(metrics, tmp_path, recipe={"without_non_commercial": commercial}, data={"extended": "0" * 64})
    listed = dict(re.findall(r"^\| ([\w/]+\.jsonl\.gz) \| (.*) \|$", card, re.M))
    assert listed == {
        corpus.path: corpus.allowed if commercial and corpus.allowed else corpus.licence
        for name, corpus in CORPORA.items()
        if name not in HELD_OUT and not (commercial and corpus.non_commercial)
    }
    assert ("non-commercial use only" in card) is not commercial
    assert ("holds no corpus whose licence forbids" in card, "CC BY-NC" in card) == (commercial, not commercial)
    assert ("votes was of teachers" in card) is commercial


def test_the_card_names_version_seed_annotators_and_limits(metrics: dict[str, Any], tmp_path: Path) -> None:
    _, card = written(metrics, tmp_path)
    for told in (
        "# Model card: 9.9.9",
        "voc/1.0.0",
        "Created 2024-05-06, seed 5",
        "large language model",
        "not by a panel of people",
        "English only",
        "never below a probability of 0.2.",
        "From 60% of its threshold on it is listed in `abstained`.",
    ):
        assert told in card


def test_the_card_names_the_annotations_and_texts_of_our_own(metrics: dict[str, Any], tmp_path: Path) -> None:
    _, card = written(metrics, tmp_path, data={"extended": "0" * 64, "written": "0" * 64})
    named = {name: f"`training/annotations/{name}.jsonl.gz`" in card for name in ("extended", "written", "transcripts")}
    assert named == {"extended": True, "written": True, "transcripts": False}


def test_metrics_are_written_as_they_are(metrics: dict[str, Any], tmp_path: Path) -> None:
    written(metrics, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == metrics


def test_figures_of_earlier_runs_stay(metrics: dict[str, Any], tmp_path: Path) -> None:
    assert keep_earlier(metrics, tmp_path) == metrics
    written(metrics | {"timings": {"machine": "m", "runs": []}, "custom": {}, "old": 1}, tmp_path)
    kept = keep_earlier({"dev": 1, "custom": {"new": 2}}, tmp_path)
    assert kept == {"dev": 1, "custom": {"new": 2}, "timings": {"machine": "m", "runs": []}}
