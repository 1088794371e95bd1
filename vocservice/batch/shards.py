"""Results of a run in, finished shards in a folder beside the output out, and back after a crash.

`OUT.shards/` has the plan (`manifest.json`), one file per shard, and `done.jsonl`: one line per finished shard with its
records and SHA-256. A shard counts once its line is complete and its file matches; anything else is redone.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from vocservice.batch.failpoints import reached
from vocservice.batch.plan import Plan
from vocservice.batch.stored import decode, encode
from vocservice.errors import InputError, OutputError, ResumeError
from vocservice.records import Result
from vocservice.tables.formats import shown_name
from vocservice.tables.partial import Partial, unwritable
from vocservice.tables.source import Record

PLAN, JOURNAL, LOCK = "manifest.json", "done.jsonl", "lock"
_SHARD = re.compile(r"\d{6,}\.jsonl")
_OURS = re.compile(rf"({_SHARD.pattern}|{re.escape(PLAN)}|{re.escape(JOURNAL)})(\.partial)?")


class Done(BaseModel):
    """A finished shard: its number, its number of records, and the SHA-256 of its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shard: int
    records: int
    sha256: str


class Shards:
    """The shards of one run; a context manager. Only one process at a time may use a folder.

    Attributes:
        earlier: records done by an earlier run.
        resumed: how many of them are reused.
    """

    def __init__(self, folder: Path, plan: Plan):
        self._folder, self._plan = folder, plan
        self._done: dict[int, Done] = {}
        self._is_begun = False
        self._lock: BinaryIO | None = None
        self.earlier = self.resumed = 0

    @classmethod
    def open(cls, output: Path, plan: Plan, *, resume: bool) -> Self:
        """Prepare to resume or start over; an earlier run's shards stay until the first new shard is finished.

        Args:
            output: the output file.
            plan: of the run.
            resume: whether to reuse the work of an earlier run with the same plan.

        Raises:
            ResumeError: the earlier run had another plan (`resume_refused`).
            OutputError: the folder cannot be created, or another run uses it.
        """
        shards = cls(shards_of(output), plan)
        with shards._refusals():
            shards._claim()
        try:
            shards._take_over(resume=resume)
        except BaseException:
            shards.close()
            raise
        return shards

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def name(self) -> str:
        return shown_name(str(self._folder))

    @property
    def size(self) -> int:
        """Records in a shard; the last one may hold fewer."""
        return self._plan.shard_records

    def has(self, number: int) -> bool:
        """Whether a shard is done."""
        return number in self._done

    def done_after(self, number: int) -> int | None:
        """The first finished shard after `number`; None without one."""
        return min((done for done in self._done if done > number), default=None)

    def stored(self, number: int, records: Iterable[Record]) -> Iterator[Result]:
        """The results of a finished shard, with the rows of their records.

        Raises:
            InputError: the records differ from those of the shard.
        """
        try:
            with self._path(number).open("rb") as lines:
                yield from matched(lines, records)
        except (ValueError, OSError):
            raise InputError(f"{self.name}: shard {number} does not fit the input; run without --resume to start over") from None

    def recorded(self, number: int, results: Iterable[Result]) -> Iterator[Result]:
        """Pass results through and store them; the shard is finished when they end."""
        content, records = bytearray(), 0  # not a list of lines: each would hold on to the whole buffer of its encoder
        for result in results:
            content += encode(result)
            records += 1
            yield result
        self.save(number, content, records)

    def save(self, number: int, content: bytes | bytearray, records: int) -> None:
        """Store the encoded results of a whole shard, one line per record."""
        with self._refusals():
            if not self._is_begun:
                self._begin()
            self._done[number] = self._kept(number, content, records)
        reached(f"after_shard_{number + 1}")

    def remove(self) -> None:
        """Delete the shards of a completed run, and release the folder; files of others in it stay, and it with them.

        The lock is removed last, so that a new run in the folder loses nothing.
        """
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            (self._folder / LOCK).unlink()
            self._folder.rmdir()
        self._release()

    def close(self) -> None:
        """Release the folder; delete it if no shard is finished."""
        if self._lock is not None and not (self._folder / JOURNAL).exists():
            self.remove()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _claim(self) -> None:
        self._folder.mkdir(exist_ok=True)
        self._lock = (self._folder / LOCK).open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(self._lock.fileno()), os.stat(self._folder / LOCK)):
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):  # locked, or removed by the run that held it
            self._release()
            raise OutputError(f"{self.name}: another run is writing this output; wait for it, or choose another name") from None

    def _take_over(self, *, resume: bool) -> None:
        done = list(_journal(self._folder / JOURNAL))
        self.earlier = sum(one.records for one in done)
        if not resume or not done:
            return
        if difference := self._plan_of_earlier().difference(self._plan):
            raise ResumeError(f"{self.name} was begun with {difference}: give the same again, or run without --resume to start over")
        self._done = {one.shard: one for one in done if _is_whole(self._path(one.shard), one.sha256)}
        with self._refusals():
            _write(self._folder / JOURNAL, b"".join(map(_line, self._done.values())))
        self.resumed = sum(one.records for one in self._done.values())
        self._is_begun = True

    def _plan_of_earlier(self) -> Plan:
        try:
            return Plan.model_validate_json((self._folder / PLAN).read_bytes())
        except (OSError, ValidationError):
            raise ResumeError(f"{self.name}: its {PLAN} is missing or damaged; run without --resume to start over") from None

    def _kept(self, number: int, content: bytes | bytearray, records: int) -> Done:
        """Write the file first; a journal line lost in a power cut costs only its shard."""
        _write(self._path(number), content)
        done = Done(shard=number, records=records, sha256=hashlib.sha256(content).hexdigest())
        with (self._folder / JOURNAL).open("ab") as journal:
            journal.write(_line(done))
        return done

    def _begin(self) -> None:
        """Only now delete an earlier run's shards, journal first, so that none can be mistaken for ours."""
        (self._folder / JOURNAL).unlink(missing_ok=True)
        for old in self._folder.iterdir():
            if _SHARD.fullmatch(old.name):
                old.unlink()
        _write(self._folder / PLAN, self._plan.model_dump_json(indent=1).encode())
        self._is_begun = True

    def _path(self, number: int) -> Path:
        return _shard(self._folder, number)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.name, error, keeps=False) from None


