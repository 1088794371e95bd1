"""What a dialogue shows is told by named features, and each judgement follows from them."""

import numpy as np
import pytest

from vocservice.inference.conversation import (
    CUES,
    FEATURES,
    SIGNALS,
    ConversationModel,
    Dialogue,
    Linear,
    Logistic,
    conduct_turn,
    features,
)
from vocservice.records import Speaker, Turn
from vocservice.taxonomy import load_taxonomy


def dialogue(*turns: tuple[Speaker, str], moods: tuple[float | None, ...] | None = None, **signals: float) -> Dialogue:
    made = [Turn(speaker, text) for speaker, text in turns]
    default = tuple(0.0 if turn.speaker == "customer" else None for turn in made)
    return Dialogue(made, moods or default, {name.replace("__", "."): value for name, value in signals.items()})


def cue(name: str, given: Dialogue) -> float:
    return float(features(given)[FEATURES.index(name)])


PLAIN = dialogue(("customer", "My order is late."), ("agent", "Hello."))


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("customer_last", PLAIN, 0),
        ("customer_last", dialogue(("agent", "Hello."), ("customer", "Well?")), 1),
        ("agent_never", PLAIN, 0),
        ("agent_never", dialogue(("customer", "Hello?"), ("system", "Closed.")), 1),
        ("turns", PLAIN, 0.2),
        ("customer_turns", PLAIN, 0.2),
        ("agent_turns", dialogue(("customer", "Hi"), ("bot", "Hi"), ("supervisor", "Hi")), 0.4),
        ("customer_replied", PLAIN, 0),
        ("customer_replied", dialogue(("customer", "Hi"), ("agent", "Hi"), ("customer", "So")), 1),
        ("end_thanks", dialogue(("customer", "It broke."), ("customer", "Thank you so much")), 1),
        ("end_thanks", dialogue(("customer", "Thank you"), ("customer", "It broke.")), 0),
        ("end_question", dialogue(("customer", "When is it here?")), 1),
        ("end_still", dialogue(("customer", "I am still waiting")), 1),
        ("last_private", dialogue(("customer", "Hi"), ("agent", "Please DM us.")), 1),
        ("last_promise", dialogue(("customer", "Hi"), ("agent", "We'll look into it")), 1),
        ("last_solved", dialogue(("customer", "Hi"), ("agent", "We have refunded you.")), 1),
        ("last_solved", dialogue(("customer", "Hi"), ("agent", "We have refunded you."), ("agent", "Bye.")), 0),
        ("any_solved", dialogue(("customer", "Hi"), ("agent", "We have refunded you."), ("agent", "Bye.")), 1),
        ("last_sorry", dialogue(("customer", "Hi"), ("agent", "Our apologies")), 1),
        ("last_question", dialogue(("customer", "Hi"), ("agent", "Which one?")), 1),
        ("repeated_agent", dialogue(("agent", "@jo please send us your number"), ("agent", "@al please send us your number")), 1),
        ("repeated_agent", dialogue(("agent", "@jo please send us your number"), ("agent", "@jo it is on its way")), 0),
        ("agent_alike", PLAIN, 0),
        ("agent_alike", dialogue(("agent", "Please visit us"), ("customer", "No!"), ("agent", "please VISIT us")), 1),
        ("agent_alike", dialogue(("agent", "Please visit"), ("agent", "Your parcel, please"), ("agent", "Monday")), 0.25),
        ("agent_alike", dialogue(("agent", "Visit us"), *[("agent", f"{word * 4}") for word in "abcdefghij"], ("agent", "Visit us")), 0),
        ("agent_brief", dialogue(("customer", "Hi")), 0),
        ("agent_brief", dialogue(("customer", "Hi"), ("agent", "No " * 5), ("agent", "No " * 15)), 0.5),
    ],
)
def test_cues(name: str, given: Dialogue, expected: float) -> None:
    assert cue(name, given) == pytest.approx(expected)


