"""The tables before in, the same with when issues were closed and what the queue knows of recovered but unfixed out; and back."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

Id, Code = sa.String(40), sa.String(64)
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_BATCH = 500

_reviews = sa.table("reviews", sa.column("record_id", Id), sa.column("revision", sa.Integer), sa.column("is_unfixed", sa.Boolean))
_causes = sa.table("review_causes", *(sa.column(name, sa.String) for name in ("record_id", "stage", "factor")))
_analyses = sa.table("analyses", sa.column("record_id", Id), sa.column("is_current", sa.Boolean), sa.column("result", Document))
_annotations = sa.table(
    "annotations",
    *(sa.column(name, Id) for name in ("id", "record_id")),
    *(sa.column(name, sa.BigInteger) for name in ("revision", "created_at", "undone_at")),
    sa.column("labels", Document),
)


def upgrade() -> None:
    """An issue that is closed was so when it last changed; each transcript of the queue is looked at by the labels that hold."""
    op.add_column("issues", sa.Column("closed_at", sa.BigInteger()))
    op.execute("UPDATE issues SET closed_at = changed_at WHERE status = 'closed'")
    op.add_column("reviews", sa.Column("is_unfixed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_reviews_unfixed", "reviews", ["workspace_id", "is_unfixed", "decided_at", "urgency", "record_id"])
    op.create_table(
        "review_causes",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("stage", Code, nullable=False),
        sa.Column("factor", Code, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "stage", "factor", name="pk_review_causes"),
        sa.ForeignKeyConstraint(["record_id"], ["reviews.record_id"], name="fk_review_causes_record_id", ondelete="CASCADE"),
    )
    connection = op.get_bind()
    after = ""
    while rows := _lines(connection, after):
        after = rows[-1].record_id
        for row in rows:
            _note(connection, row)


def downgrade() -> None:
    """The queue goes by what the model holds again."""
    op.drop_table("review_causes")
    op.drop_index("ix_reviews_unfixed", "reviews")
    op.drop_column("reviews", "is_unfixed")
    op.drop_column("issues", "closed_at")


def _lines(connection: sa.Connection, after: str) -> list[Any]:
    """Some lines of the queue behind one, each with its analysis."""
    current = sa.and_(_analyses.c.record_id == _reviews.c.record_id, _analyses.c.is_current)
    chosen = sa.select(_reviews.c.record_id, _reviews.c.revision, _analyses.c.result).join(_analyses, current)
    return list(connection.execute(chosen.where(_reviews.c.record_id > after).order_by(_reviews.c.record_id).limit(_BATCH)))


def _note(connection: sa.Connection, row: Any) -> None:
    labels = _held(connection, row)
    if labels.get("outcome") == "resolved" and labels.get("scope") in ("experience_issue", "both"):
        connection.execute(sa.update(_reviews).where(_reviews.c.record_id == row.record_id).values(is_unfixed=True))
        values = [{"record_id": row.record_id, "stage": stage or "", "factor": factor} for stage, factor in _blamed(row.result, labels)]
        if values:
            connection.execute(sa.insert(_causes), values)


def _held(connection: sa.Connection, row: Any) -> dict[str, Any]:
    """What people decided last on this text, else what the model gave."""
    stands = (_annotations.c.record_id == row.record_id, _annotations.c.revision == row.revision, _annotations.c.undone_at.is_(None))
    order = (_annotations.c.created_at.desc(), _annotations.c.id.desc())
    decided = connection.execute(sa.select(_annotations.c.labels).where(*stands).order_by(*order).limit(1)).one_or_none()
    return dict(_given(row.result)) if decided is None else dict(decided.labels)


def _given(result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Of a result, in the shape of an annotation, what tells this."""
    yield "stages", [label["key"] for label in result.get("stages") or ()]
    yield "factors", [{"key": label["key"], "polarity": label["polarity"]} for label in result.get("factors") or ()]
    yield from ((name, (result.get(name) or {}).get("key")) for name in ("scope", "outcome"))


def _blamed(result: Mapping[str, Any], labels: Mapping[str, Any]) -> set[tuple[str | None, str]]:
    """What labels blame: each factor at those stages whose evidence it shares; where it shares none, at the first."""
    blamed = [factor["key"] for factor in labels.get("factors") or () if factor["polarity"] == "-"]
    stages = labels.get("stages") or ()
    shared = {key: [stage for stage in stages if _overlap(result, stage, key)] or stages[:1] for key in blamed}
    return {(stage, key) for key in blamed for stage in shared[key] or (None,)}


def _overlap(result: Mapping[str, Any], stage: str, factor: str) -> bool:
    """Whether the model had evidence for both at one place."""
    own, others = (list(_evidence(result, name, key)) for name, key in (("stages", stage), ("factors", factor)))
    return any(a["turn"] == b["turn"] and a["start"] < b["end"] and b["start"] < a["end"] for a in own for b in others)


def _evidence(result: Mapping[str, Any], name: str, key: str) -> Iterator[Mapping[str, Any]]:
    return (piece for label in result.get(name) or () if label["key"] == key for piece in label.get("evidence") or ())