def matched(lines: Iterable[bytes], records: Iterable[Record]) -> Iterator[Result]:
    """Parse results, each with the row of its record.

    Raises:
        ValueError: a line is not a result, or belongs to another record.
    """
    for record, line in zip(records, lines, strict=True):
        yield replace(_same(decode(line), record), row=record.row)


def shards_of(output: Path) -> Path:
    """The work folder of an output."""
    return output.with_name(output.name + ".shards")


def finished(output: Path) -> Iterator[Result]:
    """Finished results of a run, from the first shard to the first missing one, without blocking its writer.

    It ends if the run deletes its shards or starts over meanwhile, so that labels of two plans never mix.

    Raises:
        ValueError: a shard is damaged.
    """
    folder = shards_of(output)
    with suppress(FileNotFoundError):
        begun = _stamp(folder / PLAN)
        for number in count():
            with _shard(folder, number).open("rb") as lines:
                if _stamp(folder / PLAN) != begun:
                    return
                yield from map(decode, lines)


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.jsonl"


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _journal(path: Path) -> Iterator[Done]:
    """The complete lines; a crash can truncate the last one."""
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(ValidationError):
                yield Done.model_validate_json(line)


def _line(done: Done) -> bytes:
    return done.model_dump_json().encode() + b"\n"


def _is_whole(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _write(path: Path, content: bytes | bytearray) -> None:
    file = Partial(path)
    file.partial.write_bytes(content)
    file.finish()


def _same(result: Result, record: Record) -> Result:
    if result.id != record.id:
        raise ValueError("another record")
    return result
