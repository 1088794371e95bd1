"""An analysis or a rejection in, its new table cells out: the registry of added columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from vocservice.records import Analysis, Conversation, Evidence, Factor, Label, Rejected, Result
from vocservice.tables.cells import as_json

EXPLODABLE = ("stages", "factors", "flags")
Kind = Literal["string", "int", "float", "bool"]
SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class NewColumn:
    """An added column: its name, cell type, value in an analysis, and label set."""

    name: str
    kind: Kind
    value: Callable[[Analysis], object]
    of: str | None = None


def new_columns(label_sets: Iterable[str] = (), *, lacks: Iterable[str] = (), transcripts: bool) -> tuple[NewColumn, ...]:
    """The label columns in order; sets of other taxonomies come last, `lacks` are left out."""
    own = (NewColumn(f"voc_{name}", "string", partial(_own_labels, name)) for name in label_sets)
    return (*_without(lacks), *own, *(_TRANSCRIPT_COLUMNS if transcripts else ()))


def exploded_columns(wanted: str, *, lacks: Iterable[str] = (), transcripts: bool) -> tuple[NewColumn, ...]:
    """The label columns if each label of a set has its own row: the label's, then the record's."""
    own = tuple(column for column in _LABEL_COLUMNS if column.name != "voc_polarity" or wanted not in ("stages", "flags"))
    of_record = tuple(column for column in _without(lacks) if column.name in _OF_RECORD)
    return (*own, *of_record, *(_TRANSCRIPT_COLUMNS if transcripts else ()))


def _without(lacks: Iterable[str]) -> tuple[NewColumn, ...]:
    left_out = frozenset(lacks)
    return tuple(column for column in _COLUMNS if column.of not in left_out)


def exploded(result: Result, wanted: str) -> tuple[Result, ...]:
    """One result per label of a set, with that label only; unchanged without labels, so that no record is lost."""
    if isinstance(result, Rejected):
        return (result,)
    labels = _labels_of(result, wanted)
    bare = replace(result, labels={})
    return tuple(replace(bare, labels={wanted: (label,)}) for label in labels) or (bare,)


def status_cells(result: Result) -> tuple[str, str | None, str | None]:
    """Status, error code and error message."""
    return ("rejected", result.code, result.message) if isinstance(result, Rejected) else ("ok", None, None)


def label_cells(result: Result, columns: Sequence[NewColumn]) -> tuple[object, ...]:
    """The cells of the new columns; all None for a rejection."""
    if isinstance(result, Rejected):
        return (None,) * len(columns)
    return tuple(column.value(result) for column in columns)


def _labels_of(result: Analysis, wanted: str) -> Sequence[Label | Factor]:
    own: Mapping[str, Sequence[Label | Factor]] = {"stages": result.stages, "factors": result.factors, "flags": result.flags}
    return own[wanted] if wanted in own else result.labels.get(wanted, ())


def _label_value(value: Callable[[Label | Factor], object]) -> Callable[[Analysis], object]:
    """A value of the single label in an exploded result; None without one."""
    return lambda result: next((value(label) for labels in result.labels.values() for label in labels), None)


def _joined(keys: Iterable[str]) -> str:
    return SEPARATOR.join(keys)


def _key(label: Label | Factor) -> str:
    return f"{label.key}{label.polarity}" if isinstance(label, Factor) else label.key


def _own_labels(name: str, result: Analysis) -> str:
    return _joined(map(_key, result.labels.get(name, ())))


def _evidence(result: Analysis) -> str:
    return _asked(
        result,
        {
            "stages": {label.key: _pieces(label.evidence) for label in result.stages},
            "factors": {_key(factor): _pieces(factor.evidence) for factor in result.factors},
            "scope": _pieces(result.scope.evidence) if result.scope else [],
            "flags": {label.key: _pieces(label.evidence) for label in result.flags},
            **{name: {_key(label): _pieces(label.evidence) for label in labels} for name, labels in result.labels.items()},
        },
    )


def _asked(result: Analysis, by_set: Mapping[str, object]) -> str:
    """As JSON, without sets missing from the taxonomy."""
    return as_json({name: held for name, held in by_set.items() if name in result.labels or name not in result.lacks})


def _pieces(evidence: Iterable[Evidence]) -> list[dict[str, object]]:
    return [piece.to_dict() for piece in evidence]


def _probabilities(result: Analysis) -> str:
    return _asked(
        result,
        {
            "stages": {label.key: label.probability for label in result.stages},
            "factors": {_key(factor): factor.probability for factor in result.factors},
            "sentiment": dict(result.sentiment.probabilities) if result.sentiment else {},
            "scope": {result.scope.key: result.scope.probability} if result.scope else {},
            "flags": {label.key: label.probability for label in result.flags},
            **{name: {_key(label): label.probability for label in labels} for name, labels in result.labels.items()},
        },
    )


def _keys(labels: Iterable[Label]) -> str:
    return _joined(label.key for label in labels)


def _of(value: Callable[[Conversation], object]) -> Callable[[Analysis], object]:
    """A value that only transcripts have."""
    return lambda result: value(result.conversation) if result.conversation is not None else None


_COLUMNS: tuple[NewColumn, ...] = (
    NewColumn("voc_stages", "string", lambda result: _keys(result.stages), of="stages"),
    NewColumn("voc_stage_main", "string", lambda result: result.stages[0].key if result.stages else None, of="stages"),
    NewColumn("voc_factors", "string", lambda result: _joined(map(_key, result.factors)), of="factors"),
    NewColumn("voc_sentiment", "int", lambda result: result.sentiment.level if result.sentiment else None, of="sentiment"),
    NewColumn("voc_sentiment_score", "float", lambda result: result.sentiment.score if result.sentiment else None, of="sentiment"),
    NewColumn("voc_scope", "string", lambda result: result.scope.key if result.scope else None, of="scope"),
    NewColumn("voc_scope_probability", "float", lambda result: result.scope.probability if result.scope else None, of="scope"),
    NewColumn("voc_flags", "string", lambda result: _keys(result.flags), of="flags"),
    NewColumn("voc_abstained", "string", lambda result: _joined(withheld.label for withheld in result.abstained)),
    NewColumn("voc_language", "string", lambda result: result.language),
    NewColumn("voc_text", "string", lambda result: result.text),
    NewColumn("voc_evidence", "string", _evidence),
    NewColumn("voc_probabilities", "string", _probabilities),
    NewColumn("voc_model", "string", lambda result: result.model),
    NewColumn("voc_taxonomy", "string", lambda result: result.taxonomy),
)

_LABEL_COLUMNS: tuple[NewColumn, ...] = (
    NewColumn("voc_label", "string", _label_value(lambda label: label.key)),
    NewColumn("voc_polarity", "string", _label_value(lambda label: label.polarity if isinstance(label, Factor) else None)),
    NewColumn("voc_probability", "float", _label_value(lambda label: label.probability)),
    NewColumn("voc_evidence_text", "string", _label_value(lambda label: _joined(piece.text for piece in label.evidence))),
    NewColumn("voc_evidence", "string", _label_value(lambda label: as_json(_pieces(label.evidence)))),
)
_OF_RECORD = frozenset(
    {"voc_sentiment", "voc_sentiment_score", "voc_scope", "voc_scope_probability", "voc_language", "voc_text", "voc_model", "voc_taxonomy"}
)

_TRANSCRIPT_COLUMNS: tuple[NewColumn, ...] = (
    NewColumn("voc_outcome", "string", _of(lambda conversation: conversation.outcome.key)),
    NewColumn("voc_sentiment_start", "int", _of(lambda conversation: conversation.sentiment_start.level)),
    NewColumn("voc_sentiment_end", "int", _of(lambda conversation: conversation.sentiment_end.level)),
    NewColumn("voc_needs_review", "bool", _of(lambda conversation: conversation.needs_review)),
    NewColumn("voc_reasons", "string", _of(lambda conversation: _keys(conversation.reasons))),
    NewColumn("voc_sentiment_low", "int", _of(lambda conversation: conversation.low.level if conversation.low else None)),
    NewColumn("voc_sentiment_recovery", "float", _of(lambda conversation: conversation.low.recovery if conversation.low else None)),
)
