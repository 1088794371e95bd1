"""An output path in, a `.partial` file beside it out, renamed to the output at the end."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vocservice.errors import OutputError
from vocservice.tables.formats import shown_name


@dataclass(frozen=True, slots=True)
class Partial:
    """An unfinished output: `partial` is written, `target` appears atomically."""

    target: Path

    @property
    def partial(self) -> Path:
        return self.target.with_name(self.target.name + ".partial")

    @property
    def name(self) -> str:
        return shown_name(str(self.target))

    def claim(self) -> bool:
        """Check that the output can be written, before any work.

        Returns:
            Whether the partial file is new: an existing one may belong to another run.

        Raises:
            OutputError: the folder is missing or not writable, or the path is a folder.
        """
        try:
            if self.target.is_dir():
                raise OutputError(f"{self.name}: is a folder, not a file")
            if not self.target.parent.is_dir():
                raise OutputError(f"{self.name}: the folder to write it in does not exist")
            if self.target.exists() and not os.access(self.target, os.W_OK):
                raise OutputError(f"{self.name}: exists and is read-only")
            is_new = not self.partial.exists()
            self.partial.open("ab").close()
        except (OSError, ValueError) as error:
            raise unwritable(self.name, error) from None
        return is_new

    def release(self) -> None:
        """Undo a claim: remove the partial file if it is empty."""
        with suppress(OSError):
            if not self.partial.stat().st_size:
                self.partial.unlink()

    def discard(self) -> None:
        """Remove the partial file."""
        with suppress(OSError):
            self.partial.unlink()

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Claim the output and yield the path to write; it is renamed if the block succeeds.

        Raises:
            OutputError: it cannot be written; the partial file stays.
        """
        self.claim()
        try:
            yield self.partial
        except OSError as error:
            raise unwritable(self.name, error) from None
        except BaseException:
            self.discard()
            raise
        self.finish()

    def finish(self) -> None:
        """Flush to disk and rename.

        Raises:
            OutputError: the disk is full or the rename fails; the partial file stays.
        """
        try:
            with self.partial.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.partial, self.target)
        except OSError as error:
            raise unwritable(self.name, error) from None


def unwritable(name: str, error: Exception, *, keeps: bool = True) -> OutputError:
    """Translate a system error; `keeps`: a partial file remains."""
    number = error.errno if isinstance(error, OSError) else None
    reason = os.strerror(number) if number else "the system refused"
    remedy = "; what was written so far is kept in its .partial file" if keeps and number == errno.ENOSPC else ""
    return OutputError(f"{name}: cannot be written ({reason}){remedy}")
