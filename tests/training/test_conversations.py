"""The conversation model learns outcome, review and reasons from scored dialogues, and stays sane where examples are few."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from toys import Toy

from training.conversations import Heard, _fit, dialogue_features, fit_conversations, hear, to_raw
from training.corpora import CORPORA, HELD_OUT
from training.run import Run
from training.settings import load_training_settings
from training.transcripts import crossed_calibration, transcript_figures
from vocservice.assemble import dialogue_of
from vocservice.inference.conversation import FEATURES, ConversationModel, Dialogue, Logistic
from vocservice.inference.engine import Engine
from vocservice.pipeline import prepare
from vocservice.records import RawTurn
from vocservice.taxonomy import load_taxonomy
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of

HOW = load_training_settings().conversations


def talk(number: int, *, solved: bool, prefix: str = "syn") -> dict[str, Any]:
    """A solved talk ends on thanks, another one on a customer who still waits."""
    end = ("Thanks, that is sorted.", "You are welcome.") if solved else ("We will look into it.", "Still no answer, ridiculous!")
    turns = [("customer", "My refund was late."), ("agent", "Hello, sorry about that.")]
    turns += [("customer", end[0]), ("agent", end[1])] if solved else [("agent", end[0]), ("customer", end[1])]
    return {
        "id": f"{prefix}-{number}",
        "turns": [{"speaker": speaker, "text": text} for speaker, text in turns],
        "outcome": "resolved" if solved else "unresolved",
        "needs_review": not solved,
        "reasons": [] if solved else ["unresolved_anger", "abandoned"],
        "sentiment_start": -1,
        "sentiment_end": 1 if solved else -2,
    }


def dialogue(row: dict[str, Any], engine: Engine) -> Dialogue:
    """As the service would read it."""
    verbatim = prepare(to_raw(row), redaction=RedactionRules())
    return dialogue_of(verbatim, engine.score([verbatim], [segments_of(verbatim)])[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("data")
    rows = [talk(number, solved=number % 2 == 0) for number in range(24)]
    single = talk(90, solved=True) | {"turns": [{"speaker": "customer", "text": "Hello there?"}]}
    named = [talk(number, solved=number % 2 == 0, prefix="twcs") for number in range(8)]
    held_out = talk(91, solved=True)
    contents = {"transcripts_written": [*rows, single, held_out], "transcripts_train": named} | dict.fromkeys(HELD_OUT, [held_out])
    for name, content in contents.items():
        path = folder / CORPORA[name].path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, content))))
    further = [talk(number, solved=number % 2 == 0, prefix="care") for number in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.conversations.read_conversations", lambda data: further)
        patch.setattr("training.conversations.read_written_talks", list)
        yield Run(folder, folder, load_training_settings(), load_taxonomy())


@pytest.fixture(scope="module")
def model(run: Run, toy: Toy) -> ConversationModel:
    return fit_conversations(run, toy.folder)


def test_outcome_review_and_reasons_are_learnt(model: ConversationModel, engine: Engine) -> None:
    good, bad = (model.judge(dialogue(talk(0, solved=solved), engine)) for solved in (True, False))
    assert good.outcomes["resolved"] > 0.4 > good.outcomes["unresolved"]
    assert bad.outcomes["unresolved"] > 0.4 > bad.outcomes["resolved"]
    assert (good.outcome, bad.outcome) == ("resolved", "unresolved") and good.sentiment_end > bad.sentiment_end
    assert (good.needs_review, bad.needs_review) == (False, True)
    assert good.reasons == {} and {"unresolved_anger", "abandoned"} <= set(bad.reasons)
    assert "agent_conduct" not in bad.reasons  # of which there was no example
    assert sum(bad.outcomes.values()) == pytest.approx(1)


def test_the_model_holds_every_class_of_the_taxonomy(run: Run, model: ConversationModel) -> None:
    assert tuple(model.outcome) == tuple(model.favour) == run.taxonomy["outcome"].keys
    assert tuple(model.reasons) == run.taxonomy["reasons"].keys
    assert model.features == FEATURES and len(model.mean) == len(model.scale) == len(FEATURES)
    assert min(model.scale) > 0


@pytest.mark.parametrize(("commercial", "expected"), [(False, 36), (True, 28)])
def test_single_messages_and_held_out_ones_are_left_out_and_so_is_what_the_licence_forbids(
    run: Run, toy: Toy, monkeypatch: pytest.MonkeyPatch, commercial: bool, expected: int
) -> None:
    seen: list[str] = []

    def watch(heard: Sequence[Heard]) -> np.ndarray:
        seen.extend(one.row["id"] for one in heard)
        return dialogue_features(heard)

    monkeypatch.setattr("training.conversations.dialogue_features", watch)
    monkeypatch.setattr("training.conversations._fit", lambda *_: Logistic(weights=(0.0,) * len(FEATURES), bias=0.0))
    fit_conversations(replace(run, commercial=commercial), toy.folder)
    assert len(seen) == expected and "syn-90" not in seen and "syn-91" not in seen
    assert any(name.startswith("twcs") for name in seen) is not commercial and "care-3" in seen


def test_a_transcript_that_the_service_rejects_is_left_out(engine: Engine) -> None:
    words = ("Guten Tag, mein Paket ist leider immer noch nicht angekommen und niemand antwortet mir.", "Wir kümmern uns darum.")
    foreign = {"id": "syn-91", "turns": [{"speaker": who, "text": text} for who, text in zip(("customer", "agent"), words, strict=True)]}
    assert [one.row["id"] for one in hear([talk(0, solved=True), foreign, talk(1, solved=False)], engine)] == ["syn-0", "syn-1"]


def test_features_come_from_the_serving_steps(engine: Engine) -> None:
    made = dialogue_features(hear([talk(0, solved=True), talk(1, solved=False)], engine))
    assert made.shape == (2, len(FEATURES)) and np.isfinite(made).all()
    names = dict(zip(FEATURES, made.T, strict=True))
    assert names["end_thanks"].tolist() == [1, 0] and names["end_still"].tolist() == [0, 1]
    assert names["customer_last"].tolist() == [0, 1]
    assert names["start"].min() >= -1 and names["start"][0] == pytest.approx(names["start"][1], abs=0.01)


@pytest.mark.parametrize("positives", [0, 1, 2])
def test_too_few_examples_give_their_rate_and_never_the_label(positives: int) -> None:
    wanted = np.zeros(40, bool)
    wanted[:positives] = True
    fitted = _fit(np.random.default_rng(0).normal(size=(40, 3)), wanted, np.ones(40), HOW)
    assert fitted.weights == (0.0, 0.0, 0.0)
    assert fitted.probability(np.array([9.0, 9, 9])) == pytest.approx((positives + 0.5) / 41)
    assert fitted.probability(np.zeros(3)) < fitted.threshold


def test_thresholds_are_fitted_within_bounds() -> None:
    random = np.random.default_rng(0)
    wanted = random.random(200) < 0.15
    matrix = np.c_[wanted + random.normal(0, 0.5, 200), random.normal(size=200)]
    fitted = _fit(matrix, wanted, np.ones(200), HOW)
    assert 0.15 <= fitted.threshold <= 0.7
    given = np.array([fitted.probability(row) >= fitted.threshold for row in matrix])
    assert 2 * (given & wanted).sum() / (given.sum() + wanted.sum()) > 0.7


def test_a_row_becomes_what_a_sender_would_send() -> None:
    raw = to_raw(talk(3, solved=True) | {"channel": "chat"})
    assert (raw.id, raw.text, raw.channel, raw.question) == ("syn-3", None, "chat", None)
    assert raw.turns[1] == RawTurn("agent", "Hello, sorry about that.")


def test_figures_of_transcripts_by_hand(model: ConversationModel, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)
    assert transcript_figures(engine, []) == {"n": 0}  # no conversation model
    with_model = Engine(replace(engine.bundle, conversation=model), threads=1)
    rows = [talk(number, solved=number < 6) for number in range(8)]
    missed = {"turns": rows[0]["turns"][:-1], "outcome": "unresolved", "needs_review": True}
    rows[0] = rows[0] | missed  # which the model thinks likelier than the solved ones, but not likely enough
    figures = transcript_figures(with_model, rows)
    review = figures["needs_review"]
    assert figures["n"] == 8 and review["n"] == 3
    assert (review["precision"]["value"], review["recall"]["value"]) == (1.0, pytest.approx(2 / 3))
    assert review["f1"]["value"] == pytest.approx(2 * 2 / (3 + 2)) and review["f1"]["n"] == 8
    resolved, abandoned = figures["outcome"]["labels"]["resolved"], figures["reasons"]["abandoned"]
    assert (resolved["n"], resolved["f1"]["value"]) == (5, pytest.approx(2 * 5 / (5 + 6)))
    assert (abandoned["n"], figures["reasons"]["escalation"]) == (2, {"n": 0})  # of which there is none
    for name in ("f1", "precision", "recall", "average_precision"):
        assert (abandoned[name]["value"], abandoned[name]["high"], abandoned[name]["n"]) == (1.0, 1.0, 8)
    for case, n in ((review, 3), (abandoned, 2)):
        assert {name: (one["value"], one["best"]) for name, one in case["found_when_reading"].items()} == {
            "top_0.1": (pytest.approx(1 / n), pytest.approx(1 / n)),
            "top_0.2": (pytest.approx(2 / n), pytest.approx(2 / n)),
            "top_0.333333": (1.0, 1.0),
        }
    assert figures["sentiment_end"]["n"] == 8
    predictions = {"outcome": 8 * len(model.outcome), "needs_review": 8, "reasons": 8 * len(model.reasons), "sentiment_start": 8 * 5}
    happened = {"outcome": 8, "needs_review": 3, "reasons": 2 * 2, "sentiment_start": 8}
    for name, table in figures["calibration"].items():
        assert sum(row["n"] for row in table["reliability"]) == predictions[name]
        assert sum(row["n"] * row["seen"] for row in table["reliability"]) == pytest.approx(happened[name])
    assert figures["calibration"].keys() == predictions.keys()


def test_calibration_is_crossed_over_the_real_conversations_that_the_licence_allows(
    run: Run, model: ConversationModel, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[list[str]] = []
    monkeypatch.setattr("training.transcripts.fit_on", lambda heard, run: fitted.append([one.row["id"] for one in heard]) or model)
    assert crossed_calibration(engine, run) == {"n": 0}  # no conversation model
    with_model = Engine(replace(engine.bundle, conversation=model), threads=1)
    for commercial, real in (
        (False, {f"twcs-{n}" for n in range(8)} | {f"care-{n}" for n in range(4)}),
        (True, {f"care-{n}" for n in range(4)}),
    ):
        fitted.clear()
        found = crossed_calibration(with_model, replace(run, commercial=commercial))
        assert found["n"] == len(real) and found["calibration"].keys() == {"outcome", "needs_review", "reasons"}
        assert all(sum(example not in ids for ids in fitted) == 1 for example in real)  # fitted to in every fold but its own
        assert {example for ids in fitted for example in ids if not example.startswith("syn-")} == real
