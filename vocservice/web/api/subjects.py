"""A customer's key in, everything stored about them exported or erased: `POST /v1/subjects/export` and `/v1/subjects/erase`.

The key is sent in the body, never in a URL, and is not logged: the audit log has counts only.
"""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from vocservice.jobs.erasing import told
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.received import erasure
from vocservice.store.received import subjects as held
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.requests.body import read_json
from vocservice.web.state import state

blueprint = Blueprint("subjects", __name__)

LONGEST = 1000


@blueprint.post("/v1/subjects/export")
@access.require("feedback:erase")
def export() -> Response:
    """Export every record of a customer, redacted as stored, and the batches whose files name the customer."""
    key = access.key()
    subject = _subject(read_json(request, max_bytes=state().limits.max_body_bytes))
    store = state().stored.open()
    with store.database.read() as connection:
        items = list(held.export(connection, store.vault, key.workspace_id, subject))
    batches = told(store, state().batches.folder, key.workspace_id, subject)
    with store.database.write() as connection:
        act = Act(access.actor(key), "subject_exported", key.workspace_id, {"records": len(items), "batches": len(batches)})
        audit.write(connection, key.workspace_id, act)
    return json_answer({"items": items, "batches": batches})


@blueprint.post("/v1/subjects/erase")
@access.require("feedback:erase")
def erase() -> Response:
    """Erase every record of a customer permanently, and let a worker search the files of batches; repeatable."""
    key = access.key()
    subject = _subject(read_json(request, max_bytes=state().limits.max_body_bytes))
    store = state().stored.open()
    with store.database.write() as connection:
        done = erasure.by_subject(connection, store.vault, key.workspace_id, subject, actor=access.actor(key))
    store.database.overwrite_log()
    state().ringer.ring()
    return json_answer(asdict(done))


def _subject(value: Any) -> str:
    given = value.get("subject") if isinstance(value, dict) and value.keys() == {"subject"} else None
    subject = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(subject, str) or not subject.strip() or len(subject) > LONGEST:
        message = f'the body is {{"subject": ...}} with the key of a customer, at most {LONGEST} characters'
        raise RequestError(message, code="invalid_type", status=422)
    return subject
