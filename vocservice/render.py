"""An Analysis in, its evidence displayed out: HTML for notebooks, styled text and a table for terminals.

The text is cut at the offsets first and each piece escaped separately, so customer text is never markup, and none of its
control characters reach a terminal.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rich.table import Table
from rich.text import Text

from vocservice.records import Analysis, Evidence, Factor, Label, Sentiment
from vocservice.taxonomy import LabelDefinition, Taxonomy

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_POLARITY_NAMES: Mapping[str, str] = {"+": "positive", "-": "negative", "~": "mixed"}
LEVEL_NAMES: Mapping[int, str] = {-2: "very negative", -1: "negative", 0: "neutral", 1: "positive", 2: "very positive"}
_SHOWN_EVIDENCE = 60
_LABEL_WIDTH = 20  # the longest key of the built-in taxonomy fits 80 columns


@dataclass(frozen=True, slots=True)
class Look:
    """Display of a kind of label: a terminal style and a notebook background (readable with dark text)."""

    style: str
    background: str


LOOKS: Mapping[str, Look] = {
    "stages": Look("bold blue", "#cfe2ff"),
    "factors+": Look("bold green", "#d1e7dd"),
    "factors-": Look("bold red", "#f8d7da"),
    "factors~": Look("bold yellow", "#fff3cd"),
    "scope": Look("bold magenta", "#e2d9f3"),
    "flags": Look("bold cyan", "#cff4fc"),
}
_OTHER = Look("bold", "#e9ecef")


@dataclass(frozen=True, slots=True)
class Row:
    """One given label, of any set."""

    set: str
    key: str
    polarity: str | None
    probability: float | None
    evidence: tuple[Evidence, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.key}{self.polarity or ''}"

    @property
    def look(self) -> Look:
        return LOOKS.get(self.set, LOOKS.get(f"{self.set}{self.polarity}", _OTHER))


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text and the labels it is evidence of."""

    text: str
    rows: tuple[Row, ...]


def rows_of(analysis: Analysis) -> list[Row]:
    """Every label of an analysis, in the order of its sets."""
    rows = [*_rows("stages", analysis.stages), *_rows("factors", analysis.factors)]
    if analysis.sentiment:
        level = str(analysis.sentiment.level)
        rows.append(Row("sentiment", level, None, analysis.sentiment.probabilities.get(level)))
    if analysis.scope:
        rows.append(Row("scope", analysis.scope.key, None, analysis.scope.probability, analysis.scope.evidence))
    rows += _rows("flags", analysis.flags)
    for name, labels in analysis.labels.items():
        rows += _rows(name, labels)
    if analysis.conversation:
        rows += _rows("outcome", [analysis.conversation.outcome])
        rows += _rows("reasons", analysis.conversation.reasons)
    return rows


def pieces_of(text: str, rows: Iterable[Row], *, turn: int | None) -> Iterator[Piece]:
    """Cut a text (of a turn) at the edges of evidence; evidence of the outcome, a whole turn, is left out."""
    marks = [(piece.start, piece.end, row) for row in rows if row.set != "outcome" for piece in row.evidence if piece.turn == turn]
    cuts = sorted({0, len(text), *(min(max(at, 0), len(text)) for start, end, _ in marks for at in (start, end))})
    for start, end in zip(cuts, cuts[1:], strict=False):
        yield Piece(text[start:end], tuple(row for first, last, row in marks if first <= start and end <= last))


def visible(text: str) -> str:
    """The text with control and direction characters shown as U+FFFD."""
    return _UNSAFE.sub("\ufffd", text)


def sentence(text: str) -> str:
    """An error message as a sentence; a name at its start stays unchanged."""
    begun = text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def owner_of(taxonomy: Taxonomy, row: Row) -> str:
    """The team that acts on a label; blank if the taxonomy names none."""
    definition = definition_of(taxonomy, row.set, row.key)
    return (definition.owner or "") if definition else ""


def definition_of(taxonomy: Taxonomy, name: str, key: str) -> LabelDefinition | None:
    """The label of a set; None if not in the taxonomy."""
    labels = taxonomy[name].labels if name in taxonomy else ()
    return next((label for label in labels if label.key == key), None)


def percent(probability: float | None) -> str:
    """A probability in whole percent; blank if missing."""
    return "" if probability is None else f"{probability:.0%}"


def analysis_html(analysis: Analysis) -> str:
    """A fragment for notebooks: the text with its evidence marked, and a table of the labels."""
    rows = rows_of(analysis)
    head = f"<div style='font-size:small;opacity:.75'>{_shown(analysis.id)} · {_shown(analysis.model)} · {_shown(analysis.taxonomy)}</div>"
    texts = "".join(_text_html(speaker, text, rows, turn) for speaker, text, turn in _texts(analysis))
    return f"<div class='voc-analysis'>{head}{texts}{_table_html(rows)}{_withheld_html(analysis)}</div>"


