"""Turns and labels of a transcript in, outcome, final sentiment, need of review and reasons out.

Small regressions over named dialogue features; the coefficients are in the bundle, so each decision can be traced back
to its features.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from vocservice.inference.conduct import ANSWERING, alike, opening, repeats
from vocservice.records import Turn

Floats = NDArray[np.float64]

_THANKS = re.compile(
    r"\b(thanks|thank you|thankyou|thx|cheers|appreciate|perfect|brilliant|sorted|great|awesome|lovely|got it|will do)\b", re.I
)
_STILL = re.compile(
    r"\b(still|again|already|yet|not working|doesn.t work|no (?:reply|response|answer)|useless|ridiculous|joke|waiting)\b", re.I
)
_PRIVATE = re.compile(
    r"\b(dm|direct message|private message|pm us|inbox|message us|e-?mail us|call us|link below|send us|drop us|reach out to us)\b", re.I
)
_PROMISE = re.compile(
    r"\b(we.ll|will (?:look|check|pass|get back|let you know|investigate)|looking into|passed (?:this|it) on|follow up"
    r"|escalat\w+|forward\w*)\b",
    re.I,
)
_SOLVED = re.compile(r"\b(refunded|resolved|fixed|sorted|done|processed|completed|cancelled for you|credited|replacement|updated)\b", re.I)
_SORRY = re.compile(r"\b(sorry|apolog\w+|regret)\b", re.I)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A transcript as the model sees it.

    `sentiment`: expected sentiment (-1..1) per turn, None where the turn is not the customer's.
    `signals`: probabilities of the verbatim-level labels, e.g. {"flags.churn_risk": 0.1, "scope.neither": 0.7}.
    """

    turns: Sequence[Turn]
    sentiment: Sequence[float | None]
    signals: Mapping[str, float]


SIGNALS = (
    *(f"flags.{key}" for key in ("churn_risk", "repeat_contact", "escalation", "safety_fraud", "question", "needs_reply", "recommend")),
    *(f"scope.{key}" for key in ("service_complaint", "experience_issue", "both", "neither")),
    *(f"factors.{key}" for key in ("responsiveness", "resolution", "courtesy", "communication", "technology", "fulfilment")),
)
CUES = (
    *("turns", "customer_turns", "agent_turns", "customer_last", "agent_never", "start", "end", "low", "mean", "recovery", "sentiment"),
    *("end_thanks", "end_question", "end_still", "end_words", "last_private", "last_promise", "last_question", "last_solved", "last_sorry"),
    *("any_private", "any_solved", "customer_replied", "repeated_agent", "agent_alike", "agent_brief"),
)
FEATURES = (*CUES, *SIGNALS)


def features(dialogue: Dialogue, names: Sequence[str] = FEATURES) -> Floats:
    """Feature vector of `len(names)` numbers, in their order."""
    known = _cues(dialogue) | {name: dialogue.signals.get(name, 0.0) for name in SIGNALS}
    return np.array([float(known[name]) for name in names])


def _cues(dialogue: Dialogue) -> dict[str, float]:
    turns = dialogue.turns
    customer = [turn.text for turn in turns if turn.speaker == "customer"]
    agent = [turn.text for turn in turns if turn.speaker in ANSWERING]
    moods = [value for value in dialogue.sentiment if value is not None] or [0.0]
    last, reply = (customer[-1] if customer else ""), (agent[-1] if agent else "")
    return {
        "turns": min(len(turns), 20) / 10,
        "customer_turns": min(len(customer), 10) / 5,
        "agent_turns": min(len(agent), 10) / 5,
        "customer_last": bool(turns) and turns[-1].speaker == "customer",
        "agent_never": not agent,
        "start": moods[0],
        "end": moods[-1],
        "low": min(moods),
        "mean": sum(moods) / len(moods),
        "recovery": moods[-1] - moods[0],
        "sentiment": dialogue.signals.get("sentiment", 0.0),
        "end_thanks": bool(_THANKS.search(last)),
        "end_question": "?" in last,
        "end_still": bool(_STILL.search(last)),
        "end_words": min(len(last.split()), 40) / 20,
        "last_private": bool(_PRIVATE.search(reply)),
        "last_promise": bool(_PROMISE.search(reply)),
        "last_question": "?" in reply,
        "last_solved": bool(_SOLVED.search(reply)),
        "last_sorry": bool(_SORRY.search(reply)),
        "any_private": any(_PRIVATE.search(text) for text in agent),
        "any_solved": any(_SOLVED.search(text) for text in agent),
        "customer_replied": len(customer) > 1,
        "repeated_agent": len({opening(text) for text in agent}) < len(agent),
        "agent_alike": alike(agent),
        "agent_brief": len(agent) / (len(agent) + sum(len(text.split()) for text in agent) / 10) if agent else 0.0,
    }


