"""A JSON object in, a raw verbatim or a rejection out: the single validation for files, HTTP and Python callers.

Messages name the field, never its value. `row` stays empty: only text or turns of an object are passed on.
"""

from collections.abc import Container, Mapping
from typing import Any

from vocservice.errors import RecordError
from vocservice.records import SPEAKERS, RawTurn, RawVerbatim, Rejected
from vocservice.tables.columns import ALIASES, SCORE_KINDS
from vocservice.tables.header import plain
from vocservice.tables.prefixes import dialogue, parted
from vocservice.turns import author_of, has_no_customer, role_among, role_of, turn_of, warnings_of

_SCORE_KINDS = tuple(dict.fromkeys(SCORE_KINDS.values()))
_SHOWN_FIELD = 40


def parse_record(obj: object, *, default_id: str, customers: Container[str] = ()) -> RawVerbatim | Rejected:
    """Validate one object.

    Args:
        obj: parsed JSON: `{"id", "text"}` or `{"id", "turns"}` with the optional fields of the contract.
        default_id: the id if the object has none.
        customers: speakers of turns who are customers, as `turns.called`.

    Returns:
        The record, or a rejection with code `invalid_type`, `missing_text`, `invalid_turns`, `empty_text` or `invalid_encoding`.
    """
    record_id = default_id
    try:
        if not isinstance(obj, Mapping):
            raise RecordError("a record must be a JSON object", code="invalid_type")
        record_id = _id(obj, default_id)
        return _verbatim(obj, record_id, customers)
    except RecordError as error:
        return Rejected(record_id, error.code, error.message, field=error.field)


def _verbatim(obj: Mapping[str, Any], record_id: str, customers: Container[str]) -> RawVerbatim:
    turns = _turns(obj, customers)
    text = _text(obj, by_alias=turns is None)
    if text is None and turns is None:
        raise RecordError("the record has neither text nor turns; send one of them", code="missing_text")
    if turns is None and role_of(speaker if isinstance(speaker := obj.get("speaker"), str) else ""):
        raise RecordError(
            "the record has a speaker, as a turn has; send the turns of a conversation as one record, in order under turns",
            code="invalid_turns",
        )
    if text is not None and turns is not None:
        raise RecordError("the record has both text and turns; send one of them", code="invalid_type")
    turns = turns or dialogue(text or "")
    return RawVerbatim(
        id=record_id,
        text=None if turns else text,
        turns=turns,
        channel=_string(obj.get("channel"), "channel"),
        question=_string(obj.get("question"), "question"),
        created_at=_string(obj.get("created_at"), "created_at"),
        language=_string(obj.get("language"), "language"),
        subject=_key(obj.get("subject"), "subject"),
        score=_score(obj.get("score")),
        metadata=_mapping(obj.get("metadata"), "metadata"),
        author=_string(author, "author") if isinstance(author := obj.get("author"), str) else None,
        warnings=warnings_of(turns),
    )


def _id(obj: Mapping[str, Any], default_id: str) -> str:
    name = _find(obj, "id")
    found = _key(obj[name], name) if name is not None else None
    return found if found and found.strip() else default_id


def _text(obj: Mapping[str, Any], *, by_alias: bool) -> str | None:
    """The text; beside turns, keys such as `review` or `answer` do not count as text."""
    name = _find(obj, "text") if by_alias or "text" in obj else None
    return _string(obj[name], name) if name is not None else None


def _find(obj: Mapping[str, Any], field: str) -> str | None:
    """The object's own key for a field: the name itself, else the first of its aliases."""
    if field in obj:
        return field
    names = {plain(key): key for key in obj if isinstance(key, str)}
    return next((names[alias] for alias in ALIASES[field] if alias in names and obj[names[alias]] is not None), None)


def _turns(obj: Mapping[str, Any], customers: Container[str]) -> tuple[RawTurn, ...] | None:
    turns = obj.get("turns")
    if turns is None:
        return None
    if not isinstance(turns, list | tuple):
        raise RecordError("turns must be a list", code="invalid_turns")
    if not turns:
        raise RecordError("turns is empty; give at least one", code="invalid_turns")
    found = tuple(parted(_turn(turn, index, customers) for index, turn in enumerate(turns)))
    if has_no_customer(found):
        raise RecordError("no turn is said by a customer; give their turns the speaker customer", code="empty_text", field="speaker")
    return found


def _turn(turn: object, index: int, customers: Container[str]) -> RawTurn:
    where = f"turn {index}"
    if not isinstance(turn, Mapping):
        raise RecordError(f"{where} must be an object with speaker and text", code="invalid_turns")
    speaker, text = turn.get("speaker"), turn.get("text")
    if not isinstance(speaker, str):
        raise RecordError(f"the speaker of {where} must be a string, such as {', '.join(SPEAKERS)}", code="invalid_turns")
    if not isinstance(text, str):
        raise RecordError(f"the text of {where} must be a string", code="invalid_turns")
    at, author = (_string(turn.get(name), f"{name} of {where}", code="invalid_turns") for name in ("at", "author"))
    name = _encodable(speaker, f"the speaker of {where}")
    return turn_of(role_among(name, customers), _encodable(text, f"the text of {where}"), at, author or author_of(name))


def _key(value: object, name: str) -> str | None:
    """An id: a string or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise RecordError(f"{_shown(name)} must be a string or a whole number", code="invalid_type")
    return _string(value, name)


def _string(value: object, name: str, *, code: str = "invalid_type") -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"{_shown(name)} must be a string", code=code)
    return _encodable(value, _shown(name))


def _encodable(text: str, name: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RecordError(f"{name} holds half of a surrogate pair; send whole characters", code="invalid_encoding") from None
    return text


def _mapping(value: object, name: str) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise RecordError(f"{name} must be an object", code="invalid_type")
    return value


def _score(value: object) -> Mapping[str, Any] | None:
    if value is None:
        return None
    score = {"value": value} if _is_number(value) else _mapping(value, "score")
    if score is None or not _is_number(score.get("value")):
        raise RecordError("score must be an object with a number as value", code="invalid_type")
    if score.get("kind") not in (None, *_SCORE_KINDS):
        raise RecordError(f"the kind of score must be one of {', '.join(_SCORE_KINDS)}", code="invalid_type")
    return score


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(name: str) -> str:
    """A field's name for a message."""
    return name if name.isprintable() and len(name) <= _SHOWN_FIELD else "a field"