def analysis_text(analysis: Analysis) -> Text:
    """The text for a terminal, evidence in the colour of its first label, the keys behind it."""
    rows = rows_of(analysis)
    out = Text()
    for speaker, text, turn in _texts(analysis):
        out.append(f"{speaker}: " if speaker else "", style="dim")
        for piece in pieces_of(text, rows, turn=turn):
            _append(out, piece)
        out.append("\n")
    return out


def labels_table(analysis: Analysis, taxonomy: Taxonomy) -> Table:
    """The labels with probability, polarity, owner and evidence."""
    rows = rows_of(analysis)
    keys_fit = all(len(_label(row)) <= _LABEL_WIDTH for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("set", "label", "polarity", "owner"):
        table.add_column(name, overflow="fold", no_wrap=name != "label" or keys_fit)
    table.add_column("evidence", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    for row in rows:
        cells = (row.set, _label(row), _polarity(row), owner_of(taxonomy, row), _evidence(row), percent(row.probability))
        table.add_row(*(Text(visible(cell), style=row.look.style if index == 1 else "") for index, cell in enumerate(cells)))
    return table


def sentiment_line(sentiment: Sentiment) -> str:
    """Level, name and score in words."""
    return f"{_level(sentiment.level)}, score {sentiment.score:+.2f}"


def _rows(name: str, labels: Sequence[Label | Factor]) -> list[Row]:
    polarity = [label.polarity if isinstance(label, Factor) else None for label in labels]
    return [Row(name, label.key, sign, label.probability, label.evidence) for label, sign in zip(labels, polarity, strict=True)]


def _texts(analysis: Analysis) -> Iterator[tuple[str, str, int | None]]:
    """Speaker, text and index of each turn; blank and None for a plain text."""
    if analysis.conversation is None:
        yield "", analysis.text, None
        return
    for index, turn in enumerate(analysis.conversation.turns):
        yield turn.speaker, turn.text, index


def _append(out: Text, piece: Piece) -> None:
    if not piece.rows:
        out.append(visible(piece.text))
        return
    out.append(visible(piece.text), style=f"{piece.rows[0].look.style} underline")
    out.append(f" [{', '.join(row.name for row in piece.rows)}]", style="dim")


def _level(level: int) -> str:
    return f"{level:+d} {LEVEL_NAMES[level]}" if level else f"0 {LEVEL_NAMES[0]}"


def _label(row: Row) -> str:
    return _level(int(row.key)) if row.set == "sentiment" else row.key


def _polarity(row: Row) -> str:
    return f"{row.polarity} {_POLARITY_NAMES.get(row.polarity, '')}".strip() if row.polarity else ""


def _evidence(row: Row) -> str:
    text = " … ".join(piece.text for piece in row.evidence)
    return text if len(text) <= _SHOWN_EVIDENCE else text[: _SHOWN_EVIDENCE - 1] + "…"


def _shown(text: str) -> str:
    return escape(visible(text), quote=True)


def _text_html(speaker: str, text: str, rows: list[Row], turn: int | None) -> str:
    marked = "".join(map(_piece_html, pieces_of(text, rows, turn=turn)))
    name = f"<b>{_shown(speaker)}</b> " if speaker else ""
    return f"<p style='white-space:pre-wrap;margin:.4em 0'>{name}<bdi>{marked}</bdi></p>"


def _piece_html(piece: Piece) -> str:
    if not piece.rows:
        return _shown(piece.text)
    title = _shown(", ".join(f"{row.set}: {row.name}" for row in piece.rows))
    return f"<mark title='{title}' style='background:{piece.rows[0].look.background};color:#212529'>{_shown(piece.text)}</mark>"


def _table_html(rows: Iterable[Row]) -> str:
    names = ("set", "label", "polarity", "probability", "evidence")
    head = "".join(f"<th scope='col' style='text-align:left'>{name}</th>" for name in names)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row_html, rows))}</tbody></table>"


def _row_html(row: Row) -> str:
    texts = (_label(row), _polarity(row), percent(row.probability), _evidence(row))
    cells = "".join(f"<td style='text-align:left'>{_shown(text)}</td>" for text in texts)
    return f"<tr><td style='text-align:left;background:{row.look.background};color:#212529'>{_shown(row.set)}</td>{cells}</tr>"


def _withheld_html(analysis: Analysis) -> str:
    if not analysis.abstained:
        return ""
    listed = ", ".join(f"{withheld.label} ({percent(withheld.probability)})" for withheld in analysis.abstained)
    return f"<div style='font-size:small;opacity:.75'>withheld: {_shown(listed)}</div>"
