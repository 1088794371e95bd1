"""Records in, a small file with the customers they may name out: keyed hashes of all possible customer keys.

It accompanies a result, which may lack the customers, as do finished shards: an erasure then needs one pass over
eight bytes per key. It covers the subject, authors, the id, and short cells and metadata; in the latter,
numbers of fewer than six digits are taken for counts and ratings.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vocservice.records import RawVerbatim
from vocservice.tables.cells import as_id
from vocservice.tables.partial import Partial
from vocservice.tables.source import Record

LONGEST = 200
_SIZE = 8
_AT_ONCE = _SIZE * 65_536
_SHORTEST_NUMBER = 6
_REMEMBERED = 100_000

Hash = Callable[[str], str]


class Named:
    """Collects the hashes of keys; skips recent duplicates."""

    def __init__(self, stream: BinaryIO, hash_of: Hash):
        self._stream, self._hash_of = stream, hash_of
        self._seen: set[int] = set()

    def add(self, record: Record) -> None:
        """Add the keys of a record."""
        for key in keys_of(record):
            if (mark := hash(key)) not in self._seen:
                if len(self._seen) >= _REMEMBERED:
                    self._seen.clear()
                self._seen.add(mark)
                self._stream.write(_short(self._hash_of(key)))


@contextmanager
def noted(path: Path, hash_of: Hash) -> Iterator[Named]:
    """Collect records; the file is written atomically if the block succeeds.

    Args:
        path: the file.
        hash_of: the keyed hash of a customer's key, in hex.

    Raises:
        OutputError: it cannot be written.
    """
    with Partial(path).written() as partial, partial.open("wb") as stream:
        yield Named(stream, hash_of)


def holds(path: Path, hashed: str) -> bool:
    """Whether the file contains the hash of a customer's key.

    Raises:
        FileNotFoundError: there is no file.
    """
    wanted = _short(hashed)
    with path.open("rb") as stream:
        return any(_stands_in(block, wanted) for block in iter(lambda: stream.read(_AT_ONCE), b""))


def is_among(records: Iterable[Record], hashed: str, hash_of: Hash) -> bool:
    """Whether one of the records names the customer."""
    return any(hash_of(key) == hashed for record in records for key in keys_of(record))


def keys_of(record: Record) -> Iterator[str]:
    """Possible customer keys in a record."""
    if isinstance(record, RawVerbatim):
        said = (record.subject, record.author, *(turn.author for turn in record.turns))
        yield from (key.strip() for key in said if key)
        yield from _keys_in(record.metadata)
    yield from _keys_in([record.id, record.row])


def _keys_in(value: object) -> Iterator[str]:
    """Nested scalars, except long texts and short numbers."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif _may_be_key(key := as_id(one).strip()):
            yield key


def _may_be_key(text: str) -> bool:
    return 0 < len(text) <= LONGEST and not (text.isdecimal() and len(text) < _SHORTEST_NUMBER)


def _stands_in(block: bytes, wanted: bytes) -> bool:
    at = block.find(wanted)
    while at >= 0 and at % _SIZE:
        at = block.find(wanted, at + 1)
    return at >= 0


def _short(hashed: str) -> bytes:
    return bytes.fromhex(hashed)[:_SIZE]