def conduct_turn(dialogue: Dialogue) -> int | None:
    """The turn that best shows how a customer was treated; None if nobody answered.

    The agent's first repetition; else the turn before the largest drop in the customer's sentiment; else the last.
    """
    agents = [at for at, turn in enumerate(dialogue.turns) if turn.speaker in ANSWERING and turn.text]
    return next(repeats(dialogue.turns), _before_drop(dialogue, agents) if agents else None)


def _before_drop(dialogue: Dialogue, agents: Sequence[int]) -> int:
    moods = [(at, mood) for at, mood in enumerate(dialogue.sentiment) if mood is not None]
    drops = [(before - after, at) for (_, before), (at, after) in pairwise(moods) if after < before and agents[0] < at]
    end = max(drops, key=lambda drop: drop[0])[1] if drops else len(dialogue.turns)
    return max(at for at in agents if at < end)


class Logistic(BaseModel):
    """A binary logistic model on standardised features, with its decision threshold."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: tuple[float, ...]
    bias: float
    threshold: float = 0.5

    def probability(self, vector: Floats) -> float:
        score = float(np.dot(self.weights, vector) + self.bias)
        return float(1 / (1 + np.exp(-np.clip(score, -60, 60))))


class Linear(BaseModel):
    """A linear model on standardised features."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: tuple[float, ...]
    bias: float

    def value(self, vector: Floats) -> float:
        return float(np.dot(self.weights, vector) + self.bias)


class ConversationModel(BaseModel):
    """One model per outcome class, one for review and one per reason; a linear model for the final sentiment.

    `names` are the features it was fitted on: a later release may compute more.

    The outcome is the class with the largest product of probability and `favour`, which is above 1 for rare classes;
    its probability is renormalised over the classes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    outcome: dict[str, Logistic]
    favour: dict[str, float]
    end: Linear
    needs_review: Logistic
    reasons: dict[str, Logistic]

    @model_validator(mode="after")
    def _of_these_features(self) -> "ConversationModel":
        if not set(self.features) <= set(FEATURES):
            raise ValueError("fitted on features that this release does not compute")
        sizes = {len(part.weights) for part in (self.needs_review, *self.outcome.values(), *self.reasons.values())}
        if sizes | {len(self.mean), len(self.scale), len(self.end.weights)} != {len(self.features)}:
            raise ValueError("needs a number for each feature")
        if 0 in self.scale:
            raise ValueError("needs a scale other than 0 for each feature")
        if self.favour.keys() != self.outcome.keys():
            raise ValueError("needs a favour for each outcome")
        return self

    def judge(self, dialogue: Dialogue) -> "Judgement":
        """Outcome, review and reasons with their probabilities."""
        vector = (features(dialogue, self.features) - np.asarray(self.mean)) / np.asarray(self.scale)
        outcome = {key: model.probability(vector) for key, model in self.outcome.items()}
        total = sum(outcome.values()) or 1.0
        reasons = {key: model.probability(vector) for key, model in self.reasons.items()}
        review = self.needs_review.probability(vector)
        is_called = review >= self.needs_review.threshold
        given = {key: value for key, value in reasons.items() if value >= self.reasons[key].threshold}
        likeliest = sorted(reasons, key=lambda key: -reasons[key])[:1] if is_called else ()
        return Judgement(
            outcome=max(outcome, key=lambda key: outcome[key] * self.favour[key]),
            outcomes={key: value / total for key, value in outcome.items()},
            sentiment_end=float(np.clip(self.end.value(vector), -1, 1)),
            review_probability=review,
            needs_review=is_called,
            reasons=given or {key: reasons[key] for key in likeliest},
            every_reason=reasons,
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """`outcomes`: probability per class; `sentiment_end`: -1..1; `reasons`: those given, with their probability; `every_reason`: of all.

    If a review is needed there is always a reason: the likeliest one if none passes its threshold.
    """

    outcome: str
    outcomes: dict[str, float]
    sentiment_end: float
    review_probability: float
    needs_review: bool
    reasons: dict[str, float]
    every_reason: dict[str, float]
