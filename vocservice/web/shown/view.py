"""An analysis and its taxonomy in, its presentation on a page out: marked text, labels in words, owners.

Contains no markup: the template escapes each piece.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from vocservice.records import Analysis
from vocservice.render import Row, definition_of, owner_of, percent, pieces_of, rows_of, sentiment_line, visible
from vocservice.taxonomy import Taxonomy

POLARITIES: Mapping[str | None, tuple[str, str]] = {"+": ("positive", "good"), "-": ("negative", "bad"), "~": ("mixed", "mixed")}
TITLES: Mapping[str, str] = {
    "stages": "Journey stages",
    "factors": "Experience factors",
    "sentiment": "Sentiment",
    "scope": "Scope",
    "flags": "Flags",
    "outcome": "Outcome",
    "reasons": "Reasons for review",
}

# Name of a single label of a set.
KINDS: Mapping[str, str] = {
    "stages": "Stage",
    "factors": "Factor",
    "sentiment": "Sentiment",
    "scope": "Scope",
    "flags": "Flag",
    "outcome": "Outcome",
    "reasons": "Reason",
    "rules": "Rule",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of text; `names` are the labels it is evidence of, `look` the class of the first."""

    text: str
    names: str
    look: str


@dataclass(frozen=True, slots=True)
class Line:
    """One label, as a row of the table."""

    name: str
    look: str
    percent: str
    owner: str
    definition: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The labels of one set under its title."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """The text, or one turn of a pasted dialogue; `speaker` is blank for a text."""

    speaker: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Content of the page for one analysis."""

    turns: tuple[Said, ...]
    groups: tuple[Group, ...]
    withheld: tuple[tuple[str, str], ...]
    redactions: tuple[str, ...]
    model: str
    taxonomy: str


def view_of(analysis: Analysis, taxonomy: Taxonomy) -> View:
    """Build the page content for the analysis of one text."""
    rows = rows_of(analysis)
    shown = tuple(_said(rows, analysis, taxonomy))
    withheld = tuple((label_name(taxonomy, one.label), percent(one.probability)) for one in analysis.abstained)
    kinds = tuple(sorted({redaction.kind for redaction in analysis.redactions}))
    return View(shown, tuple(_groups(rows, analysis, taxonomy)), withheld, kinds, analysis.model, analysis.taxonomy)


def name_of(taxonomy: Taxonomy, name: str, key: str, polarity: str | None = None) -> str:
    """A label in words."""
    found = definition_of(taxonomy, name, key)
    words = found.label if found else key
    return f"{words}, {POLARITIES[polarity][0]}" if polarity in POLARITIES else words


def label_name(taxonomy: Taxonomy, label: str) -> str:
    """`SET.KEY` in words, with its kind."""
    name, _, key = label.partition(".")
    return f"{KINDS.get(name, name)}: {name_of(taxonomy, name, key)}" if key else "Needs review"


def _said(rows: list[Row], analysis: Analysis, taxonomy: Taxonomy) -> Iterator[Said]:
    if not analysis.conversation:
        yield Said("", tuple(_marks(analysis.text, rows, None, analysis, taxonomy)))
        return
    for number, turn in enumerate(analysis.conversation.turns):
        yield Said(turn.speaker, tuple(_marks(turn.text, rows, number, analysis, taxonomy)))


def _marks(text: str, rows: list[Row], turn: int | None, analysis: Analysis, taxonomy: Taxonomy) -> Iterator[Mark]:
    for piece in pieces_of(text, rows, turn=turn):
        names = ", ".join(_name(row, analysis, taxonomy) for row in piece.rows)
        first = next((row for row in piece.rows if row.polarity), next(iter(piece.rows), None))
        yield Mark(visible(piece.text), names, _look(first) if first else "")


def _groups(rows: list[Row], analysis: Analysis, taxonomy: Taxonomy) -> Iterator[Group]:
    for name, members in groupby(rows, key=lambda row: row.set):
        yield Group(TITLES.get(name, name), tuple(_line(row, analysis, taxonomy) for row in members))


def _line(row: Row, analysis: Analysis, taxonomy: Taxonomy) -> Line:
    owner, found = owner_of(taxonomy, row), definition_of(taxonomy, row.set, row.key)
    return Line(
        name=_name(row, analysis, taxonomy),
        look=_look(row),
        percent=percent(row.probability),
        owner=taxonomy.owners.get(owner, owner),
        definition=found.definition if found else "",
        evidence=tuple(visible(piece.text) for piece in row.evidence),
    )


def _name(row: Row, analysis: Analysis, taxonomy: Taxonomy) -> str:
    """The label in words."""
    if row.set == "sentiment" and analysis.sentiment:
        return sentiment_line(analysis.sentiment)
    return name_of(taxonomy, row.set, row.key, row.polarity)


def _look(row: Row) -> str:
    """A class of the style sheet."""
    return POLARITIES[row.polarity][1] if row.polarity in POLARITIES else "plain"
