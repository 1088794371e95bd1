"""The name of a file, folder or pattern in the workspace's folder in, open files out; nothing outside, no links.

That folder is `batches.sources`/WORKSPACE. Each part of a name is opened relative to its parent, without following links,
so that files moved meanwhile cannot redirect it.
"""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import PurePosixPath
from typing import IO

from vocservice.errors import InputError
from vocservice.settings import BatchSettings
from vocservice.tables.formats import shown_name
from vocservice.tables.places import fixed, is_data
from vocservice.web.problems import RequestError
from vocservice.web.requests.patterns import fits
from vocservice.web.requests.uploads import Part, Sent

Parts = tuple[str, ...]
MOST_FILES = 10_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # do not block on the writer of a pipe
_MOST_PARTS = 32


@contextmanager
def referred(reference: str, settings: BatchSettings, *, workspace_id: str) -> Iterator[Sent]:
    """Open files in the workspace's folder; they are closed in the end, and stay there.

    Args:
        reference: name of a file, a folder (its Parquet files), or a pattern, relative to the folder of the
            workspace, separated by `/`; as in `voc classify`.
        settings: give the folder of all workspaces.
        workspace_id: whose folder is used.

    Raises:
        RequestError: references are not enabled (`references_off`); the file does not exist, or is a link, not a plain file,
            or elsewhere (404 `reference_unknown`); there are too many (`too_many_files`).
        InputError: it is a folder without Parquet files.
    """
    if not settings.sources:
        raise RequestError("this service takes no files by reference: batches.sources is not set", code="references_off")
    with ExitStack() as stack:
        try:
            parts = _parts(reference)
            root = _kept(stack, os.open(settings.sources, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            sent = _found(stack, _below(stack, root, (workspace_id,)), parts)
        except (OSError, ValueError):
            raise _unknown() from None
        yield sent


def _found(stack: ExitStack, mine: int, parts: Parts) -> Sent:
    """Resolve a name; an existing file wins even if its name looks like a pattern.

    Raises:
        OSError: a part is not there, is a link, or is of another kind.
        ValueError: it is neither file nor folder, or a name holds a NUL.
    """
    try:
        found = _kept(stack, _opened(mine, parts))
    except FileNotFoundError:
        if not any(map(glob.has_magic, parts)):
            raise
        return _matching(stack, mine, parts)
    if stat.S_ISDIR(os.fstat(found).st_mode):
        names = _few(name for name in _listed(found) if is_data(name))
        if not names:
            raise InputError(f"{shown_name(parts[-1])}: is a folder without Parquet files; name a file, or a pattern such as FOLDER/*.csv")
        return _several(parts, found, names)
    return Sent(parts[-1], "", (Part(_file(stack, found)),))


def _matching(stack: ExitStack, mine: int, pattern: Parts) -> Sent:
    """The files matching a pattern, directly or as Parquet files of matching folders.

    Raises:
        OSError: there are none.
    """
    start = fixed(pattern)
    folder = _below(stack, mine, start)
    rest = pattern[len(start) :]
    names = _few(name for name in _listed(folder) if fits(name, rest) or _is_in_folder(name, rest))
    if not names:
        raise FileNotFoundError
    return _several(pattern, folder, names)


def _few(names: Iterable[Parts]) -> list[Parts]:
    """Take one more than allowed, enough to detect too many."""
    return list(islice(names, MOST_FILES + 1))


def _is_in_folder(name: Parts, pattern: Parts) -> bool:
    return any(is_data(name[depth:]) and fits(name[:depth], pattern) for depth in range(len(name)))


def _several(parts: Parts, folder: int, names: Sequence[Parts]) -> Sent:
    if len(names) > MOST_FILES:
        raise RequestError(f"there are more than {MOST_FILES:,} files: name fewer at a time", code="too_many_files")
    return Sent(parts[-1], "", _streams(folder, sorted(names)))


def _streams(folder: int, names: Sequence[Parts]) -> Iterator[Part]:
    """Yield each file open while it is read."""
    for name in names:
        with ExitStack() as stack:
            try:
                file = _file(stack, _kept(stack, _opened(folder, name)))
            except (OSError, ValueError):
                raise _unknown() from None
            yield Part(file, name)


def _listed(folder: int) -> Iterator[Parts]:
    """Every plain file below a folder, at any depth; links are ignored."""
    for path, folders, files, here in os.fwalk(".", dir_fd=folder):
        above = PurePosixPath(path).parts
        if len(above) >= _MOST_PARTS:
            folders.clear()
        yield from ((*above, name) for name in files if _is_plain(name, here))


def _is_plain(name: str, folder: int) -> bool:
    with suppress(OSError):
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def _parts(reference: str) -> Parts:
    """The parts of a relative path that only descends; a trailing `/` is ignored.

    Raises:
        ValueError: it is none.
    """
    reference = reference.removesuffix("/")
    parts = tuple(reference.split("/"))
    if len(parts) > _MOST_PARTS or PurePosixPath(reference).parts != parts or ".." in parts or reference.startswith("/"):
        raise ValueError(reference)
    return parts


def _opened(folder: int, parts: Parts) -> int:
    """Open a plain file or folder; return its descriptor.

    Raises:
        OSError: a part is not there, is a link, or is of another kind.
        ValueError: the last one is neither, or a name holds a NUL.
    """
    with ExitStack() as stack:
        found = os.open(parts[-1], _ANY, dir_fd=_below(stack, folder, parts[:-1]))
    mode = os.fstat(found).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(found)
        raise ValueError(parts[-1])
    return found


def _below(stack: ExitStack, folder: int, parts: Parts) -> int:
    """Open a folder below another one; the stack closes it."""
    for part in parts:
        folder = _kept(stack, os.open(part, _FOLDER, dir_fd=folder))
    return folder


def _file(stack: ExitStack, descriptor: int) -> IO[bytes]:
    return stack.enter_context(os.fdopen(descriptor, "rb", closefd=False))


def _kept(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _unknown() -> RequestError:
    message = "there is no such file in the folder of the workspace; links and files outside it are not allowed"
    return RequestError(message, code="reference_unknown", status=404)
