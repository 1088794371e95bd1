"""One verbatim and its label results in, one Analysis out: label sets become fields, evidence rows become pieces of text."""

import re
from collections.abc import Iterator, Mapping, Sequence

from vocservice.inference.annotate import Given, MultiResult, OrdinalResult, SetResult, SingleResult
from vocservice.inference.bundle import Bundle
from vocservice.inference.conduct import conduct_of
from vocservice.inference.conversation import ConversationModel, Dialogue, Judgement, conduct_turn
from vocservice.inference.engine import Scored
from vocservice.pace import Said, oddities, pace_of, said_in
from vocservice.records import (
    Analysis,
    Conversation,
    Evidence,
    Factor,
    Label,
    Scope,
    Segment,
    Sentiment,
    TurnAnalysis,
    TurnLabels,
    Verbatim,
    Withheld,
)

_CLOSING = " \t\n.,;:-–—"
_PREAMBLE = re.compile(
    r"(?:\[HANDLE\][\s,:]*)*(?ai:and |but |or |so |because |however |plus |also )?"
    r"(?:[\s,;:–—]|[.-](?!\d))*"  # except the sign or point of a number
)


def assemble(verbatim: Verbatim, scored: Scored, bundle: Bundle) -> Analysis:
    """The Analysis of one verbatim. Sets that a taxonomy does not have are named in `lacks`; sets of its own go to `labels`."""
    placed = bundle.taxonomy.placed
    sets = {name: result for name, result in scored.sets.items() if name in placed}
    scope = sets.get("scope")
    sentiment = sets.get("sentiment")
    said = said_in(verbatim.turns, verbatim.warnings) if verbatim.is_transcript else ()
    return Analysis(
        id=verbatim.id,
        text=verbatim.text if not verbatim.is_transcript else "\n".join(turn.text for turn in verbatim.turns),
        stages=tuple(_labels(sets.get("stages"), verbatim, scored.segments)),
        factors=tuple(_factors(sets.get("factors"), verbatim, scored.segments)),
        sentiment=_sentiment(sentiment) if isinstance(sentiment, OrdinalResult) else None,
        scope=_scope(scope, verbatim, scored.segments) if isinstance(scope, SingleResult) else None,
        flags=tuple(_labels(sets.get("flags"), verbatim, scored.segments)),
        labels={name: tuple(_own(result, verbatim, scored.segments)) for name, result in scored.sets.items() if name not in placed},
        language=verbatim.language,
        redactions=verbatim.redactions,
        abstained=tuple(_withheld(scored)),
        model=bundle.id,
        taxonomy=bundle.taxonomy.id,
        warnings=verbatim.warnings + scored.warnings + (oddities(verbatim.turns, said) if verbatim.is_transcript else ()),
        conversation=_conversation(verbatim, scored, said, bundle.conversation) if verbatim.is_transcript and bundle.conversation else None,
        row=verbatim.row,
        vector=scored.vector,
        lacks=bundle.taxonomy.lacks,
    )


def evidence_of(rows: Sequence[int], verbatim: Verbatim, segments: Sequence[Segment]) -> tuple[Evidence, ...]:
    """Segments as pieces of text: neighbours joined; handles before them, joining words and punctuation at the edges trimmed."""
    return tuple(_piece(verbatim, turn, start, end) for turn, start, end in _joined(rows, segments))


def _joined(rows: Sequence[int], segments: Sequence[Segment]) -> Iterator[tuple[int, int, int]]:
    previous: int | None = None
    span: tuple[int, int, int] | None = None
    for row in rows:
        here = segments[row]
        if span and previous == row - 1 and span[0] == here.turn:
            span = (here.turn, span[1], here.end)
        else:
            if span:
                yield span
            span = (here.turn, here.start, here.end)
        previous = row
    if span:
        yield span


def _piece(verbatim: Verbatim, turn: int, start: int, end: int) -> Evidence:
    text = verbatim.turns[turn].text
    piece = text[start:end]
    left = _left(piece)
    kept = piece[left:].rstrip(_CLOSING) or piece
    at = start + (left if kept != piece else 0)
    return Evidence(at, at + len(kept), turn if verbatim.is_transcript else None, kept)


def _left(piece: str) -> int:
    """Length of the preamble: handles, a joining word, punctuation."""
    found = _PREAMBLE.match(piece)
    return found.end() if found else 0


def _labels(result: object, verbatim: Verbatim, segments: Sequence[Segment]) -> Iterator[Label]:
    for given in result.given if isinstance(result, MultiResult) else ():
        yield Label(given.key, _round(given.probability), evidence_of(given.evidence, verbatim, segments))


def _factors(result: object, verbatim: Verbatim, segments: Sequence[Segment]) -> Iterator[Factor]:
    for given in result.given if isinstance(result, MultiResult) else ():
        yield _factor(given, verbatim, segments)


def _factor(given: Given, verbatim: Verbatim, segments: Sequence[Segment]) -> Factor:
    return Factor(given.key, given.polarity or "~", _round(given.probability), evidence_of(given.evidence, verbatim, segments))


def _own(result: object, verbatim: Verbatim, segments: Sequence[Segment]) -> Iterator[Label | Factor]:
    """Labels of a set that only another taxonomy has."""
    match result:
        case MultiResult(given=given):
            for one in given:
                yield (
                    _factor(one, verbatim, segments)
                    if one.polarity
                    else Label(one.key, _round(one.probability), evidence_of(one.evidence, verbatim, segments))
                )
        case SingleResult(given=Given() as one):
            yield Label(one.key, _round(one.probability), evidence_of(one.evidence, verbatim, segments))
        case OrdinalResult(key=key, probabilities=probabilities):
            yield Label(key, _round(probabilities[key]))


