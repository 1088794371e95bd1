"""Files of feedback in, their progress and labelled files out: `/v1/batches`, for keys with the scope `batches`.

A batch does what `voc classify` does, in a worker (`vocservice.jobs.batches`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request, send_file

from vocservice.batch.shards import finished
from vocservice.jobs.places import places_of
from vocservice.records import Json, Result
from vocservice.store.accounts.keys import Key
from vocservice.store.received import batches
from vocservice.store.received.batch_files import BatchFiles
from vocservice.store.received.batches import CANCELLED, DONE, DRAFT, FAILED, QUEUED, RUNNING, Batch, BatchError
from vocservice.tables.places import Place
from vocservice.tables.write_jsonl import json_line
from vocservice.web import logs
from vocservice.web.answers import json_answer
from vocservice.web.batches.wishes import check_files, mapping_of, options_of
from vocservice.web.problems import RequestError, problem
from vocservice.web.requests import access, uploads
from vocservice.web.requests.body import parse_json
from vocservice.web.requests.query import Query
from vocservice.web.requests.references import referred
from vocservice.web.requests.uploads import MEDIA_TYPES, Sent
from vocservice.web.state import state

blueprint = Blueprint("batches", __name__)

SCOPE = "batches"
PAGE, LARGEST_PAGE = 50, 200
RETRY_SECONDS = "30"
FORM = "multipart/form-data"
_NO_RESULT = {
    DRAFT: "waits to be started",
    QUEUED: "waits for a worker",
    RUNNING: "is being labelled; take what is labelled so far (partial)",
    FAILED: "has failed; its error says why, and what was labelled may be there still (partial)",
    CANCELLED: "was cancelled; what was labelled until then may be there still (partial)",
    DONE: "is done, and its files are gone",
}


@blueprint.post("/v1/batches")
@access.require(SCOPE)
def create() -> Response:
    """Store a file and queue it."""
    key = access.key()
    try:
        _check_room(key)
        with _sent(key) as (sent, mapping_json, options_json):
            made = _queued(key, sent, mapping_json, options_json)
    except BatchError as error:
        return refusal(error)
    state().ringer.ring()
    logs.note(bytes=made.input_bytes)
    answer = json_answer(shown(made), status=HTTPStatus.ACCEPTED)
    answer.headers["Location"] = f"/v1/batches/{made.id}"
    return answer


@blueprint.get("/v1/batches")
@access.require(SCOPE)
def listed() -> Response:
    """A page of batches, newest first."""
    key = access.key()
    query = Query(request.args, known=("limit", "cursor"))
    limit = query.number("limit", default=PAGE, most=LARGEST_PAGE)
    with state().stored.open().database.read() as connection:
        page = batches.page(connection, key.workspace_id, limit=limit, cursor=query.text("cursor"))
    return json_answer({"items": [shown(batch) for batch in page.items], "next": page.next})


@blueprint.get("/v1/batches/<batch_id>")
@access.require(SCOPE)
def one(batch_id: str) -> Response:
    """One batch and its progress."""
    return json_answer(shown(_batch(access.key(), batch_id)))


@blueprint.post("/v1/batches/<batch_id>/cancel")
@access.require(SCOPE)
def cancel(batch_id: str) -> Response:
    """Cancel a batch; idempotent."""
    key = access.key()
    return json_answer(shown(cancelled(_batch(key, batch_id), actor=access.actor(key))))


@blueprint.get("/v1/batches/<batch_id>/result")
@access.require(SCOPE)
def result(batch_id: str) -> Response:
    """The labelled file."""
    return result_file(_batch(access.key(), batch_id))


@blueprint.get("/v1/batches/<batch_id>/rejects")
@access.require(SCOPE)
def rejects(batch_id: str) -> Response:
    """The records that were rejected, as JSON Lines."""
    return rejects_file(_batch(access.key(), batch_id))


@blueprint.get("/v1/batches/<batch_id>/partial")
@access.require(SCOPE)
def partial(batch_id: str) -> Response:
    """The records labelled so far, as JSON Lines."""
    return partial_file(_batch(access.key(), batch_id))


@blueprint.delete("/v1/batches/<batch_id>")
@access.require(SCOPE)
def delete(batch_id: str) -> Response:
    """Remove a batch that has ended, with its files."""
    key = access.key()
    removed(_batch(key, batch_id), actor=access.actor(key))
    return Response(status=HTTPStatus.NO_CONTENT)


def shown(batch: Batch) -> Json:
    """A batch as the API shows it."""
    times = {name: _stamp(getattr(batch, name)) for name in ("created_at", "started_at", "finished_at", "expires_at")}
    plain = ("id", "name", "status", "input_format", "input_bytes", "rows_total", "rows_done", "rows_rejected")
    options = {name: getattr(batch.options, name) for name in ("format", "sheet", "limit", "excel", "explode")}
    error = {"code": batch.error_code, "message": batch.error_message} if batch.error_code else None
    return {
        **{name: getattr(batch, name) for name in plain},
        "mapping": dict(batch.mapping),
        "options": options,
        "share": _rounded(batch.share, 4),
        "rows_per_second": _rounded(batch.rate, 1),
        "seconds_left": _rounded(batch.seconds_left, 0),
        **times,
        "error": error,
    }


def files_of(batch: Batch) -> BatchFiles:
    """The files of a batch."""
    return BatchFiles.of(state().batches.folder, batch.workspace_id, batch.id)


def places(batch: Batch) -> tuple[Place, ...]:
    """The input files of a batch."""
    return places_of(batch, files_of(batch))


def cancelled(batch: Batch, *, actor: str) -> Batch:
    """Cancel a batch and return it. Files that no worker has started on are deleted at once, others when the worker notices.

    Raises:
        BatchError: it has ended.
    """
    keep = timedelta(days=state().batches.keep_days)
    with state().stored.open().database.write() as connection:
        done = batches.cancel(connection, batch, actor=actor, keep=keep)
    if done.started_at is None:
        files_of(batch).remove()
    return done


def removed(batch: Batch, *, actor: str) -> None:
    """Delete a batch and its files.

    Raises:
        BatchError: it is queued or running.
    """
    with state().stored.open().database.write() as connection:
        batches.remove(connection, batch, actor=actor)
    files_of(batch).remove()


def result_file(batch: Batch) -> Response:
    """The download of a result, named by the batch id.

    Raises:
        BatchError: there is none (`batch_not_done`).
    """
    found = batch.options.format
    return _download(batch, files_of(batch).result(found), f"{batch.id}.{found}", MEDIA_TYPES[found])


def rejects_file(batch: Batch) -> Response:
    """The download of the list of rejected records, which may be empty.

    Raises:
        BatchError: there is no result yet (`batch_not_done`).
    """
    path, name = files_of(batch).rejects(batch.options.format), f"{batch.id}.rejects.jsonl"
    if batch.status == DONE and not batch.rows_rejected:
        return _lines((), name)
    return _download(batch, path, name, MEDIA_TYPES["jsonl"])


def partial_file(batch: Batch) -> Response:
    """The download of the finished shards of a batch without a result, one JSON record per line; it may be empty.

    Raises:
        BatchError: it is done (`batch_ended`).
    """
    if batch.status == DONE:
        raise BatchError("this batch is done: take its result", code="batch_ended")
    return _lines((json_line(found.to_dict()) for found in _finished(batch)), f"{batch.id}.partial.jsonl")


def has_partial(batch: Batch) -> bool:
    """Whether a batch without a result has labelled records."""
    return batch.status != DONE and next(_finished(batch), None) is not None


def refusal(error: BatchError) -> Response:
    """The answer to a batch that cannot be accepted now, with the time to retry."""
    headers = [("Retry-After", RETRY_SECONDS)] if error.status == HTTPStatus.TOO_MANY_REQUESTS else []
    return problem(error.status, code=error.code, detail=error.message, headers=headers)


def _batch(key: Key, batch_id: str) -> Batch:
    with state().stored.open().database.read() as connection:
        return batches.get(connection, key.workspace_id, batch_id)


def _check_room(key: Key) -> None:
    """Check the number of open batches before a long upload; storing it checks again."""
    with state().stored.open().database.read() as connection:
        batches.check_room(connection, key.workspace_id, max_open=state().batches.max_open)


def _queued(key: Key, sent: Sent, mapping_json: bytes, options_json: bytes) -> Batch:
    settings, actor = state().batches, access.actor(key)
    mapping = mapping_of(parse_json(mapping_json))
    with uploads.kept(sent, settings, workspace_id=key.workspace_id, actor=actor) as (batch_id, upload, places):
        options = options_of(parse_json(options_json), input_format=upload.input_format)
        check_files(places, mapping, options)
        with state().stored.open().database.write() as connection:
            made = batches.add(connection, key.workspace_id, batch_id, upload, max_open=settings.max_open)
            return batches.start(connection, made, mapping=mapping, options=options, max_open=settings.max_open, actor=actor)


@contextmanager
def _sent(key: Key) -> Iterator[tuple[Sent, bytes, bytes]]:
    """The file, and the JSON of the mapping and the options: parts of a form, or a body with parameters."""
    max_bytes = state().batches.max_bytes
    if request.mimetype == FORM:
        uploads.allow(request, max_bytes=max_bytes)
        with sent_or_referred(request.form.get("reference"), workspace_id=key.workspace_id) as sent:
            yield sent, request.form.get("mapping", "{}").encode(), request.form.get("options", "{}").encode()
        return
    query = Query(request.args, known=("name", "reference", "mapping", "options"))
    wishes = (query.text("mapping") or "{}").encode(), (query.text("options") or "{}").encode()
    reference = query.text("reference")
    if reference is None:
        yield uploads.sent_as_body(request, name=query.text("name") or "", max_bytes=max_bytes), *wishes
        return
    if request.content_length or request.headers.get("Transfer-Encoding"):
        raise _both()
    with referred(reference, state().batches, workspace_id=key.workspace_id) as sent:
        yield sent, *wishes


@contextmanager
def sent_or_referred(reference: str | None, *, workspace_id: str) -> Iterator[Sent]:
    """The file of a form, or the one on this server that its part `reference` names.

    Raises:
        RequestError: there is neither, or both (`file_missing`), or no such file (`reference_unknown`, `references_off`).
    """
    if reference is None:
        yield uploads.sent_in_form(request)
        return
    if request.files:
        raise _both()
    with referred(reference, state().batches, workspace_id=workspace_id) as sent:
        yield sent


def _both() -> RequestError:
    return RequestError("send one file, or a reference to one that is on the server: not both", code="file_missing")


def _download(batch: Batch, path: Path, name: str, media_type: str) -> Response:
    if batch.status != DONE or not path.is_file():
        raise BatchError(f"there is no result: the batch {_NO_RESULT[batch.status]}", code="batch_not_done")
    return send_file(path.resolve(), mimetype=media_type, as_attachment=True, download_name=name, conditional=False, etag=False)


def _finished(batch: Batch) -> Iterator[Result]:
    return finished(files_of(batch).result(batch.options.format))


def _lines(lines: Iterable[bytes], name: str) -> Response:
    answer = Response(lines, content_type=MEDIA_TYPES["jsonl"])
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    return answer


def _stamp(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _rounded(number: float | None, digits: int) -> Any:
    return None if number is None else round(number, digits)
