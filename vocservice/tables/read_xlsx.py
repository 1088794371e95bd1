"""An Excel workbook in, the rows of one sheet out as records: whole numbers without `.0`, dates in ISO form."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import IO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from vocservice.errors import InputError
from vocservice.tables.cells import whole
from vocservice.tables.columns import Columns, ColumnsError, choose_columns, named
from vocservice.tables.formats import shown_name
from vocservice.tables.header import MAX_HEADER_ROWS, Header, read_header
from vocservice.tables.source import Facts, Record, Request, Source, described
from vocservice.tables.stream import file_size
from vocservice.tables.tablerow import RowReader

MAX_ENTRIES = 10_000
MAX_UNPACKED = 1024**3
MAX_RATIO = 200
RATIO_FROM = 32 * 1024**2
MAX_CELLS = 30_000_000
_PIECE = 1024 * 1024
_CELL_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,12})([0-9]{1,24})["']""")
_LONGEST_REFERENCE = 48

Cell = str | int | float | bool
Cells = list[Cell]


def read(request: Request) -> Source:
    """Open one sheet of a workbook.

    Raises:
        InputError: the file is missing, is no workbook, unpacks to far too much, or has no usable sheet or text column.
    """
    name = shown_name(request.path)
    total = file_size(request.path)
    check_archive(request.path)
    workbook = _open(request.path, name)
    rows = _rows(_sheet(workbook, request.sheet, name))
    first = list(islice(rows, MAX_HEADER_ROWS))
    if not first:
        raise InputError(f"{name}: the sheet is empty")
    header = read_header(first)
    columns = _columns(header, request, first[1:], workbook.sheet_names)
    facts = described(Facts(request.path, "xlsx", total, sheets=tuple(workbook.sheet_names)), header, columns)
    records = _records(chain(first[header.rows :], rows), RowReader(header, columns))
    return Source(facts, records, bytes_read=lambda: total, close=workbook.close)


def check_archive(path: str) -> None:
    """Refuse a zip bomb by unpacking once in pieces: sizes stated in an archive can lie.

    Raises:
        InputError: the file is no zip archive, is damaged, or is far larger unpacked than packed.
    """
    name = shown_name(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error):
        raise InputError(f"{name}: the Excel file is damaged, protected by a password, or no .xlsx at all") from None


def _check_entries(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{name}: the Excel file has more than {MAX_ENTRIES} parts")
    packed = max(sum(entry.compress_size for entry in entries), 1)
    unpacked = 0
    for entry in entries:
        entry.file_size = MAX_UNPACKED + _PIECE
        with archive.open(entry) as file:
            extent = _Extent(name)
            for piece in _pieces(file):
                unpacked += len(piece)
                extent.add(piece)
                if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed):
                    raise InputError(f"{name}: the Excel file unpacks to far more than its size")


class _Extent:
    """Extent of a sheet: two cells in opposite corners would make the reader fill everything between."""

    def __init__(self, name: str):
        self._name = name
        self._tail = b""
        self._row = self._column = 0

    def add(self, piece: bytes) -> None:
        found = _CELL_REFERENCE.findall(self._tail + piece)
        self._tail = piece[-_LONGEST_REFERENCE:]
        if found:
            self._row = max(self._row, max(int(row) for _, row in found))
            self._column = max(self._column, max(map(_column_number, {letters for letters, _ in found})))
        if self._row * self._column > MAX_CELLS:
            raise InputError(f"{self._name}: a sheet of the Excel file spans more than {MAX_CELLS} cells; save it as CSV")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _open(path: str, name: str) -> CalamineWorkbook:
    with _faults(f"{name}: the Excel file cannot be read"):
        return CalamineWorkbook.from_path(path)


def _sheet(workbook: CalamineWorkbook, wanted: str | None, name: str) -> CalamineSheet:
    names = workbook.sheet_names
    if wanted is not None and wanted not in names:
        raise InputError(f"{name}: there is no such sheet; the workbook has {named(names, noun='sheet')}")
    if not names:
        raise InputError(f"{name}: the workbook has no sheet")
    with _faults(f"{name}: the sheet cannot be read"):
        return workbook.get_sheet_by_name(names[0] if wanted is None else wanted)


def _columns(header: Header, request: Request, below: Sequence[Cells], sheets: Sequence[str]) -> Columns:
    """The columns; if the first of several sheets has no text, the error lists the others."""
    try:
        return choose_columns(header, request.wanted, below=below)
    except ColumnsError as error:
        if request.sheet is not None or len(sheets) == 1:
            raise
        first = f"this is the first of the sheets {named(sheets, noun='sheet')}"
        raise error.with_hint(f"; {first}: choose another") from None


@contextmanager
def _faults(message: str) -> Iterator[None]:
    """Translate the library's errors on damaged workbooks into input errors; its panics are not ordinary exceptions."""
    try:
        yield
    except (CalamineError, OSError, ValueError, OverflowError):
        raise InputError(message) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise InputError(message) from None
        raise


def _rows(sheet: CalamineSheet) -> Iterator[Cells]:
    """Rows of equal width, without blank ones."""
    for row in sheet.iter_rows():
        cells = [_cell(value) for value in row]
        if any(cell != "" for cell in cells):
            yield cells


def _cell(value: object) -> Cell:
    value = whole(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return value if isinstance(value, str | int | float) else ""


def _records(rows: Iterator[Cells], reader: RowReader) -> Iterator[Record]:
    for number, cells in enumerate(rows, 1):
        yield reader.read(cells, number=number)
