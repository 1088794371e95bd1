"""A path or `-` in, a buffered byte stream out: counts bytes, decompresses gzip under a limit, refuses disguised files."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from vocservice.errors import InputError
from vocservice.tables.formats import STANDARD_STREAM, is_compressed, shown_name

BUFFER = 128 * 1024
MAX_UNPACKED = 64 * 1024**3
MAX_RATIO = 300
RATIO_FROM = 64 * 1024**2

MAGIC: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive (perhaps an Excel file: name it .xlsx)",
    b"PAR1": "a Parquet file (name it .parquet)",
    b"\xd0\xcf\x11\xe0": "an old or password-protected Excel file (save it as .xlsx without a password)",
    b"\x1f\x8b": "a gzip file (let its name end in .gz)",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"\xfd7zXZ": "an xz file",
}


class PulledStream(io.RawIOBase):
    """A raw stream over a pull function; counts the bytes returned."""

    def __init__(self, pull: Callable[[int], bytes], close: Callable[[], None]):
        super().__init__()
        self._pull, self._close = pull, close
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._pull(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


@dataclass(frozen=True, slots=True)
class ByteInput:
    """An open input: its decompressed bytes, its size on disk (None for a pipe), and the bytes read."""

    stream: io.BufferedReader
    packed: PulledStream
    total: int | None

    @property
    def bytes_read(self) -> int:
        return self.packed.count


def open_bytes(path: str) -> ByteInput:
    """Open an input for reading.

    Raises:
        InputError: there is no such file, it cannot be read, or it is a folder.
    """
    if path == STANDARD_STREAM:
        return _standard_input()
    total = file_size(path)
    file = _open_file(path)
    packed = PulledStream(file.read, file.close)
    stream: io.BufferedReader = io.BufferedReader(packed, BUFFER)
    if is_compressed(path):
        stream = _unpacked(stream, packed, shown_name(path))
    return ByteInput(stream, packed, None if is_stream(path) else total)


def is_stream(path: str) -> bool:
    """Whether an input can be read only once: standard input, or a named pipe or device."""
    return path == STANDARD_STREAM or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


def file_size(path: str) -> int:
    """Size in bytes of an ordinary file.

    Raises:
        InputError: there is no such file or it is a folder.
    """
    name = shown_name(path)
    try:
        size = os.stat(path).st_size
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be opened ({_reason(error)})") from None
    if os.path.isdir(path):
        raise InputError(f"{name}: is a folder, not a file")
    return size


def check_magic(head: bytes, name: str) -> None:
    """Refuse a text file that is really another kind.

    Raises:
        InputError: the first bytes are those of another kind of file.
    """
    for magic, what in MAGIC.items():
        if head.startswith(magic):
            raise InputError(f"{name}: this is not a text file but {what}")


def _open_file(path: str) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise InputError(f"{shown_name(path)}: cannot be opened ({_reason(error)})") from None


def _standard_input() -> ByteInput:
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file to read")
    inner = sys.stdin.buffer
    pull: Callable[[int], bytes] = getattr(inner, "read1", inner.read)
    packed = PulledStream(pull, lambda: None)
    return ByteInput(io.BufferedReader(packed, BUFFER), packed, None)


def _unpacked(stream: io.BufferedReader, packed: PulledStream, name: str) -> io.BufferedReader:
    inflate = gzip.GzipFile(fileobj=stream)
    unpacked = 0

    def pull(size: int) -> bytes:
        nonlocal unpacked
        try:
            data = inflate.read(size)
        except (OSError, EOFError, zlib.error):
            raise InputError(f"{name}: the gzip data is damaged or cut off; send it again whole") from None
        unpacked += len(data)
        _check_expansion(unpacked, packed.count, name)
        return data

    def close() -> None:
        inflate.close()
        stream.close()

    return io.BufferedReader(PulledStream(pull, close), BUFFER)


def _check_expansion(unpacked: int, packed: int, name: str) -> None:
    if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > MAX_RATIO * max(packed, 1)):
        raise InputError(f"{name}: the gzip data unpacks to far more than its size; unpack it yourself if you trust it")


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else "not a usable file name"
