"""`/v1/batches`: files that are labelled as a whole."""

from collections.abc import Mapping

from vocservice.store.received import batches
from vocservice.store.received.batches import Batch, Options
from vocservice.tables.formats import FORMATS, WRITTEN
from vocservice.web.answers import JSON
from vocservice.web.batches.api import FORM, LARGEST_PAGE, PAGE
from vocservice.web.described.parts import TEXT, Answer, Body, Content, Noun, Operation, Parameter, closed, listed, ref, refused, told
from vocservice.web.described.shapes import Shape
from vocservice.web.described.usual import of_page
from vocservice.web.requests.uploads import MEDIA_TYPES

_FILE = {**TEXT, "format": "binary"}
_ALL = (batches.DRAFT, *batches.OPEN, *batches.ENDED)
_UNKNOWN = refused("No such batch in the key's workspace: batch_unknown", shared="BatchUnknown")
_NOT_DONE = refused("The batch is not done: batch_not_done", shared="BatchNotDone")

_TABLE = "id,text,score\n1,The app crashed twice.,3\n2,Lovely staff.,9\n"
_SENT: Mapping[str, str] = {
    "csv": _TABLE,
    "tsv": _TABLE.replace(",", "\t"),
    "jsonl": '{"id": "1", "text": "The app crashed twice."}\n{"id": "2", "text": "Lovely staff."}\n',
    "json": '{"id": "c-1", "turns": [{"speaker": "customer", "text": "Where is my parcel?"}]}',
    "vtt": "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n<v Customer>Where is my parcel?\n",
    "txt": "Customer: Where is my parcel?\nAgent: It is on its way.\n",
}
_LABELLED = '{"id": "1", "status": "ok", "text": "The app crashed.", "stages": [{"key": "use", "probability": 0.9, "evidence": []}]}\n'
_RESULTS: Mapping[str, str] = {
    "csv": "id,text,status,voc_stages\n1,The app crashed.,ok,use\n",
    "tsv": "id\ttext\tstatus\tvoc_stages\n1\tThe app crashed.\tok\tuse\n",
    "jsonl": _LABELLED,
}
_REJECTED = '{"row": 2, "id": "2", "code": "empty_text", "message": "there is no customer text to read; leave the record out"}\n'

_QUEUED = {
    "id": "bat_01m8hsbz8ce18p9gwp8bbp3zap",
    "name": "Q2.csv",
    "status": "queued",
    "input_format": "csv",
    "input_bytes": 16,
    "rows_total": None,
    "rows_done": 0,
    "rows_rejected": 0,
    "mapping": {},
    "options": {"format": "csv", "sheet": None, "limit": None, "excel": False, "explode": None},
    "share": None,
    "rows_per_second": None,
    "seconds_left": None,
    "created_at": "2026-03-04T19:16:01.995000+00:00",
    "started_at": None,
    "finished_at": None,
    "expires_at": None,
    "error": None,
}
_DONE = {
    "id": "bat_01m8hsbqefzt9tp423wgv1xjyc",
    "name": "Q1.csv",
    "status": "done",
    "input_format": "csv",
    "input_bytes": 30,
    "rows_total": 2,
    "rows_done": 2,
    "rows_rejected": 0,
    "mapping": {},
    "options": {"format": "csv", "sheet": None, "limit": None, "excel": False, "explode": None},
    "share": 1.0,
    "rows_per_second": 7.3,
    "seconds_left": None,
    "created_at": "2026-03-04T19:15:54.006000+00:00",
    "started_at": "2026-03-04T19:15:54.406000+00:00",
    "finished_at": "2026-03-04T19:15:54.730000+00:00",
    "expires_at": "2026-12-05T19:15:54.730000+00:00",
    "error": None,
}
_CANCELLED = {
    **_QUEUED,
    "status": "cancelled",
    "finished_at": "2026-03-04T19:16:02.350000+00:00",
    "expires_at": "2026-03-11T19:16:02.350000+00:00",
}


def _files(formats: Mapping[str, object], examples: Mapping[str, str]) -> Mapping[str, Content]:
    return {MEDIA_TYPES[name]: Content(_FILE, examples.get(name)) for name in formats}


def _lines(about: str, example: str) -> Answer:
    return Answer(about, _files({"jsonl": None}, {"jsonl": example}))


_REFERENCE = "path of a file, a folder of Parquet files or a pattern in the workspace's folder on the server (batches.sources)"
_FORM_FIELDS = {
    "type": "object",
    "properties": {
        "file": _FILE,
        "reference": {**TEXT, "description": f"instead of file: {_REFERENCE}"},
        "mapping": {**TEXT, "description": "JSON: field to column"},
        "options": {**TEXT, "description": "JSON: BatchOptions"},
    },
    "oneOf": [{"required": ["file"]}, {"required": ["reference"]}],
}

