"""Pages for files of feedback: upload, choose columns beside the first rows, start, follow the progress, download; without scripts.

Only the uploader sees the first rows, unredacted, and only until the batch is started.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError, OutputError
from vocservice.store.accounts.users import ANALYST
from vocservice.store.received import batches
from vocservice.store.received.batches import DRAFT, Batch, BatchError
from vocservice.tables.formats import FORMATS, WRITTEN, written_as
from vocservice.tables.places import Place
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.batches import api as api
from vocservice.web.batches.wishes import FIELDS, Preview, check_files, explodable, mapping_of, options_of, preview_of
from vocservice.web.requests import uploads
from vocservice.web.shown.view import TITLES
from vocservice.web.state import state

blueprint = people.pages("batch_pages")

PAGE = 50
REFRESH_SECONDS = 5
COLUMN = "column."
FORMAT_NAMES = {
    "csv": "CSV",
    "tsv": "TSV",
    "jsonl": "JSON Lines",
    "parquet": "Parquet",
    "xlsx": "Excel (.xlsx)",
    "json": "JSON",
    "vtt": "WebVTT",
    "txt": "Text with speakers",
}
FIELD_NAMES = {
    "id": "Record id",
    "text": "Text",
    "channel": "Channel",
    "question": "Question",
    "created_at": "Date",
    "language": "Language",
    "subject": "Customer",
    "score": "Score",
    "author": "Name of the customer",
    "speaker": "Speaker, where each row is a turn of a conversation",
    "at": "Time of the turn",
}
STATUS_NAMES = {
    "draft": "Columns to be chosen",
    "queued": "Queued",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choices in the form of a draft: column by field, and options."""

    mapping: dict[str, str]
    options: dict[str, Any]


@blueprint.get("/batches")
@require_role(ANALYST)
def listing() -> Response:
    """The batches of the workspace, newest first."""
    with people.database().read() as connection:
        page = batches.page(connection, person().workspace_id, limit=PAGE, cursor=request.args.get("cursor") or None)
    more = url_for("batch_pages.listing", cursor=page.next) if page.next else ""
    return people.shown("batches.html", page=page, more=more, **_words())


@blueprint.get("/batches/new")
@require_role(ANALYST)
def form() -> Response:
    """The forms to upload a file, or to name one on the server."""
    return _form()


@blueprint.post("/batches/new")
@require_role(ANALYST, takes_file=True)
def upload() -> Response:
    """Store a file as a draft, whose columns are chosen next."""
    user, settings = person(), state().batches
    try:
        with (
            api.sent_or_referred(request.form.get("reference"), workspace_id=user.workspace_id) as sent,
            uploads.kept(sent, settings, workspace_id=user.workspace_id, actor=user.actor) as (batch_id, found, places),
        ):
            preview_of(places, names=FIELD_NAMES)
            with people.database().write() as connection:
                batches.add(connection, user.workspace_id, batch_id, found, max_open=settings.max_open)
    except (InputError, OutputError) as error:
        return _form(fault=error.message, status=error.status)
    return make_response(redirect(url_for("batch_pages.one", batch_id=batch_id), 303))


@blueprint.get("/batches/<batch_id>")
@require_role(ANALYST)
def one(batch_id: str) -> Response:
    """One batch: the choice of columns while it is a draft, then its progress."""
    batch = _batch(batch_id)
    if batch.status == DRAFT:
        return _draft(batch, sheet=request.args.get("sheet") or None)
    refresh = REFRESH_SECONDS if batch.is_open and request.args.get("refresh") != "off" else 0
    values: dict[str, Any] = {"left": _left(batch.seconds_left), "is_mine": _is_mine(batch), "has_partial": api.has_partial(batch)}
    return people.shown("batch.html", batch=batch, refresh=refresh, **values, **_words())


@blueprint.post("/batches/<batch_id>/start")
@require_role(ANALYST)
def start(batch_id: str) -> Response:
    """Queue a draft with the chosen columns."""
    batch, chosen = _batch(batch_id), _chosen(request.form)
    try:
        mapping = mapping_of(chosen.mapping)
        options = options_of(chosen.options, input_format=batch.input_format)
        if batch.status == DRAFT:
            check_files(api.places(batch), mapping, options, names=FIELD_NAMES)
        with people.database().write() as connection:
            max_open = state().batches.max_open
            batches.start(connection, batch, mapping=mapping, options=options, max_open=max_open, actor=person().actor)
    except BatchError as error:
        if error.code == "batch_started":
            raise
        return _draft(batch, sheet=chosen.options["sheet"], chosen=chosen, fault=error.message, status=error.status)
    except InputError as error:
        return _draft(batch, sheet=chosen.options["sheet"], chosen=chosen, fault=error.message, status=error.status)
    state().ringer.ring()
    return make_response(redirect(url_for("batch_pages.one", batch_id=batch_id), 303))


