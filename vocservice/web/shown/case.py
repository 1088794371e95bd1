"""A stored analysis in, its presentation on the review desk out: marked turns, reasons, a sentiment curve.

Contains no markup: the raw text is cut at the offsets, and the template escapes each piece.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vocservice.moments import moment, tells_no_day
from vocservice.records import Evidence, Json
from vocservice.render import LEVEL_NAMES, Row, definition_of, percent, pieces_of, visible
from vocservice.taxonomy import Taxonomy
from vocservice.web.shown.course import lasting
from vocservice.web.shown.view import KINDS, POLARITIES, Mark, label_name, name_of

SETS = ("reasons", "stages", "factors", "sentiment", "scope", "flags", "outcome")
_SINGLE = ("scope", "outcome")
# CSS class of each kind of label; `plain` for any other.
_CLASSES: Mapping[str, str] = {"reasons": "reason", "flags": "flag", "scope": "scope", "stages": "stage"}
LOOKS: Mapping[str, str] = {
    "reason": "Reason for review",
    "flag": "Flag",
    **{look: f"Experience factor, {words}" for words, look in POLARITIES.values()},
    "scope": "Scope",
    "stage": "Journey stage",
    "plain": "Other label",
}
CONDUCT: Mapping[str, str] = {
    "repeats": "says it again",
    "apologises": "apologises",
    "asks": "asks",
    "redirects": "sends the customer elsewhere",
    "promises": "promises to follow up",
}
ASKED = "asked"
_WIDTH, _HEIGHT, _EDGE = 600, 120, 20

Asks = Callable[[Sequence[Row]], bool]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, or a whole plain text with a blank speaker.

    `at` is the time of the turn, blank if unknown; `conduct` what an agent does in it, in words.
    """

    number: int
    speaker: str
    at: str
    mood: str
    conduct: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A label that the model gave, in words; `turns` are the numbers of those with evidence."""

    set: str
    title: str
    name: str
    look: str
    percent: str
    definition: str
    turns: tuple[int, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The sentiment of one customer turn, with its position in the chart.

    `labels` are those of the turn itself; None in analyses made before turns had labels.
    """

    number: int
    x: float
    y: float
    score: str
    mood: str
    labels: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything the desk shows of one analysis."""

    turns: tuple[Turn, ...]
    legend: tuple[tuple[str, str], ...]  # the kinds of marks present, in words
    why: tuple[Given, ...]
    labels: tuple[Given, ...]
    curve: tuple[Point, ...]
    line: str
    review: str
    withheld: tuple[tuple[str, str], ...]
    model: str
    taxonomy: str


def shown(result: Json, taxonomy: Taxonomy, asked: Asks = lambda _: False) -> Shown:
    """Build what the desk shows of a stored result.

    Args:
        result: as stored.
        taxonomy: gives the label names.
        asked: whether evidence of these labels was asked for; its marks also get the class `ASKED`.
    """
    rows = list(rows_of(result))
    labels = tuple(_given(row, taxonomy) for row in rows)
    curve = tuple(_points(result, taxonomy))
    call = result.get("needs_review")
    turns = tuple(_turns(result, rows, taxonomy, asked))
    seen = {look for turn in turns for mark in turn.marks for look in mark.look.split()}
    return Shown(
        turns=turns,
        legend=tuple((look, words) for look, words in LOOKS.items() if look in seen),
        why=tuple(label for label in labels if label.set in ("reasons", "flags", "scope")),
        labels=labels,
        curve=curve,
        line=" ".join(f"{point.x:.1f},{point.y:.1f}" for point in curve),
        review=percent(call["probability"]) if call else "",
        withheld=tuple((label_name(taxonomy, item["label"]), percent(item["probability"])) for item in result.get("abstained") or ()),
        model=result.get("model", ""),
        taxonomy=result.get("taxonomy", ""),
    )


def rows_of(result: Json) -> Iterator[Row]:
    """Every label of a stored result, the reasons for review first."""
    for name in SETS:
        value = result.get(name)
        if name == "sentiment":
            if value:
                yield Row(name, str(value["level"]), None, value.get("probabilities", {}).get(str(value["level"])))
            continue
        for label in [value] if name in _SINGLE and value else value or ():
            yield Row(name, label["key"], label.get("polarity"), label["probability"], _evidence(label))
    for name, labels in (result.get("labels") or {}).items():
        yield from (Row(name, label["key"], label.get("polarity"), label["probability"], _evidence(label)) for label in labels)


def why(taxonomy: Taxonomy, labels: Iterable[str]) -> str:
    """Why a record waits, in words: distinct names of reasons and flags, other labels with their set."""
    plain = ("reasons", "flags")
    parts = ((label, *label.partition(".")[::2]) for label in labels)
    names = (name_of(taxonomy, name, key) if name in plain else label_name(taxonomy, label) for label, name, key in parts)
    return ", ".join(dict.fromkeys(names))


def clock(due_at: datetime, at: datetime) -> str:
    """Time until something is due, or since it was, in words."""
    long = lasting(abs((due_at - at).total_seconds()))
    return f"in {long}" if due_at >= at else f"overdue by {long}"


def _turns(result: Json, rows: Sequence[Row], taxonomy: Taxonomy, asked: Asks) -> Iterator[Turn]:
    turns = result.get("turns")
    if turns is None:
        yield Turn(1, "", "", "", "", tuple(_marks(result.get("text", ""), rows, None, taxonomy, asked)))
        return
    for index, (turn, at) in enumerate(zip(turns, _times(turns), strict=True)):
        marks = tuple(_marks(turn["text"], rows, index, taxonomy, asked))
        conduct = ", ".join(CONDUCT[key] for key in turn.get("conduct") or () if key in CONDUCT)
        yield Turn(index + 1, turn["speaker"], at, _mood(turn.get("sentiment")), conduct, marks)


def _times(turns: Iterable[Json]) -> Iterator[str]:
    """Time of each turn, with the date if it changes; blank if unknown."""
    before = ""
    for turn in turns:
        told = turn.get("at")
        at = moment(told)
        if at is None:
            yield str(told).partition(".")[0] if tells_no_day(told) else ""
            continue
        day = f"{at:%d %b %Y}"
        yield f"{at:%H:%M:%S}" if day == before else f"{day} {at:%H:%M:%S}"
        before = day


def _marks(text: str, rows: Sequence[Row], turn: int | None, taxonomy: Taxonomy, asked: Asks) -> Iterator[Mark]:
    for piece in pieces_of(text, rows, turn=turn):
        names = "; ".join(_named(row, taxonomy) for row in piece.rows)
        looks = (*_looks(piece.rows), ASKED) if piece.rows and asked(piece.rows) else _looks(piece.rows)
        yield Mark(visible(piece.text), names, " ".join(looks))


def _named(row: Row, taxonomy: Taxonomy) -> str:
    return f"{KINDS.get(row.set, row.set)}: {name_of(taxonomy, row.set, row.key, row.polarity)}"


def _looks(rows: Sequence[Row]) -> tuple[str, ...]:
    """CSS classes of some labels, each once."""
    return tuple(
        dict.fromkeys(POLARITIES[row.polarity][1] if row.polarity in POLARITIES else _CLASSES.get(row.set, "plain") for row in rows)
    )


def _given(row: Row, taxonomy: Taxonomy) -> Given:
    found = definition_of(taxonomy, row.set, row.key)
    turns = sorted({piece.turn + 1 for piece in row.evidence if piece.turn is not None})
    return Given(
        set=row.set,
        title=KINDS.get(row.set, row.set),
        name=name_of(taxonomy, row.set, row.key, row.polarity),
        look=_looks([row])[0],
        percent=percent(row.probability),
        definition=found.definition if found else "",
        turns=tuple(turns),
        evidence=tuple(visible(piece.text) for piece in row.evidence) if row.set != "outcome" else (),
    )


def _points(result: Json, taxonomy: Taxonomy) -> Iterator[Point]:
    turns = [(index + 1, turn) for index, turn in enumerate(result.get("turns") or ()) if turn.get("sentiment")]
    step = (_WIDTH - 2 * _EDGE) / max(len(turns) - 1, 1)
    for place, (number, turn) in enumerate(turns):
        mood = turn["sentiment"]
        score = max(-1.0, min(1.0, float(mood["score"])))
        y = _HEIGHT / 2 - score * (_HEIGHT / 2 - _EDGE)
        labels = tuple(_named(row, taxonomy) for row in rows_of(turn) if row.set != "sentiment") if "stages" in turn else None
        yield Point(number, _EDGE + place * step, y, f"{score:+.2f}", _mood(mood), labels)


def _mood(mood: Json | None) -> str:
    return LEVEL_NAMES.get(mood["level"], "") if mood else ""


def _evidence(label: Json) -> tuple[Evidence, ...]:
    return tuple(Evidence(**piece) for piece in label.get("evidence") or ())
