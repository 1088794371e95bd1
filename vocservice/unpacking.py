"""The JSON of an answer in, its frozen record out: the inverse of `to_dict`.

Unknown fields of a newer service are ignored; missing ones get the record's default.
"""

from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from vocservice.errors import ApiError
from vocservice.records import Analysis, Json, Rejected, TurnLabels

R = TypeVar("R")
CONVERSATION = ("turns", "outcome", "sentiment_start", "sentiment_end", "reasons", "pace")
_OF_TURN = frozenset(TurnLabels.__dataclass_fields__)


def read(kind: type[R], value: Any) -> R:
    """Parse a record of this type.

    Raises:
        ApiError: the value does not fit (`answer_unreadable`).
    """
    try:
        found: R = _adapter(kind).validate_python(value)  # type: ignore[arg-type]
    except ValidationError:
        raise _unreadable() from None
    return found


def read_analysis(value: Any) -> Analysis:
    """Parse an analysis.

    Raises:
        ApiError: the value is not an analysis (`answer_unreadable`).
    """
    is_transcript = isinstance(value, dict) and "turns" in value
    return read(Analysis, {**value, "conversation": _conversation(value)} if is_transcript else value)


def read_results(value: Any, count: int) -> list[Json]:
    """Parse the results of a number of records.

    Raises:
        ApiError: the number differs (`answer_unreadable`).
    """
    match value:
        case {"results": list(found)} if len(found) == count:
            return found
    raise _unreadable()


def read_result(value: Any) -> Analysis | Rejected:
    """Parse an analysis or rejection.

    Raises:
        ApiError: the value is neither (`answer_unreadable`).
    """
    match value:
        case {"status": "rejected", "id": record_id, "error": {"code": code, "message": message}}:
            return Rejected(record_id, code, message)
    return read_analysis(value)


def _unreadable() -> ApiError:
    return ApiError("the service did not answer as its document says; is it of another version?", code="answer_unreadable")


def _conversation(value: Json) -> Json:
    review = value.get("needs_review") or {}
    said = {"needs_review": review.get("value"), "needs_review_probability": review.get("probability")}
    turns = value["turns"]
    told = {"turns": [_turn(turn) for turn in turns] if isinstance(turns, list) else turns}
    return {name: value.get(name) for name in CONVERSATION} | told | said | {"review_because": review.get("because", "")}


def _turn(turn: Any) -> Any:
    """Parse a turn, with its own labels if there are any."""
    has_labels = isinstance(turn, dict) and not _OF_TURN.isdisjoint(turn)
    return {**turn, "labels": turn} if has_labels else turn


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> Any:
    return TypeAdapter(kind)
