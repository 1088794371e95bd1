"""Results in, an Excel workbook out, written row by row: texts and ids always as text, never a formula or a link."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from vocservice.errors import OutputError
from vocservice.records import Result
from vocservice.tables.cells import as_id, as_text
from vocservice.tables.encoding import without_undecoded
from vocservice.tables.layout import Layout
from vocservice.tables.sink import Order, Origin

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_CELL = 32_767
CUT_MARK = " [cut]"
_EXCEL_NUMBER = 10**15  # Excel keeps 15 digits
_CREATED = datetime(1980, 1, 1, tzinfo=UTC)  # fixed archive dates, so that equal results give equal bytes
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class _Archive:
    """A binary file that can be dropped: `zipfile` writes the end of a broken archive when it is collected, and prints what fails then."""

    def __init__(self, path: Path):
        self._file = path.open("wb", buffering=0)
        self._is_dropped = False

    def write(self, data: bytes) -> int:
        """Write all of it: an unbuffered file may take a part."""
        rest = memoryview(data)
        while rest and not self._is_dropped:
            rest = rest[self._file.write(rest) :]
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def seek(self, place: int, whence: int = 0) -> int:
        return 0 if self._is_dropped else self._file.seek(place, whence)

    def tell(self) -> int:
        return 0 if self._is_dropped else self._file.tell()

    def close(self) -> None:
        self._file.close()

    def drop(self) -> None:
        """Close it; whatever is written from now on is lost."""
        self._is_dropped = True
        self.close()


class XlsxSink:
    """Writes rows to a sheet and starts a new one with a header when it is full."""

    def __init__(self, path: Path, layout: Layout):
        self._layout = layout
        self._header = (*layout.headers, *layout.added_names)
        if len(self._header) > MAX_COLUMNS:
            raise OutputError(f"an Excel sheet holds {MAX_COLUMNS} columns at most; write CSV or Parquet")
        self._file = _Archive(path)
        self._workbook = xlsxwriter.Workbook(self._file, _OPTIONS)
        self._workbook.set_properties({"created": _CREATED})
        self._sheet = self._new_sheet()
        self._row = 1

    def write(self, result: Result, _: Origin | None = None) -> None:
        ids = self._layout.id_places
        for cells in self._layout.rows(result):
            self._add([as_id(cell) if place in ids else cell for place, cell in enumerate(cells)])

    def _add(self, cells: Sequence[object]) -> None:
        if self._row >= MAX_ROWS:
            self._sheet, self._row = self._new_sheet(), 1
        _write_row(self._sheet, self._row, cells)
        self._row += 1

    def close(self) -> None:
        try:
            self._workbook.close()
        except BaseException:
            self._file.drop()
            raise
        self._file.close()

    def _new_sheet(self) -> Worksheet:
        sheet = self._workbook.add_worksheet()
        _write_row(sheet, 0, self._header)
        return sheet


def open_sink(order: Order) -> XlsxSink:
    """Open the file of a request."""
    return XlsxSink(order.path, order.layout)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A workbook with one sheet and a header; no text is a formula. Rows beyond a sheet's limit are left out."""
    with xlsxwriter.Workbook(str(path), _OPTIONS) as workbook:
        sheet = workbook.add_worksheet()
        for number, cells in enumerate(islice((columns, *rows), MAX_ROWS)):
            _write_row(sheet, number, cells)


def _write_row(sheet: Worksheet, row: int, cells: Sequence[object]) -> None:
    for column, cell in enumerate(cells):
        _write_cell(sheet, row, column, cell)


def _write_cell(sheet: Worksheet, row: int, column: int, cell: object) -> None:
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, int | float) and abs(cell) < _EXCEL_NUMBER:
        sheet.write_number(row, column, cell)
    elif cell is not None and cell != "":
        sheet.write_string(row, column, _fitted(without_undecoded(as_text(cell))))


def _fitted(text: str) -> str:
    """The text within Excel's limit in UTF-16 units; a cut is marked."""
    if len(text) + sum(character > "\uffff" for character in text) <= MAX_CELL:
        return text
    units = text.encode("utf-16-le")[: 2 * (MAX_CELL - len(CUT_MARK))]
    return units.decode("utf-16-le", "ignore") + CUT_MARK
