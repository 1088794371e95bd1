"""A customer's key or a record in, everything about it erased: texts, analyses, notes, bodies, answers; counts go to the audit log.

The files of batches are searched by a job (`vocservice.jobs.erasing`), which the same transaction queues.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import unquote_plus

from sqlalchemy import Connection, String, cast, delete, or_, select, update

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store import audit, jobs
from vocservice.store.audit import Act
from vocservice.store.received import batches, records, subjects
from vocservice.store.rows import bounded
from vocservice.store.schema import idempotency, inbox, keys, sources
from vocservice.store.schema import records as record_table
from vocservice.store.types import to_json
from vocservice.store.vault import Vault

REQUESTED = "subject_request"
ERASE_FILES = "erase_files"
_AT_ONCE = 50
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Erased:
    """Number of erased records, quarantined bodies and stored answers (or that would be), and of batches whose files are searched later."""

    records: int
    bodies: int
    answers: int
    batches_to_search: int = 0


def by_subject(connection: Connection, vault: Vault, workspace_id: str, subject: str, *, actor: str, is_dry: bool = False) -> Erased:
    """Erase everything about a customer in a workspace; call `Database.overwrite_log` after the transaction.

    A quarantined body has no known customer: it is erased if it contains the key, plainly or escaped as in forms and JSON.
    """
    records.guard(connection, workspace_id, is_alone=True)
    hashed = vault.subject_hash(workspace_id, subject)
    found = _records_of(connection, workspace_id, hashed)
    bodies = _bodies_naming(connection, vault, workspace_id, subject)
    answers = _answers_naming(connection, workspace_id, found)
    done = Erased(len(found), len(bodies), len(answers), batches.count_kept(connection, workspace_id))
    if not is_dry:
        _erase(connection, vault, workspace_id, found, answers)
        connection.execute(update(inbox).where(inbox.c.id.in_(bodies)).values(status="discarded", body_sealed=None))
        if done.batches_to_search:
            jobs.enqueue(connection, workspace_id, ERASE_FILES, hashed, payload={"actor": actor})
        audit.write(connection, workspace_id, Act(actor, "subject_erased", workspace_id, asdict(done)))
    return done


def by_record(
    connection: Connection, vault: Vault, workspace_id: str, source: str, record: str, *, actor: str, is_dry: bool = False
) -> Erased:
    """Erase a record by its sender's id, and all below it; call `Database.overwrite_log` after the transaction.

    Args:
        source: the name or the id of the source, or `api`.
        record: the sender's id of the record.

    Raises:
        InputError: there is no such record, or it was erased (`record_unknown`).
    """
    records.guard(connection, workspace_id, is_alone=True)
    named = select(sources.c.id).where(sources.c.workspace_id == workspace_id, sources.c.name == source)
    rows = records.with_below(connection, workspace_id, connection.scalar(named) or source, bounded(record))
    found = {row["id"]: row["source_record"] for row in rows}
    if not found:
        raise InputError("this source has sent no record of this id that is still there", code="record_unknown")
    answers = _answers_naming(connection, workspace_id, found)
    done = Erased(len(found), 0, len(answers))
    if not is_dry:
        _erase(connection, vault, workspace_id, found, answers)
        audit.write(connection, workspace_id, Act(actor, "record_erased", next(iter(found)), asdict(done)))
    return done


def _erase(connection: Connection, vault: Vault, workspace_id: str, found: Iterable[str], answers: Iterable[tuple[str, str, str]]) -> None:
    for record_id in found:
        records.erase_by_id(connection, vault, workspace_id, record_id, reason=REQUESTED, takes_below=False)  # found already
    for key_id, route, name in answers:
        forget_answer(connection, key_id, route, name)


def forget_answer(connection: Connection, key_id: str, route: str, name: str) -> None:
    """Delete one stored answer."""
    one = idempotency.c.key_id == key_id, idempotency.c.route == route, idempotency.c.name == name
    connection.execute(delete(idempotency).where(*one))


def _records_of(connection: Connection, workspace_id: str, subject_hash: str) -> dict[str, str]:
    """The sender's ids of a customer's records and all below them, by our ids."""
    columns = select(record_table.c.id, record_table.c.source_key, record_table.c.source_record)
    mine = connection.execute(columns.where(record_table.c.id.in_(subjects.named(workspace_id, subject_hash)))).all()
    families = (records.with_below(connection, workspace_id, row.source_key, row.source_record) for row in mine)
    return {one["id"]: one["source_record"] for family in families for one in family}


def _bodies_naming(connection: Connection, vault: Vault, workspace_id: str, subject: str) -> list[str]:
    wanted = subject.strip().casefold()
    held = select(inbox.c.id, inbox.c.body_sealed).where(
        inbox.c.workspace_id == workspace_id, inbox.c.status == "quarantined", inbox.c.body_sealed.is_not(None)
    )
    rows = connection.execute(held, execution_options={"yield_per": _AT_ONCE})
    return [row.id for row in rows if wanted and _names(vault.sealer.open(row.body_sealed).decode("utf-8", "replace"), wanted)]


def _names(body: str, wanted: str) -> bool:
    """Whether a body contains a key: plainly, form-encoded, in JSON, or in JSON within a form; malformed bodies too."""
    return any(wanted in read(text).casefold() for text in (body, unquote_plus(body)) for read in (str, _unescaped))


def _unescaped(text: str) -> str:
    """Decode JSON escapes anywhere in a text."""
    plain = _ESCAPES.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _answers_naming(connection: Connection, workspace_id: str, found: Mapping[str, str]) -> set[tuple[str, str, str]]:
    """Stored answers of the workspace that contain a record's id, ours or the sender's."""
    names = [name for both in found.items() for name in both]
    said = cast(idempotency.c.answer, String)
    ours = idempotency.c.key_id.in_(select(keys.c.id).where(keys.c.workspace_id == workspace_id))
    columns = select(idempotency.c.key_id, idempotency.c.route, idempotency.c.name, idempotency.c.answer).where(ours)
    naming: set[tuple[str, str, str]] = set()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        rows = connection.execute(columns.where(or_(*(said.contains(to_json(name), autoescape=True) for name in some))))
        naming |= {(row.key_id, row.route, row.name) for row in rows if not _ids_in(row.answer).isdisjoint(some)}
    return naming


def _ids_in(answer: Json) -> set[str]:
    """The ids in an answer, the sender's and ours."""
    return {str(item[name]) for item in answer.get("results", [answer]) for name in ("id", "record") if item.get(name)}
