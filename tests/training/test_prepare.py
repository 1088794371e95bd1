"""Examples become model inputs through the serving text steps, and annotated spans land on the segments that hold their words."""

from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer
from toys import ready

from training.examples import Example, Labels
from training.prepare import Prepared, collate
from vocservice.inference.layout import Layout
from vocservice.inference.windows import NO_SEGMENT
from vocservice.records import RawTurn
from vocservice.text.clean import clean
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segment

Steps = tuple[Tokenizer, RedactionRules, Layout]


@pytest.fixture
def steps(tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> Steps:
    return tokenizer, rules, layout


def marked(raw: str, **pieces: str) -> Example:
    """A text whose factors have the evidence given by its words."""
    evidence = {key: ((raw.index(piece), raw.index(piece) + len(piece)),) for key, piece in pieces.items()}
    return Example("a-1", "toy", raw, {"factors": Labels(dict.fromkeys(pieces, "+"), evidence=evidence)})


def carried(raw: str, steps: Steps, **pieces: str) -> dict[str, list[str]]:
    """For each factor, the words of the segments that carry it."""
    (prepared,) = ready([marked(raw, **pieces)], *steps)
    text = clean(raw, rules=steps[1]).text
    words = [text[part.start : part.end] for part in prepared.windowed.segments]
    keys = steps[2]["factors"].label_set.keys
    marks = [{keys[index] for index in found.get("factors", ())} for found in prepared.evidence]
    return {key: [part for part, labels in zip(words, marks, strict=True) if key in labels] for key in pieces}


@pytest.mark.parametrize(
    "raw",
    [
        "Great food here, but the refund took four calls.",
        "  Great   food here,\n\n but the&nbsp;refund took four calls.  ",
        "<p>Great food here,</p> but <b>the refund</b> took four calls.",
        "Write to jo.bloggs@example.com please. Great food here, but the refund took four calls.",
        "Cafe\u0301 visit. Great food here, but the refund took four calls.",
    ],
    ids=["plain", "white space and entities", "markup", "redacted before", "composed before"],
)
def test_evidence_lands_on_its_segment_through_cleaning(raw: str, steps: Steps) -> None:
    found = carried(raw, steps, food="food", price="took four calls")
    assert len(found["food"]) == len(found["price"]) == 1
    assert "food" in found["food"][0] and "refund" not in found["food"][0]
    assert "four calls" in found["price"][0] and "food" not in found["price"][0]


def test_a_span_over_two_segments_marks_both_and_a_sliver_marks_none(steps: Steps) -> None:
    raw = "Great food here, but the refund took four calls."
    assert len(carried(raw, steps, food=raw)["food"]) == 2
    parts = segment(clean(raw, rules=steps[1]).text)
    over = raw[parts[0][0] : parts[1][0] + 2]  # the first segment and two letters of the second
    assert len(carried(raw, steps, food=over)["food"]) == 1


def test_labels_without_annotated_spans_carry_nothing(steps: Steps) -> None:
    (prepared,) = ready([Example("a-1", "toy", "Great food here.", {"factors": Labels({"food": "+"})})], *steps)
    assert prepared.evidence == ({},)


@pytest.mark.parametrize("raw", ["", " \n ", "\u200b"])
def test_texts_without_a_visible_character_are_left_out(raw: str, steps: Steps) -> None:
    texts = [Example("a-1", "toy", "good food", {}), Example("a-2", "toy", raw, {}), Example("a-3", "toy", "bad crew", {})]
    assert [prepared.example.id for prepared in ready(texts, *steps)] == ["a-1", "a-3"]


def test_of_others_only_who_spoke_is_read(steps: Steps) -> None:
    turns = (RawTurn("agent", "hello there"), RawTurn("customer", "the food was bad"), RawTurn("agent", "very good"))
    (prepared,) = ready([Example("a-1", "toy", "", {}, turns=turns)], *steps)
    assert {part.turn for part in prepared.windowed.segments} == {1}
    tokens = steps[0]
    spoken = [tokens.id_to_token(token) for window in prepared.windowed.windows for token in window.ids]
    assert spoken == ["[CLS]", "[AGENT]", "[CUSTOMER]", "the", "food", "was", "bad", "[AGENT]", "[SEP]"]
    owners = [owner for window in prepared.windowed.windows for owner in window.segments]
    assert [owner for owner in owners if owner != NO_SEGMENT] == [0, 0, 0, 0]


def test_bare_lacks_the_channel_and_keeps_question_and_text(steps: Steps) -> None:
    (prepared,) = ready([Example("a-1", "toy", "the food", {}, channel="good", question="<b>price</b>")], *steps)

    def read(windowed: object) -> list[str]:
        return [steps[0].id_to_token(token) for token in windowed.windows[0].ids]  # type: ignore[attr-defined]

    assert read(prepared.windowed) == ["[CLS]", "good", "price", "[SEP]", "the", "food", "[SEP]"]
    assert read(prepared.bare) == ["[CLS]", "price", "[SEP]", "the", "food", "[SEP]"]


def test_personal_data_is_masked_before_the_model_reads_it(steps: Steps) -> None:
    (prepared,) = ready([Example("a-1", "toy", "write to jo.bloggs@example.com", {})], *steps)
    tokens = [steps[0].id_to_token(token) for token in prepared.windowed.windows[0].ids]
    assert "[EMAIL]" in tokens and "@" not in tokens


def three(steps: Steps) -> Sequence[Prepared]:
    long = " ".join(["the food was very good and"] * 80)
    return ready([Example(f"a-{n}", "toy", text, {}) for n, text in enumerate(["bad price", long, "late but cheap crew here"])], *steps)


def test_collate_pads_and_numbers_segments_across_texts(steps: Steps) -> None:
    data = three(steps)
    batch = collate(data, bare=[False] * 3)
    windows = [window for prepared in data for window in prepared.windowed.windows]
    assert len(data[1].windowed.windows) > 1
    assert batch.size == 3 and batch.ids.shape == (len(windows), max(len(window.ids) for window in windows))
    firsts = [0, len(data[0].windowed.segments), len(data[0].windowed.segments) + len(data[1].windowed.segments)]
    for row, window in enumerate(windows):
        owner, size = int(batch.window_verbatim[row]), len(window.ids)
        assert tuple(batch.ids[row, :size].tolist()) == window.ids and not batch.ids[row, size:].any()
        assert batch.mask[row].tolist() == [1] * size + [0] * (batch.ids.shape[1] - size)
        assert (batch.token_segment[row, size:] == -1).all()
        assert batch.token_segment[row, :size].tolist() == [s if s == NO_SEGMENT else s + firsts[owner] for s in window.segments]
    assert batch.window_verbatim.tolist() == [0, *[1] * (len(windows) - 2), 2]
    assert batch.segment_verbatim.tolist() == sorted(batch.segment_verbatim.tolist())
    assert batch.segment_place.tolist() == [place for prepared in data for place in range(len(prepared.windowed.segments))]


def test_collate_takes_the_bare_windows_where_asked(steps: Steps) -> None:
    data = ready([Example(f"a-{n}", "toy", "the food", {}, channel="good") for n in range(2)], *steps)
    batch = collate(data, bare=[True, False])
    assert batch.mask.sum(1).tolist() == [len(data[0].bare.windows[0].ids), len(data[1].windowed.windows[0].ids)]
    assert batch.mask.sum(1).tolist() == [4, 6]
