"""Results take their place in the Analysis, and every piece of evidence is the text it points at."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from vocservice.assemble import assemble, dialogue_of, evidence_of
from vocservice.inference.annotate import Given, MultiResult, OrdinalResult, SingleResult
from vocservice.inference.conversation import FEATURES, ConversationModel, Linear, Logistic
from vocservice.inference.engine import Scored
from vocservice.records import Analysis, Evidence, Factor, Label, Scope, Segment, Speaker, Turn, TurnLabels, Verbatim, Withheld
from vocservice.taxonomy import Taxonomy, load_taxonomy, parse_taxonomy
from vocservice.text.segment import segments_of

TEXT = "The food was lovely, but the refund took four calls. And nobody apologised."
LEVELS = ("-2", "-1", "0", "1", "2")


def plain(text: str = TEXT) -> Verbatim:
    return Verbatim("v-1", (Turn("customer", text),), is_transcript=False, language="en", warnings=("w",), row={"id": "v-1"})


def talk(*turns: tuple[Speaker, str]) -> Verbatim:
    return Verbatim("t-1", tuple(Turn(speaker, text) for speaker, text in turns), is_transcript=True, language="en")


def mood(level: str) -> OrdinalResult:
    return OrdinalResult(level, int(level) / 2, {key: 0.6 if key == level else 0.1 for key in LEVELS})


def bundle(taxonomy: Taxonomy | None = None, conversation: ConversationModel | None = None) -> Any:
    return SimpleNamespace(id="m-1", taxonomy=taxonomy or load_taxonomy(), conversation=conversation)


def made(verbatim: Verbatim, sets: dict[str, Any], turns: dict[int, Any] | None = None, **of: Any) -> Analysis:
    return assemble(verbatim, Scored(sets, turns or {}, tuple(segments_of(verbatim))), bundle(**of))


def test_sets_take_their_place() -> None:
    stages = MultiResult((Given("use", 0.912345, None, (0,)), Given("advocacy", 0.6, None, (2,))), (("purchase", 0.3),), {"use": 0.9})
    factors = MultiResult((Given("resolution", 0.8, "-", (1,)),), (), {"resolution": 0.8})
    flags = MultiResult((Given("repeat_contact", 0.7, None, (1,)),), (), {"repeat_contact": 0.7})
    scope = SingleResult(Given("both", 0.5, None, (1, 2)), "both", {"both": 0.5})
    found = made(plain(), {"stages": stages, "factors": factors, "sentiment": mood("-1"), "scope": scope, "flags": flags})
    assert [(label.key, label.probability) for label in found.stages] == [("use", 0.9123), ("advocacy", 0.6)]
    assert isinstance(found.factors[0], Factor) and (found.factors[0].key, found.factors[0].polarity) == ("resolution", "-")
    assert found.sentiment is not None and (found.sentiment.level, found.sentiment.score) == (-1, -0.5)
    assert found.scope is not None and (found.scope.key, found.scope.because) == ("both", "head:scope")
    assert found.abstained == (Withheld("stages.purchase", 0.3),)
    assert (found.id, found.model, found.taxonomy, found.warnings, found.row) == ("v-1", "m-1", "voc/1.0.0", ("w",), {"id": "v-1"})
    assert found.labels == {} and found.conversation is None


def test_evidence_points_into_the_returned_text() -> None:
    stages = MultiResult(tuple(Given(key, 0.9, None, (row,)) for row, key in enumerate(("use", "purchase", "cultivation"))), (), {})
    found = made(plain(), {"stages": stages})
    assert [label.evidence[0].text for label in found.stages] == [
        "The food was lovely",
        "the refund took four calls",
        "nobody apologised",
    ]
    for label in found.stages:
        assert all(found.text[piece.start : piece.end] == piece.text and piece.turn is None for piece in label.evidence)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((0, 1), ["The food was lovely, but the refund took four calls"]),
        ((0, 2), ["The food was lovely", "nobody apologised"]),
        ((0, 1, 2), [TEXT.removesuffix(".")]),
        ((), []),
    ],
    ids=["neighbours are joined", "others are not", "all", "none"],
)
def test_segments_become_pieces(rows: tuple[int, ...], expected: list[str]) -> None:
    verbatim = plain()
    assert [piece.text for piece in evidence_of(rows, verbatim, segments_of(verbatim))] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("but late", "late"),
        ("BUT Late", "Late"),
        (", and - late -", "and - late"),
        ("and and late", "and late"),
        ("butter", "butter"),
        ("and ", "and "),
        (" ;,", " ;,"),
        ("- late, late -", "late, late"),
        ("It was late!", "It was late!"),
        ("[HANDLE] [HANDLE] it was late", "it was late"),
        ("[HANDLE] and late", "late"),
        ("[HANDLE], it was late", "it was late"),
        ("[NAME] was late", "[NAME] was late"),
        ("late for [NAME]", "late for [NAME]"),
        (".5 stars is too much", ".5 stars is too much"),
        ("-5 degrees in the room.", "-5 degrees in the room"),
        ("[HANDLE]", "[HANDLE]"),
    ],
)
def test_masks_joining_words_and_punctuation_at_the_edges_are_trimmed_but_never_everything(text: str, expected: str) -> None:
    (piece,) = evidence_of((0,), plain(text), [Segment(0, 0, len(text))])
    assert piece.text == expected == text[piece.start : piece.end]


def test_evidence_of_a_transcript_names_its_turn_and_never_spans_two() -> None:
    verbatim = talk(("agent", "Hello."), ("customer", "It was late."), ("customer", "It was cold."))
    found = evidence_of((0, 1), verbatim, segments_of(verbatim))
    assert found == (Evidence(0, 11, 1, "It was late"), Evidence(0, 11, 2, "It was cold"))


def test_neither_needs_no_evidence_and_an_abstaining_scope_is_named() -> None:
    neither = SingleResult(Given("neither", 0.9, None, (0,)), "neither", {"neither": 0.9})
    assert (scope := made(plain(), {"scope": neither}).scope) is not None and scope.evidence == ()
    abstaining = made(plain(), {"scope": SingleResult(None, "both", {"both": 0.28, "neither": 0.27})})
    assert abstaining.scope is None and abstaining.abstained == (Withheld("scope.both", 0.28),)


def test_what_the_model_could_not_read_whole_is_told_beside_what_the_text_steps_say() -> None:
    verbatim = plain()
    scored = Scored({}, {}, tuple(segments_of(verbatim)), warnings=("question_cut",))
    assert assemble(verbatim, scored, bundle()).warnings == ("w", "question_cut")


def test_without_a_set_its_field_is_empty() -> None:
    found = made(plain(), {})
    assert (found.stages, found.factors, found.sentiment, found.scope, found.flags, found.abstained) == ((), (), None, None, (), ())


def _set(kind: str, *keys: str) -> dict[str, Any]:
    return {"kind": kind, "labels": [{"key": key, "label": key, "definition": key} for key in keys]}


OTHER = parse_taxonomy(
    {
        "name": "other",
        "version": "2",
        "topics": _set("multi", "food", "crew"),
        "themes": _set("multi", "tea", "cake") | {"polarities": ["+", "-"]},
        "kind": _set("single", "praise", "blame"),
        "sentiment": _set("ordinal", "low", "mid", "high"),
        "scope": _set("multi", "shop", "web"),
        "stages": _set("single", "before", "after"),
    }
)


def test_sets_of_another_taxonomy_are_all_there() -> None:
    sets = {
        "topics": MultiResult((Given("food", 0.9, None, (0,)),), (("crew", 0.4),), {"food": 0.9, "crew": 0.4}),
        "themes": MultiResult((Given("tea", 0.8, "-", (0,)),), (), {"tea": 0.8}),
        "kind": SingleResult(Given("praise", 0.7, None, (0,)), "praise", {"praise": 0.7}),
        "sentiment": OrdinalResult("mid", 0.0, {"low": 0.2, "mid": 0.6, "high": 0.2}),
        "scope": MultiResult((Given("shop", 0.6, None, (0,)),), (), {"shop": 0.6}),
        "stages": SingleResult(Given("after", 0.6, None, (0,)), "after", {"after": 0.6}),
    }
    found = made(plain(), sets, taxonomy=OTHER)
    lovely = found.labels["topics"][0].evidence
    assert lovely and lovely[0].text == "The food was lovely"
    assert found.labels == {
        "topics": (Label("food", 0.9, lovely),),
        "themes": (Factor("tea", "-", 0.8, lovely),),
        "kind": (Label("praise", 0.7, lovely),),
        "sentiment": (Label("mid", 0.6),),
        "scope": (Label("shop", 0.6, lovely),),
        "stages": (Label("after", 0.6, lovely),),
    }
    assert (found.stages, found.scope, found.sentiment) == ((), None, None)
    assert not {"stages", "factors", "sentiment", "scope", "flags"} & found.to_dict().keys()  # never asked is not absent
    assert found.abstained == (Withheld("topics.crew", 0.4),) and found.taxonomy == "other/2"


def judge(**biases: float) -> ConversationModel:
    """Says the same of every dialogue: the sigmoid of each bias."""
    size = len(FEATURES)

    def one(name: str) -> Logistic:
        return Logistic(weights=(0.0,) * size, bias=biases.get(name, -3.0))

    return ConversationModel(
        features=FEATURES,
        mean=(0.0,) * size,
        scale=(1.0,) * size,
        outcome={key: one(key) for key in ("resolved", "unresolved")},
        favour={"resolved": 1.0, "unresolved": 1.0},
        end=Linear(weights=(0.0,) * size, bias=-0.8),
        needs_review=one("review"),
        reasons={key: one(key) for key in ("agent_conduct", "repeat_contact", "abandoned")},
    )


TALK = talk(("customer", "I asked twice."), ("agent", "No idea."), ("customer", "Well, bye."), ("system", "Closed."))
MOODS = {0: {"sentiment": mood("-1")}, 2: {"sentiment": mood("-2")}}


def test_a_transcript_tells_its_turns_and_how_it_went() -> None:
    found = made(TALK, {}, MOODS, conversation=judge(unresolved=2.0)).conversation
    assert found is not None
    assert [(turn.speaker, turn.text) for turn in found.turns] == [(turn.speaker, turn.text) for turn in TALK.turns]
    assert [turn.sentiment.level if turn.sentiment else None for turn in found.turns] == [-1, None, -2, None]
    assert [turn.conduct for turn in found.turns] == [None, (), None, None]
    assert (found.sentiment_start.level, found.sentiment_end.level) == (-1, -2)
    assert found.outcome.key == "unresolved" and found.outcome.evidence == (Evidence(0, 10, 2, "Well, bye."),)  # not the system's
    assert (found.needs_review, found.reasons) == (False, ())


def test_a_customers_turn_has_labels_of_its_own_whose_evidence_is_in_it() -> None:
    talked = talk(("customer", "Lovely box. The lid broke."), ("agent", "Oh no."), ("customer", "It broke twice. Goodbye."))
    factors = MultiResult((Given("product_quality", 0.8, "-", (0,)),), (), {"product_quality": 0.8})
    scope = SingleResult(Given("experience_issue", 0.7, None, (0,)), "experience_issue", {"experience_issue": 0.7})
    flags = MultiResult((Given("churn_risk", 0.6, None, (1,)),), (), {"churn_risk": 0.6})
    turns = {0: {"sentiment": mood("1")}, 2: {"sentiment": mood("-2"), "factors": factors, "scope": scope, "flags": flags}}
    found = made(talked, {}, turns, conversation=judge()).conversation
    assert found is not None
    first, answer, last = found.turns
    assert first.labels == TurnLabels() and answer.labels is None and last.labels is not None
    broke, bye = Evidence(0, 14, 2, "It broke twice"), Evidence(16, 23, 2, "Goodbye")
    assert last.labels.factors == (Factor("product_quality", "-", 0.8, (broke,)),)
    assert last.labels.scope == Scope("experience_issue", 0.7, "head:scope", (broke,))
    assert (last.labels.stages, last.labels.flags) == ((), (Label("churn_risk", 0.6, (bye,)),))


def test_a_transcript_tells_its_times_and_pace() -> None:
    times = ("2026-03-04T09:00:00Z", "Jo Bloggs, 020 7946 0958", "2026-03-04T09:05:00Z", None)
    turns = tuple(replace(turn, at=at) for turn, at in zip(TALK.turns, times, strict=True))
    held = replace(turns[3], text="The customer is on hold.")
    for warnings, holds in (((), (3,)), (("speaker_unknown",), ())):  # somebody of unknown role may have said it
        analysis = made(replace(TALK, turns=(*turns[:3], held), warnings=warnings), {}, MOODS, conversation=judge())
        found = analysis.conversation
        assert found is not None and found.pace is not None and analysis.warnings == (*warnings, "time_unread")
        assert [turn.at for turn in found.turns] == [times[0], None, times[2], None]  # what is no time is not told
        assert (found.pace.gaps, found.pace.response_first, found.pace.hold_turns) == ((None,) * 4, None, holds)
    late = replace(turns[1], at="2026-03-04T09:01:30Z")
    found = made(replace(TALK, turns=(turns[0], late, *turns[2:])), {}, MOODS, conversation=judge()).conversation
    assert found is not None and found.pace is not None and found.pace.response_first == 90


def test_reasons_show_where_they_come_from_likeliest_first() -> None:
    flags = MultiResult((Given("repeat_contact", 0.9, None, (0,)),), (), {"repeat_contact": 0.9})
    model = judge(review=1.0, agent_conduct=1.0, repeat_contact=3.0, abandoned=2.0)
    found = made(TALK, {"flags": flags}, MOODS, conversation=model).conversation
    assert found is not None and found.needs_review
    assert [(reason.key, [piece.turn for piece in reason.evidence]) for reason in found.reasons] == [
        ("repeat_contact", [0]),  # the flag's own evidence
        ("abandoned", [2]),  # the customer's last turn
        ("agent_conduct", [1]),  # the agent's
    ]
    for reason in found.reasons:
        assert all(TALK.turns[p.turn].text[p.start : p.end] == p.text for p in reason.evidence if p.turn is not None)


def test_a_reason_whose_flag_was_not_given_shows_what_says_it_most() -> None:
    flags = MultiResult((), (), {"question": 0.1, "repeat_contact": 0.2}, [[0.0, 0.0], [2.0, 3.5], [1.0, 0.5]])
    found = made(TALK, {"flags": flags}, MOODS, conversation=judge(review=1.0, repeat_contact=3.0)).conversation
    assert found is not None
    assert [(reason.key, reason.evidence) for reason in found.reasons] == [("repeat_contact", (Evidence(0, 13, 0, "I asked twice"),))]


def test_no_reason_is_given_where_no_review_is_needed() -> None:
    found = made(TALK, {}, MOODS, conversation=judge(abandoned=3.0)).conversation
    assert found is not None and not found.needs_review and found.reasons == ()


def test_the_text_of_a_transcript_is_all_of_its_turns() -> None:
    found = made(TALK, {}, MOODS)
    assert found.text == "I asked twice.\nNo idea.\nWell, bye.\nClosed." and found.conversation is None


def test_a_dialogue_is_what_the_labels_say_of_it() -> None:
    sets = {
        "flags": MultiResult((), (), {"churn_risk": 0.2}),
        "scope": SingleResult(None, "both", {"both": 0.4}),
        "sentiment": mood("-2"),
    }
    found = dialogue_of(TALK, Scored(sets, MOODS, ()))
    assert found.signals == {"flags.churn_risk": 0.2, "scope.both": 0.4, "sentiment": -1.0}
    assert found.sentiment == [-0.5, None, -1.0, None] and found.turns == TALK.turns
