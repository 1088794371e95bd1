"""A request with a file in, the file in a folder of ours out: its format by suffix and content, never a name or path of the client.

The client's name is kept only to be shown; files of this server that were named together keep their own names, below a folder of ours.
What is refused leaves no file behind.
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
    """The bytes of a file, and of one of several where it lies below what was named."""

    stream: IO[bytes]
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """Files on their way: what the client calls them, the media type of one that is sent, and each in its turn, at least one."""

    name: str
    media_type: str
    parts: Iterable[Part]


def allow(request: Request, *, max_bytes: int) -> None:
    """Let a form with a file of so many bytes in; nothing of it is read yet."""
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
    """The same on its way into a batch."""
    found = file_in_form(request)
    return Sent(found.filename or "", found.mimetype, (Part(found.stream),))


def sent_as_body(request: Request, *, name: str, max_bytes: int) -> Sent:
    """The file that is the body itself; one byte more than may be is asked for, as a longer body is cut without a word."""
    request.max_content_length = max_bytes + 1
    return Sent(name, request.mimetype, (Part(request.stream),))


@contextmanager
def kept(sent: Sent, settings: BatchSettings, *, workspace_id: str, actor: str) -> Iterator[tuple[str, Upload, tuple[Place, ...]]]:
    """Write files into a folder of their own; gives the id of their batch, what is known of them, and what is to be read.

    Raises:
        RequestError: the format of one is not known (415 `format_unknown`), or its content is of another (`format_mismatch`), or it
            is empty (`file_empty`).
        RequestEntityTooLarge: they are too large together.
        OutputError: there is no room for them (`batch_folder_unwritable`).
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
    """The last part of the client's name, safe to show: no folder, no control or direction characters, cut when long."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return shown_name(last) if last.strip() else _NAMELESS


def format_of(name: str, media_type: str) -> str:
    """The format by the suffix, or without one by the media type.

    Raises:
        RequestError: neither is known (415).
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
            file = stack.enter_context(path.open("wb", buffering=0))  # what the disk does not take shows at once, not when it is closed
            path.chmod(0o600)
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > max_bytes:
                raise RequestEntityTooLarge
            with writing():
                _write(file, piece)
    return size


def _write(file: FileIO, piece: bytes) -> None:
    """All of it, however much the system takes at a time."""
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


def _check_content(path: Path, found: str, *, name: str) -> None:
    """What text is, its reader decides; the others begin with a mark."""
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise RequestError(f"{name}: the file is empty", code="file_empty")
    if found in _MAGIC and head != _MAGIC[found]:
        raise RequestError(f"{name}: the content is not {found}, as the name says", code="format_mismatch")