def test_moods_are_told_from_start_to_end() -> None:
    three = dialogue(("customer", "a"), ("agent", "b"), ("customer", "c"), ("customer", "d"), moods=(-0.5, None, -1.0, 0.5), sentiment=0.2)
    found = {name: cue(name, three) for name in ("start", "end", "low", "mean", "recovery", "sentiment")}
    assert found == pytest.approx({"start": -0.5, "end": 0.5, "low": -1.0, "mean": -1 / 3, "recovery": 1.0, "sentiment": 0.2})


def test_signals_are_the_probabilities_of_the_labels_and_0_where_there_are_none() -> None:
    given = dialogue(("customer", "Hi"), flags__churn_risk=0.7)
    assert cue("flags.churn_risk", given) == pytest.approx(0.7) and cue("scope.neither", given) == 0.0


def test_every_signal_is_a_label_of_ours() -> None:
    taxonomy = load_taxonomy()
    for name in SIGNALS:
        label_set, key = name.split(".")
        assert key in taxonomy[label_set].keys
    assert len(set(FEATURES)) == len(FEATURES) == len(CUES) + len(SIGNALS)


@pytest.mark.parametrize("given", [dialogue(), dialogue(("agent", "")), dialogue(("customer", "")), dialogue(("system", "x" * 9999))])
def test_any_dialogue_has_finite_features(given: Dialogue) -> None:
    vector = features(given)
    assert vector.shape == (len(FEATURES),) and np.isfinite(vector).all() and np.abs(vector).max() <= 2


def logistic(threshold: float = 0.5, bias: float = 0.0, **weights: float) -> Logistic:
    return Logistic(weights=tuple(weights.get(name, 0.0) for name in FEATURES), bias=bias, threshold=threshold)


def linear(bias: float = 0.0, **weights: float) -> Linear:
    return Linear(weights=tuple(weights.get(name, 0.0) for name in FEATURES), bias=bias)


def model(**changes: object) -> ConversationModel:
    size = len(FEATURES)
    made = {
        "features": FEATURES,
        "mean": (0.0,) * size,
        "scale": (1.0,) * size,
        "outcome": {"resolved": logistic(end_thanks=4.0, bias=-2.0), "unclear": logistic()},
        "favour": {"resolved": 1.0, "unclear": 1.0},
        "end": linear(bias=-0.2, end_thanks=0.6),
        "needs_review": logistic(threshold=0.4, customer_last=3.0, bias=-1.5),
        "reasons": {"abandoned": logistic(customer_last=4.0, bias=-2.0), "escalation": logistic(bias=-3.0)},
    }
    return ConversationModel(**(made | changes))  # type: ignore[arg-type]


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_a_model_that_was_fitted_on_fewer_features_goes_on_judging() -> None:
    names = ("customer_last", "end_thanks")
    part = Logistic(weights=(3.0, -1.0), bias=-1.5, threshold=0.4)
    few = {"features": names, "mean": (0.0,) * 2, "scale": (1.0,) * 2, "end": Linear(weights=(0.0, 0.6), bias=-0.2), "needs_review": part}
    made = model(**few, outcome={"resolved": part}, favour={"resolved": 1.0}, reasons={"abandoned": part})
    judged = made.judge(dialogue(("agent", "Hi"), ("customer", "Hello?")))
    assert judged.review_probability == pytest.approx(1 / (1 + np.exp(-1.5))) and judged.sentiment_end == pytest.approx(-0.2)
    with pytest.raises(ValueError, match="does not compute"):
        model(**(few | {"features": ("customer_last", "the_moon")}))