@blueprint.post("/batches/<batch_id>/cancel")
@require_role(ANALYST)
def cancel(batch_id: str) -> Response:
    """Cancel a batch."""
    api.cancelled(_batch(batch_id), actor=person().actor)
    return make_response(redirect(url_for("batch_pages.one", batch_id=batch_id), 303))


@blueprint.post("/batches/<batch_id>/delete")
@require_role(ANALYST)
def delete(batch_id: str) -> Response:
    """Delete a finished batch with its files."""
    api.removed(_batch(batch_id), actor=person().actor)
    return make_response(redirect(url_for("batch_pages.listing"), 303))


@blueprint.get("/batches/<batch_id>/result")
@require_role(ANALYST)
def result(batch_id: str) -> Response:
    """The labelled file."""
    return api.result_file(_batch(batch_id))


@blueprint.get("/batches/<batch_id>/rejects")
@require_role(ANALYST)
def rejects(batch_id: str) -> Response:
    """The rejected records."""
    return api.rejects_file(_batch(batch_id))


@blueprint.get("/batches/<batch_id>/partial")
@require_role(ANALYST)
def partial(batch_id: str) -> Response:
    """The records labelled so far."""
    return api.partial_file(_batch(batch_id))


def _batch(batch_id: str) -> Batch:
    with people.database().read() as connection:
        return batches.get(connection, person().workspace_id, batch_id)


def _is_mine(batch: Batch) -> bool:
    return batch.created_by == person().actor


def _form(*, fault: str = "", status: int = 200) -> Response:
    limit = f"{state().batches.max_bytes / 1024**2:,.0f} MiB"
    accept = ",".join(suffix for fmt in FORMATS.values() for suffix in fmt.suffixes)
    takes_references = bool(state().batches.sources)
    return people.shown("batch_new.html", status=status, fault=fault, limit=limit, accept=accept, takes_references=takes_references)


def _draft(batch: Batch, *, sheet: str | None, chosen: Chosen | None = None, fault: str = "", status: int = 200) -> Response:
    """The form to choose columns; only the uploader sees the first rows."""
    places = api.places(batch)
    preview, unread = _previewed(places, sheet)
    fields = chosen.mapping if chosen else dict(preview.fields)
    options = chosen.options if chosen else {"format": written_as(batch.input_format), "sheet": sheet}
    values: dict[str, Any] = {"preview": preview, "fields": fields, "options": options, "fault": fault or unread}
    values |= {"is_mine": _is_mine(batch), "files": len(places)}
    own, lacked = _own_sets(), state().model.taxonomy().lacks
    sets = tuple(name for name in explodable(own) if name in own or name not in lacked)
    return people.shown("batch_draft.html", status=status, batch=batch, sets=sets, field_names=FIELD_NAMES, **values, **_words())


def _previewed(places: Sequence[Place], sheet: str | None) -> tuple[Preview, str]:
    """The first rows, and the reason if they cannot be read, else blank."""
    try:
        return preview_of(places, sheet=sheet, names=FIELD_NAMES), ""
    except InputError as error:
        return Preview((), {}, (), (), has_text=False), error.message


def _own_sets() -> tuple[str, ...]:
    """Label sets that only the taxonomy of this service has."""
    return tuple(label_set.name for label_set in state().model.taxonomy().of("verbatim") if label_set.name not in TITLES)


def _chosen(sent: MultiDict[str, str]) -> Chosen:
    mapping = {field: sent[f"{COLUMN}{field}"] for field in FIELDS if sent.get(f"{COLUMN}{field}")}
    words = {name: sent.get(name) or None for name in ("format", "sheet", "explode")}
    return Chosen(mapping, {**words, "excel": True if sent.get("excel") else None})


def _left(seconds: float | None) -> str:
    """Time left in words."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(round(seconds), 1)} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _words() -> dict[str, Any]:
    return {"statuses": STATUS_NAMES, "formats": FORMAT_NAMES, "written": WRITTEN, "titles": TITLES, "keep_days": state().batches.keep_days}
