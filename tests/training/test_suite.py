"""The suite measures each data set on the texts that are meant for it, and on no other."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from training import suite
from training.corpora import CORPORA
from training.evaluate import Judged, judge
from training.examples import Example
from training.signs import CORPORA_OF_SET, kept_out
from training.splits import bucket
from training.suite import evaluate_bundle, sentiment_figures
from vocservice.inference.engine import Engine
from vocservice.taxonomy import Taxonomy

NUMBER = 100
LABELS: dict[str, Any] = {"sst5": {"label": 4}, "tweeteval": {"label": 2}, "airline": {"sentiment": "positive"}, "amazon": {"label": 1}}


def write(folder: Path, name: str, rows: Sequence[dict[str, Any]]) -> None:
    path = folder / CORPORA[name].path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A hundred positive texts a corpus; the first kept-out one of `airline` is a development text, one of `sst5_dev` neutral."""
    for corpora in CORPORA_OF_SET.values():
        for name in corpora:
            label = next(value for start, value in LABELS.items() if name.startswith(start))
            write(tmp_path, name, [{"id": f"{name}-{n}", "text": f"the food was good {n}"} | label for n in range(NUMBER)])
    neutral = {"id": f"sst5_dev-{kept('sst5_dev')[0]}", "text": "the food", "label": 2}
    write(
        tmp_path, "sst5_dev", [neutral, *({"id": f"sst5_dev-{n}", "text": "the food was good", "label": 4} for n in kept("sst5_dev")[1:])]
    )
    write(tmp_path, "dev", [{"id": f"airline-{kept('airline')[0]}", "text": "x"}])
    write(tmp_path, "train", [{"id": f"amazon_train-{kept('amazon_train')[0]}", "text": "x"} | ANNOTATED])
    write(tmp_path, "transcripts_dev", [])
    return tmp_path


ANNOTATED = {"stages": ["use"], "factors": {}, "sentiment": 0, "scope": "neither", "flags": []}


def kept(name: str) -> list[int]:
    """Numbers of the texts of a corpus that neither training nor calibration touches."""
    return [n for n in range(NUMBER) if bucket(f"{name}-{n}", 20) == 0]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    seen: set[str] = set()

    def watch(engine: Engine, examples: Sequence[Example]) -> list[Judged]:
        seen.update(example.id for example in examples)
        return judge(engine, examples)

    monkeypatch.setattr(suite, "judge", watch)
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)
    return seen


def test_public_sets_are_measured_on_kept_out_texts_without_development_annotated_or_neutral_ones(
    data: Path, engine: Engine, measured: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"airline-{kept('airline')[1]}"
    monkeypatch.setattr(suite, "read_extended", lambda data: [Example(own, "extended", "x", {})])
    found = sentiment_figures(engine, data)
    names = [name for corpora in CORPORA_OF_SET.values() for name in corpora]
    left = {f"airline-{kept('airline')[0]}", own, f"sst5_dev-{kept('sst5_dev')[0]}", f"amazon_train-{kept('amazon_train')[0]}"}
    assert measured == {f"{name}-{n}" for name in names for n in kept(name)} - left
    assert {name: figure["n"] for name, figure in found.items()} == {
        "sst": len(kept("sst5_train")) + len(kept("sst5_dev")) - 1,
        "sst_by_score": len(kept("sst5_train")) + len(kept("sst5_dev")) - 1,
        "tweeteval": len(kept("tweeteval_val")),
        "airline": len(kept("airline")) - 2,
        "amazon": len(kept("amazon_train")) - 1,
        "amazon_by_score": len(kept("amazon_train")) - 1,
    }
    assert all(0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1 for figure in found.values())


@pytest.mark.parametrize("name", [*CORPORA_OF_SET])
def test_what_calibrates_signs_is_kept_out_and_never_measured(data: Path, name: str) -> None:
    calibrating, measuring = ({e.id for e in kept_out(name, data, annotated=frozenset(), calibrating=half)} for half in (True, False))
    assert calibrating and measuring and not calibrating & measuring
    assert all(bucket(text, 10) == 0 for text in calibrating | measuring)


def test_all_parts_of_the_suite_are_there(
    data: Path, engine: Engine, measured: set[str], taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, more = [Example("d-1", "dev", "the food was good", {})], [Example(f"r-{n}", "e", "the crew was late", {}) for n in range(40)]
    real = suite.read_corpus
    monkeypatch.setattr(suite, "read_corpus", lambda name, data: dev if name == "dev" else real(name, data))
    monkeypatch.setattr(suite, "read_extended", lambda data: more)
    monkeypatch.setattr(suite, "read_everyday", lambda: [Example("everyday-1", "everyday", "the queue was short", {})])
    found = evaluate_bundle(engine, data, taxonomy)
    parts = {"dev", "fresh", "everyday", "crossed", "turns", "polarity", "evidence", "transcripts", "transcripts_crossed", "sentiment_sets"}
    assert set(found) == parts
    fresh = {f"r-{n}" for n in range(40) if bucket(f"r-{n}", 5) == 0}
    assert found["dev"]["n"] == found["everyday"]["n"] == 1 and found["fresh"]["n"] == len(fresh) > 0
    assert {i for i in measured if i.startswith(("r-", "d-"))} == fresh | {"d-1"}
    assert found["transcripts"] == found["transcripts_crossed"] == {"n": 0} and found["polarity"] == {}
