"""A request with a file in, the file in our folder out: format by suffix and content, never using a name or path of the client.

The client's file name is kept for display only; referenced server files keep their own names, below a folder of ours.
Refused uploads leave no file behind.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import IO

from flask import Request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from vocservice.jobs.places import places_in
from vocservice.settings import BatchSettings
from vocservice.store.received.batch_files import BatchFiles, writing
from vocservice.store.received.batches import Upload, new_batch_id
from vocservice.tables.formats import FORMATS, shown_name, written_as
from vocservice.tables.places import Place
from vocservice.web.problems import RequestError

FILE_FIELD = "file"
MEDIA_TYPES: Mapping[str, str] = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "vtt": "text/vtt",
    "txt": "text/plain",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ALSO: Mapping[str, str] = {"application/jsonl": "jsonl", "application/x-parquet": "parquet"}
_MAGIC: Mapping[str, bytes] = {"parquet": b"PAR1", "xlsx": b"PK\x03\x04"}
_OTHER_PARTS = 1024**2
_PIECE = 1024**2
_NAMELESS = "upload"


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file, and its relative path if there are several."""

    stream: IO[bytes]
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """Incoming files: the client's name, the media type of an upload, and each file in turn, at least one."""

    name: str
    media_type: str
    parts: Iterable[Part]


def allow(request: Request, *, max_bytes: int) -> None:
    """Accept a form with a file of this size; nothing is read yet."""
    request.max_content_length = max_bytes + _OTHER_PARTS
    request.max_form_memory_size = _OTHER_PARTS


def file_in_form(request: Request) -> FileStorage:
    """The file of a form.

    Raises:
        RequestError: there is none (`file_missing`).
    """
    files = request.files.getlist(FILE_FIELD)
    if len(files) != 1 or not files[0].filename:
        raise RequestError(f"send one file, as the part {FILE_FIELD} of a form", code="file_missing")
    return files[0]


def sent_in_form(request: Request) -> Sent:
    """The same as incoming files of a batch."""
    found = file_in_form(request)
    return Sent(found.filename or "", found.mimetype, (Part(found.stream),))


def sent_as_body(request: Request, *, name: str, max_bytes: int) -> Sent:
    """The body itself as a file; reads one byte beyond the limit, because a longer body is silently truncated."""
    request.max_content_length = max_bytes + 1
    return Sent(name, request.mimetype, (Part(request.stream),))


@contextmanager
def kept(sent: Sent, settings: BatchSettings, *, workspace_id: str, actor: str) -> Iterator[tuple[str, Upload, tuple[Place, ...]]]:
    """Write files into a new folder; return the id of the batch, its metadata, and the inputs.

    Raises:
        RequestError: a format is unknown (415 `format_unknown`), the content does not match it (`format_mismatch`), or a file
            is empty (`file_empty`).
        RequestEntityTooLarge: together they are too large.
        OutputError: there is not enough space (`batch_folder_unwritable`).
    """
    name = display_name(sent.name)
    batch_id = new_batch_id()
    files = BatchFiles.of(settings.folder, workspace_id, batch_id)
    files.make()
    try:
        size, formats = 0, list[str]()
        for part in sent.parts:
            own = part.below[-1] if part.below else sent.name
            formats.append(format_of(own, sent.media_type))
            path = files.part(part.below) if part.below else files.input(formats[-1])
            size += _copied(part.stream, path, max_bytes=settings.max_bytes - size)
            _check_content(path, formats[-1], name=display_name(own))
        upload = Upload(name, formats[0], size, actor, written_as(formats[0]))
        yield batch_id, upload, places_in(files, name=name, input_format=upload.input_format)
    except BaseException:
        files.remove()
        raise


def display_name(name: str) -> str:
    """The base name of the client's file, safe to display: no folders, control or direction characters; cut if long."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return shown_name(last) if last.strip() else _NAMELESS


def format_of(name: str, media_type: str) -> str:
    """The format by suffix, or without one by media type.

    Raises:
        RequestError: both are unknown (415).
    """
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    by_suffix = next((fmt.name for fmt in FORMATS.values() if suffix in fmt.suffixes), None)
    by_type = next((fmt for fmt, known in MEDIA_TYPES.items() if known == media_type), _ALSO.get(media_type))
    found = by_suffix or (None if suffix else by_type)
    if found is None:
        known = ", ".join(suffix for fmt in FORMATS.values() for suffix in fmt.suffixes)
        message = f"{display_name(name)}: the name of a file must end in one of {known}; unpack archives first"
        raise RequestError(message, code="format_unknown", status=415)
    return found


def _copied(stream: IO[bytes], path: Path, *, max_bytes: int) -> int:
    size = 0
    with ExitStack() as stack:
        with writing():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = stack.enter_context(path.open("wb", buffering=0))  # write errors show at once, not on close
            path.chmod(0o600)
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > max_bytes:
                raise RequestEntityTooLarge
            with writing():
                _write(file, piece)
    return size


def _write(file: FileIO, piece: bytes) -> None:
    """Write everything, in as many calls as needed."""
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


def _check_content(path: Path, found: str, *, name: str) -> None:
    """Check the magic bytes; text formats are checked by their readers."""
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise RequestError(f"{name}: the file is empty", code="file_empty")
    if found in _MAGIC and head != _MAGIC[found]:
        raise RequestError(f"{name}: the content is not {found}, as the name says", code="format_mismatch")
