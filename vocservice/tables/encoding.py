"""The bytes of a text file in, its encoding and a decoded stream out: mark, then UTF-8, then a guess, then cp1252.

Bytes that do not decode become lone surrogates (U+DC80 to U+DCFF), so that a reader can reject the one record they stand in.
"""

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from charset_normalizer import CharsetMatch, from_bytes

from vocservice.errors import InputError
from vocservice.tables.formats import shown_name
from vocservice.tables.stream import BUFFER, ByteInput, check_magic, open_bytes

FALLBACK = "cp1252"
MARK_ERRORS = "voc-mark"
SAMPLE = 64 * 1024
_HEAD = 4096
_MULTIBYTE = frozenset({"cp932", "euc_jp", "cp949", "gb18030", "big5"})
_CANDIDATES = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", *sorted(_MULTIBYTE))
_MIN_HIGH_BYTES = 8
_HIGH = re.compile(rb"[\x80-\xff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

BYTE_ORDER_MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name, and whether the whole input is known to decode with it."""

    name: str
    proven: bool = False


def detect(path: str) -> Encoding:
    """Find the encoding of a text file by reading it once, in chunks.

    Raises:
        InputError: the file cannot be read, is empty, or is not text at all.
    """
    source = open_bytes(path)
    with source.stream as stream:
        head = stream.read(_HEAD)
        if not head:
            raise InputError(f"{shown_name(path)}: the file is empty")
        check_magic(head, shown_name(path))
        marked = marked_encoding(head) or _wide_without_mark(head)
        if marked is not None:
            return Encoding(marked)
        return _judge(head, stream)


def marked_encoding(head: bytes) -> str | None:
    """The codec named by a byte order mark, if there is one."""
    return next((codec for mark, codec in BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)


def decode(source: ByteInput, encoding: str) -> io.TextIOWrapper:
    """A text stream over an open input; line ends are kept as they are."""
    codecs.register_error(MARK_ERRORS, _mark)
    return io.TextIOWrapper(source.stream, encoding=encoding, errors=MARK_ERRORS, newline="")


def has_undecoded(text: str) -> bool:
    """Whether the text has undecodable bytes or a lone surrogate."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def without_undecoded(text: str) -> str:
    """The text with each undecodable byte or lone surrogate shown as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text) if has_undecoded(text) else text


def guess(sample: bytes) -> str:
    """The most likely encoding of non-UTF-8 bytes; cp1252 unless another is clearly better."""
    matches = list(from_bytes(sample, cp_isolation=list(_CANDIDATES)))
    if not matches or str(matches[0]) == sample.decode(FALLBACK, "replace"):
        return FALLBACK
    rivals = [match for match in matches if FALLBACK in match.could_be_from_charset]
    if rivals and rivals[0].chaos <= matches[0].chaos:
        return FALLBACK
    return matches[0].encoding if _is_convincing(matches[0], sample) else FALLBACK


def _is_convincing(match: CharsetMatch, sample: bytes) -> bool:
    if len(_HIGH.findall(sample)) < _MIN_HIGH_BYTES:
        return False
    return match.coherence > 0 or match.encoding in _MULTIBYTE


def _judge(head: bytes, stream: io.BufferedReader) -> Encoding:
    """UTF-8 if it decodes; UTF-8 with replacements if half of it does; else a guess from the other lines."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    sample = bytearray()
    for chunk in _chunks(head, stream):
        wide, wrong = _count(decoder.decode(chunk))
        good, bad = good + wide, bad + wrong
        if wrong and len(sample) < SAMPLE:
            sample += _high_lines(chunk)
    bad += _count(decoder.decode(b"", True))[1]
    if not bad:
        return Encoding("utf-8", proven=True)
    return Encoding("utf-8" if good >= bad else guess(bytes(sample[:SAMPLE])))


def _chunks(head: bytes, stream: io.BufferedReader) -> Iterator[bytes]:
    yield head
    while chunk := stream.read(BUFFER):
        yield chunk


def _count(text: str) -> tuple[int, int]:
    """Number of non-ASCII characters decoded, and of bytes that failed."""
    if text.isascii():
        return 0, 0
    bad = len(_SURROGATE.findall(text))
    return len(text) - len(text.encode("ascii", "ignore")) - bad, bad


def _high_lines(chunk: bytes) -> bytes:
    return b"\n".join(line for line in chunk.splitlines() if not line.isascii()) + b"\n"


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 without a byte order mark has a NUL in every other byte of plain text."""
    pairs = len(head) // 2
    for name, first in (("utf-16-be", 0), ("utf-16-le", 1)):
        nuls, others = head[first::2].count(0), head[1 - first :: 2].count(0)
        if pairs and nuls > 0.6 * pairs and not others:
            return name
    return None


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end
