"""Rejected records in, a JSON Lines file beside the output out: position, id, code and message, never a text; no file without rejects."""

from pathlib import Path
from typing import BinaryIO

from vocservice.records import Rejected
from vocservice.tables.partial import Partial
from vocservice.tables.sink import Origin
from vocservice.tables.write_jsonl import json_line, origin_keys


def rejects_of(output: Path) -> Partial:
    """The rejects file of an output."""
    return Partial(output.with_name(output.name + ".rejects.jsonl"))


class RejectsFile:
    """Created at the first rejection and renamed at the end; an earlier run's is removed."""

    def __init__(self, output: Path):
        self._file = rejects_of(output)
        self._stream: BinaryIO | None = None

    def add(self, rejected: Rejected, *, row: int, origin: Origin | None = None) -> None:
        """Add one rejection; `row` is its position over all inputs and in the output, from 1."""
        if self._stream is None:
            self._stream = self._file.partial.open("wb")
        found = {"row": row, "id": rejected.id, "code": rejected.code, "message": rejected.message}
        self._stream.write(json_line(found | origin_keys(origin)))

    def close(self) -> None:
        """Close without renaming."""
        if self._stream is not None:
            self._stream.close()

    def finish(self) -> None:
        """Close and rename."""
        self.close()
        if self._stream is not None:
            self._file.finish()
        else:
            self._file.target.unlink(missing_ok=True)
            self._file.partial.unlink(missing_ok=True)