def test_a_judgement_by_hand() -> None:
    waiting = model().judge(dialogue(("agent", "Hello."), ("customer", "And now")))
    assert waiting.review_probability == pytest.approx(sigmoid(1.5)) and waiting.needs_review
    assert waiting.reasons == {"abandoned": pytest.approx(sigmoid(2.0))}
    total = sigmoid(-2) + 0.5
    assert waiting.outcomes == {"resolved": pytest.approx(sigmoid(-2) / total), "unclear": pytest.approx(0.5 / total)}
    thanked = model().judge(dialogue(("customer", "Thanks"), ("agent", "Bye.")))
    assert not thanked.needs_review and thanked.reasons == {}
    assert (waiting.outcome, thanked.outcome) == ("unclear", "resolved")
    assert (waiting.sentiment_end, thanked.sentiment_end) == (pytest.approx(-0.2), pytest.approx(0.4))


def test_a_review_has_a_reason_the_likeliest_where_none_is_likely_enough() -> None:
    reasons = {"abandoned": logistic(threshold=0.9), "escalation": logistic(threshold=0.8, bias=-1.0)}
    waiting = model(reasons=reasons).judge(dialogue(("agent", "Hello."), ("customer", "And now")))
    assert waiting.needs_review and waiting.reasons == {"abandoned": pytest.approx(0.5)}
    assert model(reasons=reasons).judge(PLAIN).reasons == {}


ASKED: tuple[Speaker, str] = ("customer", "So?")
NO, WHY, SAME, AGAIN = [("agent", text) for text in ("No.", "Why?", "@a please send us your number", "@b please send us your number")]


@pytest.mark.parametrize(
    ("turns", "moods", "expected"),
    [
        ((ASKED, SAME, ASKED, NO, ASKED, AGAIN), (0.0, None, -1.0, None, -1.0, None), 5),  # said again, though the mood fell before
        ((ASKED, NO, ASKED, WHY, ASKED), (0.5, None, 0.2, None, -0.8), 3),  # the largest fall
        ((NO, ASKED, ASKED, WHY), (None, 0.5, -0.5, None), 0),  # it fell, and nobody had spoken in between
        ((ASKED, ASKED, NO), (0.5, -0.5, None), 2),  # it fell before anybody answered
        ((ASKED, NO, WHY, ASKED), (-1.0, None, None, 0.5), 2),  # it never fell
        ((ASKED, ("system", "Closed.")), (-1.0, None), None),
    ],
)
def test_conduct_is_shown_by_what_is_said_again_else_by_what_came_before_the_mood_fell(
    turns: tuple[tuple[Speaker, str], ...], moods: tuple[float | None, ...], expected: int | None
) -> None:
    assert conduct_turn(dialogue(*turns, moods=moods)) == expected


def test_a_rare_outcome_is_favoured_in_the_choice_and_not_in_its_probability() -> None:
    talk = dialogue(("agent", "Hello."), ("customer", "And now"))
    plain, favoured = model().judge(talk), model(favour={"resolved": 5.0, "unclear": 1.0}).judge(talk)
    assert (plain.outcome, favoured.outcome) == ("unclear", "resolved")
    assert plain.outcomes == favoured.outcomes
    with pytest.raises(ValueError, match="favour"):
        model(favour={"resolved": 1.0})


def test_the_sentiment_at_the_end_stays_on_its_scale() -> None:
    assert model(end=linear(bias=-7.0)).judge(PLAIN).sentiment_end == -1


def test_features_are_standardised_first() -> None:
    at = FEATURES.index("customer_last")
    mean, scale = [0.0] * len(FEATURES), [1.0] * len(FEATURES)
    mean[at], scale[at] = 1.0, 0.5
    shifted = model(mean=tuple(mean), scale=tuple(scale))
    assert shifted.judge(dialogue(("customer", "So"))).review_probability == pytest.approx(sigmoid(-1.5))
    assert shifted.judge(PLAIN).review_probability == pytest.approx(sigmoid(3.0 * -2 - 1.5))


def test_extreme_weights_stay_probabilities() -> None:
    sure = logistic(bias=1e9).probability(np.zeros(len(FEATURES)))
    assert sure == pytest.approx(1) and logistic(bias=-1e9).probability(np.zeros(len(FEATURES))) == pytest.approx(0)
