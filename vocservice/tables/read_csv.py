"""A CSV or TSV file in, its rows out as records: every cell a string, byte for byte as written."""

from collections.abc import Iterator
from itertools import chain, islice, takewhile

from vocservice.errors import InputError
from vocservice.records import Rejected
from vocservice.tables.columns import choose_columns, is_known_name
from vocservice.tables.dialect import declared_delimiter, sniff
from vocservice.tables.encoding import Encoding, decode, detect
from vocservice.tables.formats import input_format, shown_name
from vocservice.tables.header import MAX_HEADER_ROWS, Header, read_header
from vocservice.tables.lines import read_lines
from vocservice.tables.rows import Dialect, Row, parse_rows
from vocservice.tables.source import Facts, Record, Request, Source, described
from vocservice.tables.stream import open_bytes
from vocservice.tables.tablerow import RowReader

SNIFFED = 256 * 1024


def read(request: Request) -> Source:
    """Open a delimited text file.

    Raises:
        InputError: the file is missing, empty, not text, or has no usable text column.
    """
    encoding = detect(request.path)
    dialect, declared = _sniff(request, encoding)
    opened = open_bytes(request.path)
    stream = decode(opened, encoding.name)
    try:
        rows = islice(parse_rows(read_lines(stream), dialect), int(declared), None)
        first = list(islice(rows, MAX_HEADER_ROWS))
        header = _header(first, request.path)
        columns = choose_columns(header, request.wanted, below=[row.cells for row in first[1:]])
    except BaseException:
        stream.close()
        raise
    delimiter = dialect.delimiter if len(header) > 1 else None
    facts = Facts(request.path, input_format(request.path).name, opened.total, encoding=encoding.name, delimiter=delimiter)
    facts = described(facts, header, columns, skipped=int(declared))
    records = _records(chain(first[header.rows :], rows), RowReader(header, columns))
    return Source(facts, records, bytes_read=lambda: opened.bytes_read, close=stream.close)


def _sniff(request: Request, encoding: Encoding) -> tuple[Dialect, bool]:
    with decode(open_bytes(request.path), encoding.name) as stream:
        sample = stream.read(SNIFFED)
    if len(sample) == SNIFFED:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    expected = "\t" if input_format(request.path).name == "tsv" else ","
    return sniff(sample, expected=expected, is_known=is_known_name(request.wanted)), declared_delimiter(sample) is not None


def _header(first: list[Row], path: str) -> Header:
    if not first:
        raise InputError(f"{shown_name(path)}: there is no header row")
    if first[0].fault:
        raise InputError(f"{shown_name(path)}: the header row cannot be read: {first[0].fault[1]}")
    return read_header([row.cells for row in takewhile(lambda row: not row.fault, first)])


def _records(rows: Iterator[Row], reader: RowReader) -> Iterator[Record]:
    for number, row in enumerate(rows, 1):
        if row.fault:
            code, reason = row.fault
            yield Rejected(f"row-{number}", code, f"row {number} (line {row.line}): {reason}")
        else:
            yield reader.read_text(row.cells, number=number, line=row.line)
