"""Decisions of the desk in, rows and tasks for other tools out; their results in, decisions again.

Three formats: a labelled table (JSON Lines, CSV or Excel), Label Studio tasks, Argilla records.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from vocservice.errors import ConflictError, InputError
from vocservice.records import Json
from vocservice.store import audit
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import Database
from vocservice.store.review import annotations, cases
from vocservice.store.review.annotations import Draft, Example, Seen, given_labels
from vocservice.store.review.second import differing
from vocservice.taxonomy import Taxonomy

MULTI, SINGLE = ("stages", "factors", "flags", "reasons"), ("sentiment", "scope", "outcome")
CALL = "needs_review"  # for transcripts; a choice in other tools
CALLED: Mapping[str, bool] = {"yes": True, "no": False}
ASKED = (*MULTI, *SINGLE, CALL)
PLACED = ("stages", "factors", "flags")  # the sets whose evidence is used in training
COLUMNS = ("id", "text", "channel", *ASKED, "decision", "model", "annotator", "annotated_at")
Outcome = Literal["stored", "same", "conflict", "unknown", "refused"]
_SIGNS = "+-~"
_LEVELS = ("-2", "-1", "0", "1", "2")
_TRUTHS: Mapping[str, bool] = {**CALLED, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Incoming:
    """The labels of a record from another tool: per set, as text; `annotated_at` is that of the decision they are based on."""

    record_id: str
    labels: Mapping[str, tuple[str, ...]]
    annotated_at: str


def as_table(example: Example) -> Json:
    """A row of a labelled table, as read by `voc train --data`: several labels in one cell, joined by `|`.

    `evidence` has the positions of the model's labels that the person kept, as [turn, start, end]; `withheld` labels given by neither.
    """
    cells = {name: "|".join(_keys(example, name)) for name in (*MULTI, *SINGLE)}
    return {**_head(example), **cells, **_called(example), "evidence": _evidence(example), "withheld": _withheld(example), **_tail(example)}


def as_label_studio(example: Example) -> Json:
    """A Label Studio task with its annotation, and the model's labels as a prediction.

    Its users differ from ours: the annotation belongs to its importer, and our user is named in `data`.
    """
    note = example.annotation
    done = {"created_at": note.created_at.isoformat(), "result": _choices(example, _keys)}
    guess = {"model_version": note.bundle, "result": _choices(example, _model_keys)}
    return {"data": {**_head(example), **_tail(example)}, "annotations": [done], "predictions": [guess]}


def as_argilla(example: Example) -> Json:
    """An Argilla record that suggests the person's decision: responses need one of its users, and empty answers are refused."""
    head, about = _head(example), {**_tail(example), "channel": example.channel}
    agent = example.annotation.user_id or "unknown"
    return {
        "id": head["id"],
        "fields": {"text": head["text"]},
        "metadata": {name: value for name, value in about.items() if value is not None},
        "suggestions": {name: {"value": value, "agent": agent} for name, value in _values(example).items()},
        "responses": {},
    }


SHAPES: Mapping[str, Callable[[Example], Json]] = {"jsonl": as_table, "label-studio": as_label_studio, "argilla": as_argilla}


def _head(example: Example) -> Json:
    result = example.result
    head: Json = {"id": example.annotation.record_id, "text": result["text"], "channel": example.channel}
    if turns := result.get("turns"):
        head["turns"] = [{"speaker": turn["speaker"], "text": turn["text"]} for turn in turns]
    return head


def _tail(example: Example) -> Json:
    note = example.annotation
    return {"decision": note.decision, "model": note.bundle, "annotator": note.user_id, "annotated_at": note.created_at.isoformat()}


def _called(example: Example) -> Json:
    """Whether a transcript needs review."""
    value = example.annotation.labels.get(CALL)
    return {} if value is None else {CALL: value}


def _evidence(example: Example) -> Json:
    """set -> label -> positions of the model's labels that the person kept."""
    return {name: found for name in PLACED if (found := _places(example, name))}


def _places(example: Example, name: str) -> dict[str, list[list[int | None]]]:
    kept = _plain_keys(example, name)
    labels = [label for label in example.result.get(name) or () if label["key"] in kept and label.get("evidence")]
    return {label["key"]: [[piece["turn"], piece["start"], piece["end"]] for piece in label["evidence"]] for label in labels}


