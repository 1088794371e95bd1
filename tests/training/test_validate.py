"""Tests of the validation: the statistics by hand, maps that lead to our factors, nothing given reaches the model, and faults are said."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import MODEL, fake_analyser
from scipy.stats import spearmanr

from training.__main__ import main
from training.companies import COMPANIES, records_of, rows_of
from training.corpora import CORPORA
from training.validate import Judged, company_figures, spearman
from training.validation import page
from vocservice.records import Evidence, Factor, Label
from vocservice.reporting.columns import frame_of
from vocservice.reporting.rows import Row, Score
from vocservice.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
TEXT = "Comfortable chairs and poor food."


def test_the_rank_correlation_is_the_usual_one_with_an_interval_around_it() -> None:
    draw = np.random.default_rng(1)
    a = np.round(draw.normal(size=200), 1)
    b = np.round(a + draw.normal(size=200), 1)
    found = spearman(np.append(a, np.nan), np.append(b, 1.0))
    assert found["n"] == 200 and found["value"] == pytest.approx(spearmanr(a, b).statistic)
    assert found["low"] < found["value"] < found["high"]


@pytest.mark.parametrize(("a", "b"), [([1, 2, 3, 4], [1, 2, 3, 4]), ([1] * 9, list(range(9)))], ids=["four pairs", "no spread"])
def test_too_little_is_not_known(a: list[float], b: list[float]) -> None:
    assert spearman(np.array(a, float), np.array(b, float))["value"] is None


def test_every_name_of_theirs_means_factors_of_ours() -> None:
    for company in COMPANIES.values():
        assert {factor for factors in company.meant.values() for factor in factors} <= set(TAXONOMY["factors"].keys)


def lounge(number: int) -> dict[str, Any]:
    """A review that we made up: good chairs and bad food, or the other way round."""
    good = number % 2
    ratings = {"comfort_rating": 4.0 + good * 1.0, "catering_rating": 2.0 - good * 1.0, "staff_service_rating": None}
    day = f"2014-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    return {"id": f"lounge-{number}", "channel": "review", "text": TEXT, "overall": 8 - 3 * good, "created_at": day,
            "recommended": 1 - good, "airline": "north" if number % 3 else "south", "ratings": ratings}  # fmt: skip


def test_nothing_that_people_gave_reaches_the_model(tmp_path: Path) -> None:
    (tmp_path / "lounge.jsonl").write_text("")
    given = [lounge(number) for number in range(4)]
    assert list(records_of(COMPANIES["lounges"], given)) == [{"id": row["id"], "text": TEXT, "channel": "review"} for row in given]


def test_a_sample_is_the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [lounge(number) for number in range(50)]
    monkeypatch.setattr("training.companies.read_rows", lambda path: iter(rows))
    drawn = [[row["id"] for row in rows_of(COMPANIES["lounges"], tmp_path, most=10)] for _ in range(2)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 10


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    given = [lounge(number) for number in range(120)]
    company, evidence = COMPANIES["lounges"], (Evidence(0, len(TEXT), None, TEXT),)
    rows = []
    for number, row in enumerate(given):
        signs = ("+", "-") if number % 2 else ("~", "-")
        factors = tuple(Factor(key, sign, 0.9, evidence) for key, sign in zip(("environment", "product_quality"), signs, strict=True))
        given_beside = {"score": Score("csat", row["overall"], 10), "segments": {"recommended": str(row["recommended"])}}
        stages = (Label("use", 0.9, evidence),)
        rows.append(Row(id=row["id"], stages=stages, factors=factors, sentiment=number % 2 / 2, level=1, **given_beside))
    judged = Judged(company, tuple(rows), given, frame_of(rows, TAXONOMY), 0)
    return {"bundle": "m-1", "companies": {"lounges": company_figures(judged, frozenset({"lounge-0"}))}}


def test_polarity_is_compared_with_ratings_where_both_exist(figures: dict[str, Any]) -> None:
    found = figures["companies"]["lounges"]
    names = {one["name"]: one for one in found["names"]}
    assert names["comfort_rating"]["both"] == {"n": 120, "value": pytest.approx(1.0), "low": pytest.approx(1.0), "high": pytest.approx(1.0)}
    assert names["catering_rating"]["both"]["value"] is None and "staff_service_rating" not in names
    assert found["sentiment"]["all"]["value"] == pytest.approx(-1.0)
    assert (found["annotated"], found["sentiment"]["not annotated"]["n"]) == (1, 119)


def test_whether_they_recommend_is_explained_as_the_score_is(figures: dict[str, Any]) -> None:
    found = figures["companies"]["lounges"]["recommended"]
    assert (found["n"], found["share"], found["wrong"]) == (120, 0.5, {"clear": 1, "wrong": ["environment+"]})
    assert found["ours"].keys() == {"environment"} and sum(found["people"].values()) == pytest.approx(1.0, abs=1e-6)
    text = page(figures)
    assert "Of whether they recommend (50% do): R² 1.00, n = 120." in text
    assert "Of 1 factors with a clear effect on it 0 have the sign of their polarity." in text


def test_the_page_says_what_does_not_hold_with_its_n(figures: dict[str, Any]) -> None:
    text = page(figures)
    failed = text.partition("## What does not hold")[2].partition("## Records")[0]
    assert "catering_rating against `product_quality`: not known: n = 120" in failed
    assert "1.00 (1.00 to 1.00), n = 120" in text and TEXT not in text and TEXT not in json.dumps(figures)


def keep(data: Path, corpora: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Corpora that we made up, as files."""
    for name, rows in corpora.items():
        path = data / CORPORA[name].path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def test_the_command_labels_what_is_not_labelled_yet_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, {"lounge": [lounge(number) for number in range(60)], "train": [{"id": "lounge-1"}], "dev": [], "transcripts_dev": []})
    analyser, report = fake_analyser(), tmp_path / "validation.md"
    monkeypatch.setattr("training.validate.load", lambda bundle: analyser)
    arguments = ["--threads", "1", "validate", "--data", str(tmp_path), "--work", str(tmp_path), "--company", "lounges"]
    labelled = []
    for most in (20, 60, 40):
        assert main([*arguments, "--most", str(most), "--report", str(report)]) == 0
        found = json.loads(capsys.readouterr().out)["companies"]["lounges"]
        assert (found["records"], found["rejected"]) == (most, 0)
        labelled.append(len(analyser.pipeline.seen))  # type: ignore[attr-defined]
    assert labelled == [20, 80, 80]
    text = report.read_text(encoding="utf-8")
    assert text.startswith(f"# Validation of {MODEL} ") and "| Airport lounge reviews | `lounge` | 40 | 0 |" in text and TEXT not in text
