"""The tables. Times are UTC (`UtcTime`), `sealed` columns are encrypted, `*_hash` columns keyed or plain SHA-256 in hex.

Customers' texts are in five columns only: encrypted in `inbox.body_sealed` and `records.original_sealed`, redacted in
`records.clean`, `analyses.result` and, as words with an index, `said.words`; a reviewer may quote it in the `note` of `annotations`,
`drafts` and `second_readings`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.types import Float

from vocservice.store import appending, marking, searching
from vocservice.store.types import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(40)
Key = String(255)
Path = Key.with_variant(String(255, collation="C"), "postgresql")  # by bytes, so that equal prefixes are adjacent in an index
Code = String(64)
Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Words = Text().with_variant(TSVECTOR(), "postgresql")
Sequence = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself in SQLite


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def _one_where(name: str, *columns: str, where: str) -> Index:
    """At most one row of a kind that meets a condition."""
    return Index(name, *columns, unique=True, sqlite_where=text(where), postgresql_where=text(where))


def _workspace() -> Column[str]:
    return Column("workspace_id", Id, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


# One row per name: installation-wide values, such as the sealed salt of its keyed hashes.
facts = Table("facts", metadata, Column("name", Key, primary_key=True), Column("value", Text, nullable=False))

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Key, nullable=False, unique=True),
    Column("keeps_originals", Boolean, nullable=False, default=False),
    Column("retention_days", Integer),
    Column("created_at", UtcTime, nullable=False),
    Column("own_fields", Document),
)

sources = Table(
    "sources",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),
    Column("adapter", Code, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("secrets_sealed", LargeBinary, nullable=False),
    Column("options", Document, nullable=False),
    Column("is_enabled", Boolean, nullable=False, default=True),
    Column("created_at", UtcTime, nullable=False),
    Column("last_received_at", UtcTime),
    Column("received", Integer, nullable=False, default=0),
    Column("quarantined", Integer, nullable=False, default=0),
    Column("warned", Integer, nullable=False, default=0),
    Column("signature_failures", Integer, nullable=False, default=0),
    Column("last_failure_at", UtcTime),
    UniqueConstraint("workspace_id", "name"),
)

# Former URL tokens of a source, while they are still accepted.
old_tokens = Table(
    "old_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("until", UtcTime, nullable=False),
    Index(None, "source_id"),
)

# Every acknowledged delivery, under a keyed hash of the sender's id: a repeat is a duplicate.
inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("source_id", Id, ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("delivery_key", Key, nullable=False),
    Column("status", Code, nullable=False),
    Column("error_code", Code),
    Column("error_message", Text),
    Column("content_type", Key),
    Column("body_sealed", LargeBinary),
    Column("received_at", UtcTime, nullable=False),
    UniqueConstraint("source_id", "delivery_key"),
    _one_of("status", "accepted", "quarantined", "discarded"),
    Index(None, "workspace_id", "status", "received_at"),
)

# The records of a delivery: erasing one deletes the body too.
mentions = Table(
    "mentions",
    metadata,
    Column("inbox_id", Id, ForeignKey("inbox.id", ondelete="CASCADE"), primary_key=True),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True, index=True),
)

# One row per record; the newest version by the sender's order, whatever the order of arrival.
records = Table(
    "records",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("source_id", Id, ForeignKey("sources.id", ondelete="SET NULL")),
    Column("source_key", Key, nullable=False),  # source id, or "api": part of the unique key
    Column("source_record", Path, nullable=False),
    Column("source_version", Key),
    Column("revision", Integer, nullable=False, default=1),
    Column("content_hash", String(64)),
    Column("status", Code, nullable=False),
    Column("error_code", Code),
    Column("channel", Code),
    Column("is_transcript", Boolean, nullable=False, default=False),
    Column("subject_hash", String(64)),
    Column("score_kind", Code),
    Column("score_value", Float),
    Column("score_scale", Float),
    Column("details", Document),
    Column("warnings", Document),
    Column("created_at", UtcTime),
    Column("received_at", UtcTime, nullable=False),
    Column("original_sealed", LargeBinary),
    Column("clean", Document),
    Column("needs_review", Boolean),
    UniqueConstraint("workspace_id", "source_key", "source_record"),
    _one_of("status", "pending", "waiting", "analysed", "rejected", "failed", "erased"),
    Index(None, "workspace_id", "received_at", "id"),
    Index(None, "workspace_id", "subject_hash"),
    Index(None, "workspace_id", "channel"),
    Index(None, "workspace_id", "status", "received_at"),
)

# Every customer named by any version of a record, for erasure and export; `records` has the latest.
subjects = Table(
    "subjects",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    Column("subject_hash", String(64), primary_key=True),
    _workspace(),
    Index(None, "workspace_id", "subject_hash"),
)

# One row per (record, revision, bundle): older ones are kept. The newest of the promoted bundle is current.
analyses = Table(
    "analyses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), nullable=False),
    _workspace(),
    Column("revision", Integer, nullable=False),
    Column("bundle", Key, nullable=False),
    Column("taxonomy", Key, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("result", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("record_id", "revision", "bundle"),
    _one_where("ix_analyses_current", "record_id", where="is_current"),
    Index(None, "workspace_id", "is_current", "bundle", "created_at"),
)

# Vectors for search and grouping, one row per (record, bundle); those of earlier revisions are deleted.
vectors = Table(
    "vectors",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    Column("bundle", Key, primary_key=True),
    _workspace(),
    Column("revision", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Index(None, "workspace_id", "bundle"),
)

# One row a record that was ever analysed: what figures take of it (`reporting.packing`), null until it is packed, empty where it counts
# in none. Triggers (`marking`) empty a row at every change; `number` grows with each. Without a text; the row outlives its record.
packed = Table(
    "packed",
    metadata,
    Column("record_id", Id, primary_key=True),
    _workspace(),
    Column("number", BigInteger, nullable=False),
    Column("fixed", LargeBinary),
    Column("given", LargeBinary),
    Column("context", Text),
    Column("sketch", LargeBinary),
    Index(None, "workspace_id", "number"),
    Index("ix_packed_waiting", "workspace_id", "number", sqlite_where=text("fixed IS NULL"), postgresql_where=text("fixed IS NULL")),
)

# What is searched by words (`analysed.words`): those of each packed record that has any, in order. The index of them, and the triggers
# that keep it, are made by `searching`; `key` is the number by which columns name the record. Rows go with analyses (`marking`).
said = Table(
    "said",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("record_id", Id, nullable=False, unique=True),
    _workspace(),
    Column("key", BigInteger, nullable=False),
    Column("words", Words, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("kind", Code, nullable=False),
    Column("target", Key, nullable=False),  # for `analyse`, the record's id
    Column("payload", Document, nullable=False),
    Column("state", Code, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", UtcTime, nullable=False),
    Column("lease_until", UtcTime),
    Column("lease_owner", Key),
    Column("error_code", Code),
    Column("error_message", Text),
    Column("created_at", UtcTime, nullable=False),
    _one_of("state", "queued", "running", "dead"),
    Index(None, "kind", "state", "due_at"),
    Index(None, "state", "lease_until"),
    Index(None, "target"),
    Index(
        "ix_jobs_waiting", "kind", "target", unique=True, sqlite_where=text("state = 'queued'"), postgresql_where=text("state = 'queued'")
    ),
)

# A batch; its files are in a separate folder, and only what is shown is stored here.
batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),  # the client's name of the file, for display only
    Column("status", Code, nullable=False),
    Column("input_format", Code, nullable=False),
    Column("input_bytes", BigInteger, nullable=False),
    Column("mapping", Document, nullable=False),
    Column("options", Document, nullable=False),
    Column("rows_total", Integer),
    Column("rows_done", Integer, nullable=False, default=0),
    Column("rows_rejected", Integer, nullable=False, default=0),
    Column("rate", Float),  # rows per second of the process working on it
    Column("error_code", Code),
    Column("error_message", Text),
    Column("created_by", Key, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("expires_at", UtcTime),
    _one_of("status", "draft", "queued", "running", "done", "failed", "cancelled"),
    Index(None, "workspace_id", "created_at", "id"),
    Index(None, "status", "expires_at"),
)

# Tombstones of erased records against replays; only a keyed hash of the id is kept.
tombstones = Table(
    "tombstones",
    metadata,
    _workspace(),
    Column("record_hash", String(64), nullable=False),
    Column("reason", Code, nullable=False),
    Column("erased_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "record_hash"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),
    Column("prefix", String(16), nullable=False, unique=True),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("rotated_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("last_used_at", UtcTime),
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("email", Key, nullable=False, unique=True),
    Column("name", Key, nullable=False),
    Column("role", Code, nullable=False),
    Column("password_hash", Key),
    Column("oidc_subject", Key, unique=True),
    Column("is_active", Boolean, nullable=False, default=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("locked_until", UtcTime),
    Column("preferences", Document, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_login_at", UtcTime),
    _one_of("role", "analyst", "support_lead", "admin"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

# Failed logins of an address bucket, under a keyed hash: addresses are never stored.
throttles = Table(
    "throttles",
    metadata,
    Column("bucket_hash", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("locked_until", UtcTime),
)

# Records for the desk: one row each, with the sort and filter columns of the queue.
reviews = Table(
    "reviews",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    _workspace(),
    Column("revision", Integer, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("scope", Code),
    Column("channel", Code),
    Column("entered_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Column("is_unfixed", Boolean, nullable=False, server_default=false()),
    Index(None, "workspace_id", "decided_at", "urgency", "record_id"),
    Index(None, "workspace_id", "decided_at", "entered_at", "record_id"),
    Index(None, "workspace_id", "scope", "decided_at", "urgency", "record_id"),
    Index(None, "workspace_id", "channel", "decided_at", "urgency", "record_id"),
    Index("ix_reviews_unfixed", "workspace_id", "is_unfixed", "decided_at", "urgency", "record_id"),
)

# Blamed places, by valid labels, of a recovered record whose cause remains; a blank stage means none.
review_causes = Table(
    "review_causes",
    metadata,
    Column("record_id", Id, ForeignKey("reviews.record_id", ondelete="CASCADE"), primary_key=True),
    Column("stage", Code, primary_key=True),
    Column("factor", Code, primary_key=True),
)

# Reasons for review, such as `reasons.churn_risk` or `flags.escalation`.
review_labels = Table(
    "review_labels",
    metadata,
    Column("record_id", Id, ForeignKey("reviews.record_id", ondelete="CASCADE"), primary_key=True),
    Column("label", Code, primary_key=True, index=True),
)

# People's decisions; the model's analysis is unchanged. `labels` is the person's complete set of labels.
annotations = Table(
    "annotations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), nullable=False),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("revision", Integer, nullable=False),
    Column("bundle", Key, nullable=False),  # whose labels the person saw
    Column("decision", Code, nullable=False),
    Column("labels", Document, nullable=False),
    Column("note", Text),
    Column("submission", Id, nullable=False, unique=True),  # of the form: sent twice, it counts once
    Column("created_at", UtcTime, nullable=False),
    Column("undone_at", UtcTime),
    _one_of("decision", "confirm", "dismiss", "correct"),
    Index(None, "record_id", "created_at"),
    Index(None, "workspace_id", "created_at"),
    Index(None, "user_id", "created_at"),
)

# Current claims on records, so that two people do not decide the same one.
claims = Table(
    "claims",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("lease_until", UtcTime, nullable=False),
)

# The assignee of a record.
assignments = Table(
    "assignments",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
)

# Snoozed records.
snoozes = Table(
    "snoozes",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("until", UtcTime, nullable=False),
    Index(None, "workspace_id", "until"),
)

# Tags on records.
tags = Table(
    "tags",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Code, primary_key=True),
    _workspace(),
    Index(None, "workspace_id", "tag"),
)

# Drafts of decisions; `version` counts saves.
drafts = Table(
    "drafts",
    metadata,
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    _workspace(),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("labels", Document, nullable=False),
    Column("note", Text, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
)

# Named filters of a page, private or shared in a workspace.
views = Table(
    "views",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Key, nullable=False),
    Column("filters", Document, nullable=False),
    Column("is_shared", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("page", Code, nullable=False, server_default="desk"),
    Index(None, "workspace_id", "name"),
)

# One action on several records, with the data to undo it per record.
bulks = Table(
    "bulks",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("action", Code, nullable=False),
    Column("submission", Id, nullable=False, unique=True),  # of the form: sent twice, it counts once
    Column("left", Integer, nullable=False),  # number of skipped records
    Column("created_at", UtcTime, nullable=False),
    Column("undone_at", UtcTime),
    Index(None, "user_id", "created_at"),
)

bulk_steps = Table(
    "bulk_steps",
    metadata,
    Column("bulk_id", Id, ForeignKey("bulks.id", ondelete="CASCADE"), primary_key=True),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("before", Document, nullable=False),
)

# Second readings, made without seeing the first decision.
second_readings = Table(
    "second_readings",
    metadata,
    Column("first_id", Id, ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), nullable=False, index=True),
    _workspace(),
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("labels", Document),
    Column("note", Text),
    Column("is_agreed", Boolean),
    Column("read_at", UtcTime),
    Column("settled_by", Id, ForeignKey("annotations.id", ondelete="SET NULL")),
    Index(None, "workspace_id", "read_at"),
)

# The first answer to an Idempotency-Key, replayed for repeats; never an error of ours.
idempotency = Table(
    "idempotency",
    metadata,
    Column("key_id", Id, nullable=False),
    Column("route", Key, nullable=False),
    Column("name", Key, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer),
    Column("answer", Document),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("key_id", "route", "name"),
    Index(None, "created_at"),
)

# Append-only; each row's hash covers the one before.
# Only ever added to: triggers (`appending`) refuse every change, and each row's hash covers the one before.
audit = Table(
    "audit",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("workspace_id", Id),
    Column("at", UtcTime, nullable=False),
    Column("actor", Key, nullable=False),
    Column("action", Code, nullable=False),
    Column("target", Key, nullable=False),
    Column("details", Document, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Index(None, "workspace_id", "number"),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("url", String(2000), nullable=False),
    Column("events", Document, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("is_enabled", Boolean, nullable=False, default=True),
    Column("created_at", UtcTime, nullable=False),
)

# Former secrets of an endpoint, while events are still signed with them too.
old_secrets = Table(
    "old_secrets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("until", UtcTime, nullable=False),
    Index(None, "endpoint_id"),
)

# Past and pending events of an endpoint; payloads contain ids and labels, never a text.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("endpoint_id", Id, ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), index=True),  # none for findings of a watch
    Column("event", Code, nullable=False),
    Column("payload", Document, nullable=False),
    Column("state", Code, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_status", Integer),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    _one_of("state", "queued", "delivered", "failed"),
    Index(None, "endpoint_id", "created_at"),
)

# Review rules of a workspace. The text of a rule is in its versions, which never change.
rules = Table(
    "rules",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_enabled", Boolean, nullable=False, default=True),
    Column("created_by", Key, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)
rule_versions = Table(
    "rule_versions",
    metadata,
    Column("rule_id", Id, ForeignKey("rules.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),
    Column("owner", Key, nullable=False),
    Column("expression", Text, nullable=False),  # fully resolved: can be parsed without a taxonomy
    Column("reason", Text, nullable=False),
    Column("effect", Code, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("tag", Code),
    Column("assignee_id", Id, ForeignKey("users.id", ondelete="SET NULL")),
    Column("taxonomy", Key, nullable=False),
    Column("changed_by", Key, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    _one_of("effect", "review", "route"),
)

# Matches of a rule version, one row per analysis; evidence is positions in its text, never text.
rule_hits = Table(
    "rule_hits",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    _workspace(),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), nullable=False),
    Column("rule_id", Id, ForeignKey("rules.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("bundle", Key, nullable=False),
    Column("because", Text, nullable=False),
    Column("evidence", Document, nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("record_id", "rule_id", "version", "revision", "bundle"),
    Index(None, "workspace_id", "number"),
    Index(None, "rule_id", "version"),
)

# Alerts on records that reach the desk. `readers` are ids of users; times of day are written as HH:MM.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),
    Column("labels", Document, nullable=False),
    Column("least_urgency", Integer, nullable=False),
    Column("zone", Code, nullable=False),
    Column("cool_down", Integer, nullable=False),
    Column("quiet_from", Code),
    Column("quiet_to", Code),
    Column("digest_at", Code),
    Column("days", Document, nullable=False),
    Column("readers", Document, nullable=False),
    Column("tells_endpoints", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_sent_at", UtcTime),
    Index(None, "workspace_id"),
)

# Matters of an alert, told or not: each record once.
alert_matters = Table(
    "alert_matters",
    metadata,
    Column("alert_id", Id, ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True),
    Column("record_id", Id, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True, index=True),
    _workspace(),
    Column("at", UtcTime, nullable=False),
    Column("said_at", UtcTime),
    Index(None, "alert_id", "said_at"),
)

# Watches of the workbench. `selection` is the result of `filters`, those of a URL; `told` has past findings
# by a key of labels and days, with the last day of each.
watches = Table(
    "watches",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("name", Key, nullable=False),
    Column("segment", Key, nullable=False),
    Column("filters", Document, nullable=False),
    Column("selection", Document, nullable=False),
    Column("zone", Code, nullable=False),
    Column("cool_down", Integer, nullable=False),
    Column("quiet_from", Code),
    Column("quiet_to", Code),
    Column("digest_at", Code),
    Column("days", Document, nullable=False),
    Column("readers", Document, nullable=False),
    Column("tells_endpoints", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_by", Key, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("last_sent_at", UtcTime),
    Column("told", Document, nullable=False),
    Index(None, "workspace_id"),
)

# Experience issues: service complaints of one cell of the journey map, or of one cause in it (its words; blank for all);
# contains keys, counts and words, no record.
issues = Table(
    "issues",
    metadata,
    Column("id", Id, primary_key=True),
    _workspace(),
    Column("stage", Code, nullable=False),
    Column("factor", Code, nullable=False),
    Column("cause", Key, nullable=False),
    Column("title", Key, nullable=False),
    Column("owner", Code, nullable=False),
    Column("status", Code, nullable=False),
    Column("evidence", Document, nullable=False),
    Column("opened_by", Key, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("changed_at", UtcTime, nullable=False),
    _one_of("status", "open", "mending", "closed", "dismissed"),
    Index(None, "workspace_id", "changed_at"),
    _one_where("ix_issues_live", "workspace_id", "stage", "factor", "cause", where="status IN ('open', 'mending')"),
)

# The vector region of an issue's cause, one row per bundle; each centre is a mean of several customers' vectors.
issue_regions = Table(
    "issue_regions",
    metadata,
    Column("issue_id", Id, ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True),
    Column("bundle", Key, primary_key=True),
    _workspace(),
    Column("own", LargeBinary, nullable=False),
    Column("others", LargeBinary, nullable=False),
    Column("radius", Float, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Index(None, "workspace_id"),
)

# Promotions; the newest row counts. A rollback adds a row.
promotions = Table(
    "promotions",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("bundle", Key, nullable=False),
    Column("actor", Key, nullable=False),
    Column("at", UtcTime, nullable=False),
)


@event.listens_for(metadata, "after_create")
def _mark(_: object, connection: Connection, **__: object) -> None:
    for made in (marking.made, appending.made, searching.made):
        for statement in made(connection.dialect.name):
            connection.exec_driver_sql(statement)