def _withheld(example: Example) -> Json:
    """set -> labels withheld by the model and not given by the person, for sets left as the model gave them."""
    said, given = example.annotation.labels, given_labels(example.result)
    named = [str(one["label"]).partition(".") for one in example.result.get("abstained") or ()]
    left = [name for name in PLACED if not differing({name: said.get(name)}, given)]
    found = {name: [key for whole, _, key in named if whole == name and key not in _plain_keys(example, name)] for name in left}
    return {name: keys for name, keys in found.items() if keys}


def _plain_keys(example: Example, name: str) -> set[str]:
    """The person's labels, without polarities."""
    return {label["key"] if name == "factors" else label for label in example.annotation.labels.get(name) or ()}


def _keys(example: Example, name: str) -> list[str]:
    """The person's labels of one set; factors with their polarity."""
    return _flat(example.annotation.labels, name)


def _model_keys(example: Example, name: str) -> list[str]:
    return _flat(given_labels(example.result), name)


def _flat(labels: Json, name: str) -> list[str]:
    value = labels.get(name)
    if name == CALL:
        return [key for key, truth in CALLED.items() if truth is value]
    if name == "factors":
        return [f"{factor['key']}{factor['polarity']}" for factor in value or ()]
    if name in SINGLE:
        return [] if value is None else [str(value)]
    return list(value or ())


def _values(example: Example) -> dict[str, Any]:
    given = {name: found for name in ASKED if (found := _keys(example, name))}
    return {name: found if name in MULTI else found[0] for name, found in given.items()}


