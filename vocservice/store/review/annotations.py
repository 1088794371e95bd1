"""A person's decision on a record in, an annotation beside the model's labels out; nobody overwrites unseen changes.

The form contains the revision and the number of steps (decisions and undos) that its writer saw; if there were more
since, the decision is refused, with the conflicting one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, or_, select, update

from vocservice.errors import ConflictError, InputError
from vocservice.records import Json
from vocservice.store import audit
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review import holders, sampling, unfixed
from vocservice.store.schema import analyses, annotations, claims, drafts, records, reviews, users

Decision = Literal["confirm", "dismiss", "correct"]
LONGEST_NOTE = 2000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """The state on which a form is based."""

    revision: int
    bundle: str
    steps: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision; `submission` is the random id of the form."""

    decision: Decision
    labels: Json
    note: str
    submission: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A decision and its author; `by` is None if no longer known."""

    id: str
    record_id: str
    user_id: str | None
    by: str | None
    revision: int
    bundle: str
    decision: Decision
    labels: Json
    note: str | None
    created_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Example:
    """A decision with the analysis that its writer saw."""

    annotation: Annotation
    result: Json
    channel: str | None


def given_labels(result: Json) -> Json:
    """The labels of an analysis in the form of an annotation: keys without probabilities."""
    mood, call = result.get("sentiment"), result.get("needs_review")
    return {
        "stages": [label["key"] for label in result.get("stages") or ()],
        "factors": [{"key": label["key"], "polarity": label["polarity"]} for label in result.get("factors") or ()],
        "sentiment": mood["level"] if mood else None,
        "scope": (result.get("scope") or {}).get("key"),
        "flags": [label["key"] for label in result.get("flags") or ()],
        "outcome": (result.get("outcome") or {}).get("key"),
        "reasons": [label["key"] for label in result.get("reasons") or ()],
        "needs_review": call["value"] if call else None,
    }


def labels_of(decision: Decision, result: Json) -> Json:
    """The labels implied by confirming or dismissing an analysis."""
    given = given_labels(result)
    is_called = decision == "dismiss" and given["needs_review"] is not None
    return {**given, "needs_review": False, "reasons": []} if is_called else given


def labels_held(connection: Connection, record_id: str, revision: int, result: Json) -> Json:
    """The valid labels of a text: those of the last valid decision, else those of its analysis."""
    stands = (annotations.c.record_id == record_id, annotations.c.revision == revision, annotations.c.undone_at.is_(None))
    order = (annotations.c.created_at.desc(), annotations.c.id.desc())
    row = connection.execute(select(annotations.c.labels).where(*stands).order_by(*order).limit(1)).one_or_none()
    return given_labels(result) if row is None else row.labels


def decide(connection: Connection, user: User, record_id: str, seen: Seen, draft: Draft) -> Annotation:
    """Add a decision; resubmitting a form has no effect.

    Raises:
        InputError: the record is gone (`record_unknown`).
        ConflictError: somebody decided, or the record changed, since the form was created (`review_conflict`), or another
            person holds it (`review_held`).
    """
    held = _locked(connection, user.workspace_id, record_id)
    history = listed(connection, user.workspace_id, record_id)
    if repeated := _sent(connection, user, record_id, draft.submission):
        return next(annotation for annotation in history if annotation.id == repeated)
    if (held.revision, held.bundle, steps(history)) != (seen.revision, seen.bundle, seen.steps):
        raise ConflictError("somebody decided on this record, or it changed, since you opened it", code="review_conflict")
    holders.check(connection, user, record_id)
    values = {
        "id": new_id("ann"),
        "record_id": record_id,
        "workspace_id": user.workspace_id,
        "user_id": user.id,
        "revision": seen.revision,
        "bundle": seen.bundle,
        "decision": draft.decision,
        "labels": draft.labels,
        "note": draft.note.strip()[:LONGEST_NOTE] or None,
        "submission": draft.submission,
        "created_at": now(connection),
    }
    connection.execute(insert(annotations).values(**values))
    _settle(connection, record_id, held.result)
    connection.execute(delete(claims).where(claims.c.record_id == record_id))
    connection.execute(delete(drafts).where(drafts.c.record_id == record_id, drafts.c.user_id == user.id))
    sampling.decided(connection, user.workspace_id, record_id, user_id=user.id, annotation_id=str(values["id"]))
    moved = sorted(changed(draft.labels, held.result))
    _audit(connection, user, f"review.{draft.decision}", record_id, annotation=values["id"], changed=moved)
    return listed(connection, user.workspace_id, record_id)[-1]


def undo(connection: Connection, user: User, record_id: str, annotation_id: str) -> Annotation:
    """Undo one's own last decision; idempotent.

    Raises:
        InputError: there is no such decision of this user (`annotation_unknown`).
        ConflictError: somebody decided after it (`review_conflict`).
    """
    held = _locked(connection, user.workspace_id, record_id)
    history = listed(connection, user.workspace_id, record_id)
    found = next((annotation for annotation in history if annotation.id == annotation_id and annotation.user_id == user.id), None)
    if found is None:
        raise InputError("there is no decision of yours to undo", code="annotation_unknown")
    if found.undone_at is None:
        if next(one for one in reversed(history) if one.undone_at is None).id != found.id:
            raise ConflictError("somebody decided after you; nothing was undone", code="review_conflict")
        connection.execute(update(annotations).where(annotations.c.id == found.id).values(undone_at=now(connection)))
        _settle(connection, record_id, held.result)
        sampling.undone(connection, found.id)
        _audit(connection, user, "review.undo", record_id, annotation=found.id)
    return next(annotation for annotation in listed(connection, user.workspace_id, record_id) if annotation.id == annotation_id)


def refuse_decided(connection: Connection, user: User, record_id: str, seen: Seen) -> None:
    """Check that the writer of a form has not decided since, as with a late draft.

    Raises:
        InputError: the record is gone (`record_unknown`).
        ConflictError: the last decision is their own, and the form is older (`review_conflict`).
    """
    _locked(connection, user.workspace_id, record_id)
    history = listed(connection, user.workspace_id, record_id)
    is_own = bool(history) and history[-1].user_id == user.id and history[-1].undone_at is None
    if is_own and steps(history) != seen.steps:
        raise ConflictError("you decided on this record since you opened it; the draft was not kept", code="review_conflict")


def listed(connection: Connection, workspace_id: str, record_id: str) -> list[Annotation]:
    """Every decision on a record, including undone ones, oldest first."""
    chosen = _selected().where(annotations.c.workspace_id == workspace_id, annotations.c.record_id == record_id)
    return [_annotation(row) for row in connection.execute(chosen.order_by(annotations.c.created_at, annotations.c.id))]


def steps(history: list[Annotation]) -> int:
    """Number of decisions and undos."""
    return len(history) + sum(annotation.undone_at is not None for annotation in history)


def seen(connection: Connection, workspace_id: str, record_ids: Sequence[str]) -> dict[str, Seen]:
    """The state of several records for forms that decide them as shown: the analysed text, even if a newer one is queued."""
    count = func.count(annotations.c.id) + func.count(annotations.c.undone_at)
    chosen = (
        select(records.c.id, analyses.c.revision, analyses.c.bundle, count)
        .join(analyses, and_(analyses.c.record_id == records.c.id, analyses.c.is_current))
        .outerjoin(annotations, annotations.c.record_id == records.c.id)
        .where(records.c.workspace_id == workspace_id, records.c.id.in_(record_ids))
        .group_by(records.c.id, analyses.c.revision, analyses.c.bundle)
    )
    return {row[0]: Seen(*row[1:]) for row in connection.execute(chosen)}


def last_of(connection: Connection, user: User) -> Annotation | None:
    """The last decision of a user that can be undone: valid, with no later decision; None without one."""
    later = annotations.alias()
    is_later = or_(
        later.c.created_at > annotations.c.created_at,
        and_(later.c.created_at == annotations.c.created_at, later.c.id > annotations.c.id),
    )
    overtaken = exists().where(later.c.record_id == annotations.c.record_id, later.c.undone_at.is_(None), is_later)
    chosen = _selected().where(annotations.c.user_id == user.id, annotations.c.undone_at.is_(None), ~overtaken)
    row = connection.execute(chosen.order_by(annotations.c.created_at.desc(), annotations.c.id.desc()).limit(1)).first()
    return None if row is None else _annotation(row)


def examples(connection: Connection, workspace_id: str) -> Iterator[Example]:
    """The last valid decision on the current revision of each record, with its analysis."""
    fits = and_(
        analyses.c.record_id == annotations.c.record_id,
        analyses.c.revision == annotations.c.revision,
        analyses.c.bundle == annotations.c.bundle,
    )
    chosen = (
        _selected()
        .add_columns(analyses.c.result, records.c.channel)
        .join(records, and_(records.c.id == annotations.c.record_id, records.c.revision == annotations.c.revision))
        .join(analyses, fits)
        .where(annotations.c.workspace_id == workspace_id, annotations.c.undone_at.is_(None))
        .order_by(annotations.c.record_id, annotations.c.created_at.desc(), annotations.c.id.desc())
        .execution_options(yield_per=_BATCH)
    )
    before = None
    for row in connection.execute(chosen):
        if row.record_id != before:
            yield Example(_annotation(row), row.result, row.channel)
        before = row.record_id


def _selected() -> Any:
    columns = [annotations.c[name] for name in Annotation.__dataclass_fields__ if name != "by"]
    return select(*columns, users.c.name.label("by")).outerjoin(users, users.c.id == annotations.c.user_id)


def _annotation(row: Row[*tuple[Any, ...]]) -> Annotation:
    return Annotation(**{name: getattr(row, name) for name in Annotation.__dataclass_fields__})


def _locked(connection: Connection, workspace_id: str, record_id: str) -> Row[*tuple[Any, ...]]:
    chosen = (
        select(records.c.revision, analyses.c.bundle, analyses.c.result)
        .join(analyses, and_(analyses.c.record_id == records.c.id, analyses.c.is_current))
        .where(records.c.workspace_id == workspace_id, records.c.id == record_id)
        .with_for_update(of=records)
    )
    row = connection.execute(chosen).one_or_none()
    if row is None:
        raise InputError("there is no such record", code="record_unknown")
    return row


def _sent(connection: Connection, user: User, record_id: str, submission: str) -> str | None:
    """The id of the decision already made by this form."""
    same = (annotations.c.submission == submission, annotations.c.user_id == user.id, annotations.c.record_id == record_id)
    return connection.scalar(select(annotations.c.id).where(*same))


def _settle(connection: Connection, record_id: str, result: Json) -> None:
    """A record is decided while there is a valid decision on its revision."""
    stands = (annotations.c.record_id == record_id, annotations.c.undone_at.is_(None), annotations.c.revision == reviews.c.revision)
    last = select(annotations.c.created_at).where(*stands).order_by(annotations.c.created_at.desc()).limit(1).scalar_subquery()
    decided = update(reviews).where(reviews.c.record_id == record_id).values(decided_at=last)
    revision = connection.scalar(decided.returning(reviews.c.revision))
    if revision is not None:
        unfixed.note(connection, record_id, result, labels_held(connection, record_id, revision, result))


def _audit(connection: Connection, user: User, action: str, record_id: str, **details: Any) -> None:
    audit.write(connection, user.workspace_id, Act(user.actor, action, record_id, details))


def changed(labels: Mapping[str, Any], result: Json) -> tuple[str, ...]:
    """The sets in which a person disagrees with the model."""
    model = given_labels(result)
    return tuple(name for name, value in labels.items() if value != model.get(name))