NOUN = Noun(
    {
        "batches.create": Operation(
            "create_batch",
            "Take a file and queue it",
            parameters=(
                Parameter("name", about="name of a file that is the body; its suffix gives the format"),
                Parameter("reference", about=f"instead of a body: {_REFERENCE}"),
                Parameter("mapping", about="JSON, if the file is the body"),
                Parameter("options", about="JSON, if the file is the body"),
            ),
            body=Body(
                {FORM: Content(_FORM_FIELDS, {"file": _TABLE, "options": '{"format": "csv"}'}), **_files(FORMATS, _SENT)}, is_required=False
            ),
            answers={
                202: Answer("It is queued", {JSON: Content(ref("Batch"), _QUEUED)}, {"Location": TEXT}),
                400: refused(
                    "The file, its columns or the options cannot be used: input_unusable, file_missing, file_empty, format_mismatch, "
                    "references_off, too_many_files, mapping_invalid, option_invalid, parameter_invalid, invalid_json, bad_request"
                ),
                404: refused("No such file in the workspace's folder: reference_unknown"),
                413: refused("The file, or all files together, exceed batches.max_bytes: body_too_large"),
                415: refused("Unknown format: format_unknown"),
                429: refused(
                    "Too many batches are open, or too many requests with this key; see Retry-After: too_many_batches, rate_limited"
                ),
                503: refused(
                    "The store is missing, busy or full, too many large requests at a time, or the process is stopping; see Retry-After: "
                    "store_unavailable, store_damaged, schema_mismatch, key_missing, uploads_full, stopping"
                ),
            },
        ),
        "batches.listed": Operation(
            "list_batches",
            "A page of batches, newest first",
            {200: told("The batches", "Batches", {"items": [_DONE], "next": None})},
            of_page(PAGE, LARGEST_PAGE),
        ),
        "batches.one": Operation("read_batch", "How far a batch is", {200: told("The batch", "Batch", _DONE)}),
        "batches.delete": Operation(
            "delete_batch",
            "Delete a batch that has ended, with its files",
            {204: Answer("Deleted"), 409: refused("It is queued or running: batch_open")},
        ),
        "batches.cancel": Operation(
            "cancel_batch",
            "End a batch",
            {200: told("The cancelled batch", "Batch", _CANCELLED), 409: refused("It has already ended: batch_ended")},
        ),
        "batches.result": Operation(
            "read_batch_result",
            "The labelled file, in the format of the options",
            {200: Answer("The file", _files(WRITTEN, _RESULTS)), 409: _NOT_DONE},
        ),
        "batches.rejects": Operation(
            "read_batch_rejects",
            "The rejected records with their reasons, one per line",
            {200: _lines("JSON Lines of row, id, code and message; may be empty", _REJECTED), 409: _NOT_DONE},
        ),
        "batches.partial": Operation(
            "read_batch_partial",
            "What is labelled so far of an unfinished batch, one record per line",
            {
                200: _lines("JSON Lines as of POST /v1/analyse, in row order, in blocks of 1,024; may be empty", _LABELLED),
                409: refused("It is done; get its result: batch_ended"),
            },
        ),
    },
    {
        "Batch": Shape(
            (Batch,),
            "A file to be labelled as a whole, and its progress.",
            without=("workspace_id", "rate", "error_code", "error_message", "created_by", "seen_at"),
            more={
                "name": {"description": "the client's name of the file or files, made safe for display"},
                "status": {"enum": _ALL},
                "input_format": {"enum": list(FORMATS), "description": "of the first file, if there are several"},
                "share": {"type": ["number", "null"], "description": "of the rows, from 0 to 1"},
                "rows_per_second": {"type": ["number", "null"]},
                "seconds_left": {"type": ["number", "null"]},
                "expires_at": {"description": "when the batch and its files are deleted"},
                "error": {"anyOf": [{"type": "null"}, closed({"code": TEXT, "message": {"type": ["string", "null"]}})]},
            },
        ),
        "BatchOptions": Shape(
            (Options,),
            "as the options of voc classify",
            more={"format": {"enum": list(WRITTEN), "description": "of the result; that of the file by default"}, "limit": {"minimum": 1}},
            optional=("format", "sheet", "limit", "excel", "explode"),
        ),
        "Batches": closed({"items": listed("Batch"), "next": {"type": ["string", "null"], "description": "cursor of the next page"}}),
    },
    (Parameter("batch_id", place="path", shared="BatchId"),),
    {"batch_id": _UNKNOWN},
)