def _choices(example: Example, keys: Callable[[Example, str], list[str]]) -> list[Json]:
    return [
        {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": found}}
        for name in ASKED
        if (found := keys(example, name))
    ]


def values_of(raw: bytes) -> list[Any]:
    """The objects of JSON Lines, or of one list.

    Raises:
        InputError: it is neither (`invalid_json`).
    """
    try:
        whole = orjson.loads(raw) if raw.lstrip()[:1] == b"[" else [orjson.loads(line) for line in raw.splitlines() if line.strip()]
    except ValueError:
        raise InputError("the file is not JSON Lines", code="invalid_json") from None
    return list(whole)


def incoming(value: Any) -> Incoming | None:
    """Parse an object in any of the three formats; None if it is in none."""
    if not isinstance(value, dict):
        return None
    if isinstance(task := value.get("data"), dict):
        return _of_label_studio(task, value.get("annotations"))
    if isinstance(value.get("fields"), dict):
        return _of_argilla(value)
    labels = {name: _parts(value[name]) for name in ASKED if name in value}
    return _made(value.get("id"), labels, value.get("annotated_at")) if labels else None


def _parts(cell: Any) -> tuple[str, ...]:
    """The labels of a cell; a number is a label, including 0."""
    return () if cell is None or cell == [] else tuple(part for part in str(cell).split("|") if part)


def bring_in(database: Database, user: User, rows: Iterable[Incoming | None], taxonomy: Taxonomy) -> Counter[Outcome]:
    """Store the labels of each row of a file, one transaction per row; return counts by outcome. Rows without labels are refused."""
    found: Counter[Outcome] = Counter()
    for row in rows:
        if row is None:
            found["refused"] += 1
            continue
        with database.write() as connection:
            found[take(connection, user, row, taxonomy)] += 1
    details = {str(outcome): count for outcome, count in found.items()}
    with database.write() as connection:
        audit.write(connection, user.workspace_id, Act(user.actor, "annotations.import", user.workspace_id, details))
    return found


def take(connection: Connection, user: User, given: Incoming, taxonomy: Taxonomy) -> Outcome:
    """Store labels from another tool as a decision of this user; a decision unknown to its writer is never overruled, and
    labels based on a decision that was undone, or whose text changed, are not stored.

    Returns:
        `stored`, `same` (already stored), `conflict` (the current decision is not the one they are based on; or another person
        has it open), `unknown` (no such record here) or `refused` (a label is not in the taxonomy).
    """
    found = cases.of(connection, user.workspace_id, given.record_id)
    if found is None:
        return "unknown"
    history = annotations.listed(connection, user.workspace_id, found.record_id)
    stands = [one for one in history if one.undone_at is None and one.revision == found.revision]
    last = stands[-1] if stands else None
    labels = _read(given.labels, last.labels if last else given_labels(found.result), taxonomy)
    if labels is None:
        return "refused"
    if last and not differing(labels, last.labels):
        return "same"
    if given.annotated_at != (last.created_at.isoformat() if last else ""):
        return "conflict"
    submission = hashlib.sha256(repr((given, len(history))).encode("utf-8", "replace")).hexdigest()[:40]
    seen = Seen(found.revision, found.bundle, annotations.steps(history))
    try:
        annotations.decide(connection, user, found.record_id, seen, Draft("correct", labels, "", submission))
    except ConflictError:  # somebody has just decided, or has it open
        return "conflict"
    return "stored"


def _of_label_studio(task: Mapping[str, Any], done: Any) -> Incoming | None:
    kept = [one for one in done if isinstance(one, dict) and not one.get("was_cancelled")] if isinstance(done, list) else []
    last = kept[-1] if kept else {}
    given = last.get("result") or []
    if not isinstance(given, list):
        return None
    parts = [part for part in given if isinstance(part, dict) and isinstance(part.get("value"), dict)]
    found = {str(part.get("from_name")): part["value"].get("choices") or [] for part in parts}
    if not all(isinstance(choices, list) for choices in found.values()):
        return None
    chosen = {name: tuple(map(str, choices)) for name, choices in found.items()}
    return _made(task.get("id"), _answered(chosen), task.get("annotated_at")) if last else None


def _of_argilla(value: Mapping[str, Any]) -> Incoming | None:
    """The last answer; else our own suggestions, which are limited to the sets they name."""
    answers = {name: given[-1] for name, given in _objects(value.get("responses")) if isinstance(given, list) and given}
    offered, about = dict(_objects(value.get("suggestions"))), dict(_objects(value.get("metadata")))
    ours = about.get("annotator") or "unknown"
    said = answers or {name: one for name, one in offered.items() if name in ASKED and isinstance(one, dict) and one.get("agent") == ours}
    chosen = {name: _chosen(one) for name, one in said.items() if isinstance(one, dict)}
    if not chosen and (answers or not (offered or about.get("annotated_at"))):  # ours may have no labels
        return None
    return _made(value.get("id"), _answered(chosen) if answers else chosen, about.get("annotated_at"))


def _objects(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _chosen(answer: Mapping[str, Any]) -> tuple[str, ...]:
    given = answer.get("value")
    return tuple(map(str, given)) if isinstance(given, list) else () if given is None else (str(given),)


def _answered(chosen: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """If one question was answered, multi-label sets without an answer are empty; single-label sets are left unchanged."""
    return {name: chosen.get(name, ()) for name in MULTI} | {name: chosen[name] for name in (*SINGLE, CALL) if chosen.get(name)}


def _made(record_id: Any, labels: Mapping[str, tuple[str, ...]], annotated_at: Any) -> Incoming | None:
    return Incoming(record_id, labels, str(annotated_at or "")) if isinstance(record_id, str) and record_id else None


def _read(said: Mapping[str, tuple[str, ...]], base: Json, taxonomy: Taxonomy) -> Json | None:
    """The labels of an annotation; unnamed sets stay unchanged. None if a label is not in the taxonomy."""
    labels = dict(base)
    for name, keys in said.items():
        if not _is_known(name, keys, taxonomy):
            return None
        if name == "factors":
            labels[name] = [{"key": key[:-1], "polarity": key[-1]} for key in keys]
        elif name in MULTI:
            labels[name] = list(dict.fromkeys(keys))
        elif keys:
            labels[name] = _one(name, keys[0])
    if said.get(CALL):
        return None if base.get(CALL) is None else labels  # texts have no such verdict
    if labels.get(CALL) is not None and set(labels.get("reasons") or ()) != set(base.get("reasons") or ()):
        labels[CALL] = bool(labels.get("reasons"))
    return labels


def _one(name: str, key: str) -> str | int | bool:
    if name == CALL:
        return _TRUTHS[key.casefold()]
    return int(float(key)) if name == "sentiment" else key


def _is_known(name: str, keys: tuple[str, ...], taxonomy: Taxonomy) -> bool:
    if name == "sentiment":
        return all(key.removesuffix(".0") in _LEVELS for key in keys) and len(keys) <= 1
    if name == CALL:
        return all(key.casefold() in _TRUTHS for key in keys) and len(keys) <= 1
    known = taxonomy[name].keys if name in taxonomy else ()
    most = taxonomy[name].max_labels if name in taxonomy and name in MULTI else 1
    plain = [key[:-1] if key[-1:] in _SIGNS else "" for key in keys] if name == "factors" else list(keys)
    return all(key in known for key in plain) and len(set(plain)) == len(plain) and (most is None or len(keys) <= most)


def cells(example: Example) -> tuple[object, ...]:
    """One row with `COLUMNS`; sentiment is a number, turns are left out."""
    row = as_table(example)
    row["sentiment"] = example.annotation.labels.get("sentiment")
    row[CALL] = "".join(_keys(example, CALL))
    return tuple(row.get(name) for name in COLUMNS)