def _sentiment(result: OrdinalResult) -> Sentiment:
    return Sentiment(int(result.key), _round(result.score), {key: _round(value) for key, value in result.probabilities.items()})


def _scope(result: SingleResult, verbatim: Verbatim, segments: Sequence[Segment]) -> Scope | None:
    if result.given is None:
        return None
    evidence = () if result.given.key == "neither" else evidence_of(result.given.evidence, verbatim, segments)
    return Scope(result.given.key, _round(result.given.probability), "head:scope", evidence)


def _withheld(scored: Scored) -> Iterator[Withheld]:
    for name, result in scored.sets.items():
        match result:
            case MultiResult(withheld=withheld):
                yield from (Withheld(f"{name}.{key}", _round(probability)) for key, probability in withheld)
            case SingleResult(given=None, leaning=leaning, probabilities=probabilities):
                yield Withheld(f"{name}.{leaning}", _round(probabilities[leaning]))


def _conversation(verbatim: Verbatim, scored: Scored, said: Sequence[Said], model: ConversationModel) -> Conversation:
    dialogue = dialogue_of(verbatim, scored)
    judgement = model.judge(dialogue)
    turns = tuple(_turns(verbatim, scored, said))
    last = max(index for index, turn in enumerate(verbatim.turns) if turn.speaker != "system" and turn.text)
    return Conversation(
        turns=turns,
        outcome=Label(judgement.outcome, _round(judgement.outcomes[judgement.outcome]), (_turn_evidence(verbatim, last),)),
        sentiment_start=next(turn.sentiment for turn in turns if turn.sentiment),
        sentiment_end=Sentiment(level_of(judgement.sentiment_end), _round(judgement.sentiment_end)),
        needs_review=judgement.needs_review,
        needs_review_probability=_round(judgement.review_probability),
        reasons=tuple(_reasons(judgement, dialogue, verbatim, scored)) if judgement.needs_review else (),
        pace=pace_of(said),
    )


def _turns(verbatim: Verbatim, scored: Scored, said: Sequence[Said]) -> Iterator[TurnAnalysis]:
    """The turns; invalid times are left out, because they could contain anything."""
    segments: dict[int, list[Segment]] = {}
    for segment in scored.segments:
        segments.setdefault(segment.turn, []).append(segment)
    for index, (turn, one, conduct) in enumerate(zip(verbatim.turns, said, conduct_of(verbatim.turns), strict=True)):
        mood, sets = scored.mood(index), scored.turns.get(index)
        labels = _turn_labels(sets, verbatim, segments[index]) if sets else None
        yield TurnAnalysis(turn.speaker, turn.text, _sentiment(mood) if mood else None, turn.at if one.at else None, labels, conduct)


def _turn_labels(sets: Mapping[str, SetResult], verbatim: Verbatim, segments: Sequence[Segment]) -> TurnLabels:
    scope = sets.get("scope")
    return TurnLabels(
        stages=tuple(_labels(sets.get("stages"), verbatim, segments)),
        factors=tuple(_factors(sets.get("factors"), verbatim, segments)),
        scope=_scope(scope, verbatim, segments) if isinstance(scope, SingleResult) else None,
        flags=tuple(_labels(sets.get("flags"), verbatim, segments)),
    )


def level_of(score: float) -> int:
    """The level (-2..2) nearest to a score (-1..1)."""
    return round(2 * score)


def dialogue_of(verbatim: Verbatim, scored: Scored) -> Dialogue:
    """Input of the conversation model from a scored transcript."""
    signals: dict[str, float] = {}
    for name, result in scored.sets.items():
        if isinstance(result, MultiResult | SingleResult):
            signals |= {f"{name}.{key}": value for key, value in result.probabilities.items()}
        elif name == "sentiment":
            signals["sentiment"] = result.score
    moods = [scored.mood(index) for index in range(len(verbatim.turns))]
    return Dialogue(verbatim.turns, [mood.score if mood else None for mood in moods], signals)


def _reasons(judgement: Judgement, dialogue: Dialogue, verbatim: Verbatim, scored: Scored) -> Iterator[Label]:
    for key, probability in sorted(judgement.reasons.items(), key=lambda item: -item[1]):
        yield Label(key, _round(probability), _shown_by(key, dialogue, verbatim, scored))


def _shown_by(key: str, dialogue: Dialogue, verbatim: Verbatim, scored: Scored) -> tuple[Evidence, ...]:
    """Evidence of a reason: a flag's evidence or best segment, the agent's turn for conduct, else the customer's last turn."""
    flags = scored.sets.get("flags")
    if isinstance(flags, MultiResult) and key in flags.probabilities:
        rows = next((given.evidence for given in flags.given if given.key == key), ()) or flags.best_rows(key)
        return evidence_of(rows, verbatim, scored.segments)
    turn = conduct_turn(dialogue) if key == "agent_conduct" else None
    return (_turn_evidence(verbatim, max(scored.turns) if turn is None else turn),)


def _turn_evidence(verbatim: Verbatim, turn: int) -> Evidence:
    text = verbatim.turns[turn].text
    return Evidence(0, len(text), turn, text)


def _round(value: float) -> float:
    return round(value, 4)
