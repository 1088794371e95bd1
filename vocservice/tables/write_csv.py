"""Results in, a CSV or TSV table out: the caller's cells unchanged, new cells safe to open in a spreadsheet."""

import csv
from typing import TextIO

from vocservice.records import Result
from vocservice.tables.cells import as_text, safe_for_sheets
from vocservice.tables.layout import Layout
from vocservice.tables.sink import Order, Origin

_LINE_END = "\r\n"


class _UnixLines:
    """Ends rows with LF. The csv writer must be configured with CR LF, because only then does it quote cells with a CR."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, row: str) -> int:
        return self._stream.write(row.removesuffix(_LINE_END) + "\n")


class CsvSink:
    """Writes delimited rows; `excel` adds the byte order mark and CR LF, and escapes the caller's cells too."""

    def __init__(self, stream: TextIO, layout: Layout, *, delimiter: str, excel: bool):
        self._stream, self._layout, self._excel = stream, layout, excel
        self._writer = csv.writer(stream if excel else _UnixLines(stream), delimiter=delimiter, lineterminator=_LINE_END)
        self._writer.writerow([*map(self._own, layout.headers), *layout.added_names])

    def write(self, result: Result, _: Origin | None = None) -> None:
        own = [self._own(cell) for cell in self._layout.own_cells(result)]
        for added in self._layout.added_rows(result):
            self._writer.writerow([*own, *map(_added, added)])

    def close(self) -> None:
        self._stream.close()

    def _own(self, cell: object) -> str:
        return _added(cell) if self._excel else as_text(cell)


def open_sink(order: Order) -> CsvSink:
    """Open the file of a request."""
    encoding = "utf-8-sig" if order.excel else "utf-8"
    stream = order.path.open("w", encoding=encoding, errors="replace", newline="")
    return CsvSink(stream, order.layout, delimiter=order.delimiter, excel=order.excel)


def _added(cell: object) -> str:
    return safe_for_sheets(cell) if isinstance(cell, str) else as_text(cell)
