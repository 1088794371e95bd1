"""An empty database in, the tables of the first release out; and back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id, Key, Code, Hash = sa.String(40), sa.String(255), sa.String(64), sa.String(64)
Time = sa.BigInteger()
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

TABLES = (
    "review_labels",
    "reviews",
    "mentions",
    "claims",
    "annotations",
    "analyses",
    "sessions",
    "deliveries",
    "records",
    "inbox",
    "users",
    "batches",
    "tombstones",
    "sources",
    "keys",
    "jobs",
    "endpoints",
    "workspaces",
    "throttles",
    "promotions",
    "idempotency",
    "facts",
    "audit",
)


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "audit",
        sa.Column("number", Number, nullable=False, autoincrement=True),
        sa.Column("workspace_id", Id),
        sa.Column("at", Time, nullable=False),
        sa.Column("actor", Key, nullable=False),
        sa.Column("action", Code, nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("details", Document, nullable=False),
        sa.Column("previous_hash", Hash, nullable=False),
        sa.Column("hash", Hash, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sa.UniqueConstraint("hash", name="uq_audit_hash"),
    )
    op.create_index("ix_audit_workspace_id_number", "audit", ["workspace_id", "number"])

    op.create_table(
        "facts",
        sa.Column("name", Key, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )

    op.create_table(
        "idempotency",
        sa.Column("key_id", Id, nullable=False),
        sa.Column("route", Key, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("fingerprint", Hash, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", Document),
        sa.Column("created_at", Time, nullable=False),
        sa.UniqueConstraint("key_id", "route", "name", name="uq_idempotency_key_id_route_name"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])

    op.create_table(
        "promotions",
        sa.Column("number", Number, nullable=False, autoincrement=True),
        sa.Column("bundle", Key, nullable=False),
        sa.Column("actor", Key, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_promotions"),
    )

    op.create_table(
        "throttles",
        sa.Column("bucket_hash", Hash, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", Time, nullable=False),
        sa.Column("locked_until", Time),
        sa.PrimaryKeyConstraint("bucket_hash", name="pk_throttles"),
    )

    op.create_table(
        "workspaces",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("keeps_originals", sa.Boolean, nullable=False),
        sa.Column("retention_days", sa.Integer),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("name", name="uq_workspaces_name"),
    )

    op.create_table(
        "endpoints",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("events", Document, nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary, nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_endpoints_workspace_id", ondelete="CASCADE"),
    )

    op.create_table(
        "jobs",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("payload", Document, nullable=False),
        sa.Column("state", Code, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", Time, nullable=False),
        sa.Column("lease_until", Time),
        sa.Column("lease_owner", Key),
        sa.Column("error_code", Code),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_jobs_workspace_id", ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('queued', 'running', 'dead')", name=op.f("ck_jobs_state")),
    )
    op.create_index("ix_jobs_kind_state_due_at", "jobs", ["kind", "state", "due_at"])
    op.create_index("ix_jobs_state_lease_until", "jobs", ["state", "lease_until"])
    op.create_index("ix_jobs_target", "jobs", ["target"])
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["kind", "target"],
        unique=True,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )

    op.create_table(
        "batches",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("input_format", Code, nullable=False),
        sa.Column("input_bytes", sa.BigInteger, nullable=False),
        sa.Column("mapping", Document, nullable=False),
        sa.Column("options", Document, nullable=False),
        sa.Column("rows_total", sa.Integer),
        sa.Column("rows_done", sa.Integer, nullable=False),
        sa.Column("rows_rejected", sa.Integer, nullable=False),
        sa.Column("rate", sa.Float),
        sa.Column("error_code", Code),
        sa.Column("error_message", sa.Text),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("started_at", Time),
        sa.Column("finished_at", Time),
        sa.Column("expires_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_batches_workspace_id", ondelete="CASCADE"),
        sa.CheckConstraint("status IN ('draft', 'queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_batches_status")),
    )
    op.create_index("ix_batches_workspace_id_created_at_id", "batches", ["workspace_id", "created_at", "id"])
    op.create_index("ix_batches_status_expires_at", "batches", ["status", "expires_at"])

    op.create_table(
        "keys",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("secret_hash", Hash, nullable=False),
        sa.Column("scopes", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("expires_at", Time),
        sa.Column("revoked_at", Time),
        sa.Column("last_used_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_keys_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("prefix", name="uq_keys_prefix"),
    )

    op.create_table(
        "sources",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("adapter", Code, nullable=False),
        sa.Column("token_hash", Hash, nullable=False),
        sa.Column("secrets_sealed", sa.LargeBinary, nullable=False),
        sa.Column("options", Document, nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("last_received_at", Time),
        sa.Column("received", sa.Integer, nullable=False),
        sa.Column("quarantined", sa.Integer, nullable=False),
        sa.Column("warned", sa.Integer, nullable=False),
        sa.Column("signature_failures", sa.Integer, nullable=False),
        sa.Column("last_failure_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_sources_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("token_hash", name="uq_sources_token_hash"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_sources_workspace_id_name"),
    )

    op.create_table(
        "tombstones",
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("record_hash", Hash, nullable=False),
        sa.Column("reason", Code, nullable=False),
        sa.Column("erased_at", Time, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_tombstones_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("workspace_id", "record_hash", name="uq_tombstones_workspace_id_record_hash"),
    )

    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("email", Key, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("role", Code, nullable=False),
        sa.Column("password_hash", Key),
        sa.Column("oidc_subject", Key),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", Time),
        sa.Column("preferences", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("last_login_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_users_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.UniqueConstraint("oidc_subject", name="uq_users_oidc_subject"),
        sa.CheckConstraint("role IN ('analyst', 'support_lead', 'admin')", name=op.f("ck_users_role")),
    )

    op.create_table(
        "inbox",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("delivery_key", Key, nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("error_code", Code),
        sa.Column("content_type", Key),
        sa.Column("body_sealed", sa.LargeBinary),
        sa.Column("received_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_inbox_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_inbox_source_id", ondelete="CASCADE"),
        sa.UniqueConstraint("source_id", "delivery_key", name="uq_inbox_source_id_delivery_key"),
        sa.CheckConstraint("status IN ('accepted', 'quarantined', 'discarded')", name=op.f("ck_inbox_status")),
    )
    op.create_index("ix_inbox_workspace_id_status_received_at", "inbox", ["workspace_id", "status", "received_at"])

    op.create_table(
        "records",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("source_id", Id),
        sa.Column("source_key", Key, nullable=False),
        sa.Column("source_record", Key, nullable=False),
        sa.Column("source_version", Key),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content_hash", Hash),
        sa.Column("status", Code, nullable=False),
        sa.Column("error_code", Code),
        sa.Column("channel", Code),
        sa.Column("is_transcript", sa.Boolean, nullable=False),
        sa.Column("subject_hash", Hash),
        sa.Column("score_kind", Code),
        sa.Column("score_value", sa.Float),
        sa.Column("score_scale", sa.Float),
        sa.Column("details", Document),
        sa.Column("warnings", Document),
        sa.Column("created_at", Time),
        sa.Column("received_at", Time, nullable=False),
        sa.Column("original_sealed", sa.LargeBinary),
        sa.Column("clean", Document),
        sa.Column("needs_review", sa.Boolean),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_records_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_records_source_id", ondelete="SET NULL"),
        sa.UniqueConstraint("workspace_id", "source_key", "source_record", name="uq_records_workspace_id_source_key_source_record"),
        sa.CheckConstraint("status IN ('pending', 'waiting', 'analysed', 'rejected', 'failed', 'erased')", name=op.f("ck_records_status")),
    )
    op.create_index("ix_records_workspace_id_received_at_id", "records", ["workspace_id", "received_at", "id"])
    op.create_index("ix_records_workspace_id_status_received_at", "records", ["workspace_id", "status", "received_at"])
    op.create_index("ix_records_workspace_id_subject_hash", "records", ["workspace_id", "subject_hash"])
    op.create_index("ix_records_workspace_id_channel", "records", ["workspace_id", "channel"])

    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("endpoint_id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("event", Code, nullable=False),
        sa.Column("payload", Document, nullable=False),
        sa.Column("state", Code, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_status", sa.Integer),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("delivered_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_deliveries_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name="fk_deliveries_endpoint_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_deliveries_record_id", ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('queued', 'delivered', 'failed')", name=op.f("ck_deliveries_state")),
    )
    op.create_index("ix_deliveries_endpoint_id_created_at", "deliveries", ["endpoint_id", "created_at"])
    op.create_index("ix_deliveries_record_id", "deliveries", ["record_id"])

    op.create_table(
        "sessions",
        sa.Column("token_hash", Hash, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("seen_at", Time, nullable=False),
        sa.Column("expires_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
    )

    op.create_table(
        "analyses",
        sa.Column("id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("bundle", Key, nullable=False),
        sa.Column("taxonomy", Key, nullable=False),
        sa.Column("is_current", sa.Boolean, nullable=False),
        sa.Column("result", Document, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_analyses"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_analyses_record_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_analyses_workspace_id", ondelete="CASCADE"),
        sa.UniqueConstraint("record_id", "revision", "bundle", name="uq_analyses_record_id_revision_bundle"),
    )
    op.create_index(
        "ix_analyses_current",
        "analyses",
        ["record_id"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(
        "ix_analyses_workspace_id_is_current_bundle_created_at", "analyses", ["workspace_id", "is_current", "bundle", "created_at"]
    )

    op.create_table(
        "annotations",
        sa.Column("id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("bundle", Key, nullable=False),
        sa.Column("decision", Code, nullable=False),
        sa.Column("labels", Document, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("submission", Id, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("undone_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_annotations"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_annotations_record_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_annotations_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_annotations_user_id", ondelete="SET NULL"),
        sa.UniqueConstraint("submission", name="uq_annotations_submission"),
        sa.CheckConstraint("decision IN ('confirm', 'dismiss', 'correct')", name=op.f("ck_annotations_decision")),
    )
    op.create_index("ix_annotations_record_id_created_at", "annotations", ["record_id", "created_at"])
    op.create_index("ix_annotations_workspace_id_created_at", "annotations", ["workspace_id", "created_at"])

    op.create_table(
        "claims",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("lease_until", Time, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="pk_claims"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_claims_record_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_claims_workspace_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_claims_user_id", ondelete="CASCADE"),
    )

    op.create_table(
        "mentions",
        sa.Column("inbox_id", Id, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("inbox_id", "record_id", name="pk_mentions"),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_mentions_inbox_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_mentions_record_id", ondelete="CASCADE"),
    )
    op.create_index("ix_mentions_record_id", "mentions", ["record_id"])

    op.create_table(
        "reviews",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("workspace_id", Id, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("scope", Code),
        sa.Column("channel", Code),
        sa.Column("entered_at", Time, nullable=False),
        sa.Column("decided_at", Time),
        sa.PrimaryKeyConstraint("record_id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_reviews_record_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_reviews_workspace_id", ondelete="CASCADE"),
    )
    op.create_index(
        "ix_reviews_workspace_id_decided_at_urgency_record_id", "reviews", ["workspace_id", "decided_at", "urgency", "record_id"]
    )

    op.create_table(
        "review_labels",
        sa.Column("record_id", Id, nullable=False),
        sa.Column("label", Code, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "label", name="pk_review_labels"),
        sa.ForeignKeyConstraint(["record_id"], ["reviews.record_id"], name="fk_review_labels_record_id", ondelete="CASCADE"),
    )
    op.create_index("ix_review_labels_label", "review_labels", ["label"])


def downgrade() -> None:
    """Drop every table with what is in it."""
    for table in TABLES:
        op.drop_table(table)
