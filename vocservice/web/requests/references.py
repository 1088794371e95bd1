"""The name of a file in the workspace's own folder of this server in, the open file out: never one outside of it, never a link.

`batches.sources`/WORKSPACE is that folder. Each part of the name is opened below the one before it, without following links,
so that nothing that is moved in between leads elsewhere.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath

from vocservice.settings import BatchSettings
from vocservice.web.problems import RequestError
from vocservice.web.requests.uploads import Sent

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # without waiting for whoever writes to a pipe
_MOST_PARTS = 32


@contextmanager
def referred(reference: str, settings: BatchSettings, *, workspace_id: str) -> Iterator[Sent]:
    """Open a file that lies in the workspace's folder; it is closed in the end, and stays there.

    Args:
        reference: its name, with folders below that of the workspace, parted by `/`.
        settings: name the folder of all workspaces.
        workspace_id: whose folder is looked into.

    Raises:
        RequestError: there are no such folders here (`references_off`); there is no such file, or it is a link, no plain file,
            or elsewhere (404 `reference_unknown`).
    """
    if not settings.sources:
        raise RequestError("this service takes no files by reference: batches.sources is not set", code="references_off")
    try:
        parts = _parts(reference)
        descriptor = _opened(settings.sources, (workspace_id, *parts))
    except (OSError, ValueError):
        message = "there is no such file in the folder of the workspace; links and what lies outside of it do not count"
        raise RequestError(message, code="reference_unknown", status=404) from None
    with os.fdopen(descriptor, "rb") as file:
        yield Sent(parts[-1], "", file)


def _parts(reference: str) -> tuple[str, ...]:
    """The parts of a relative path that only leads down.

    Raises:
        ValueError: it is none.
    """
    parts = tuple(reference.split("/"))
    if len(parts) > _MOST_PARTS or PurePosixPath(reference).parts != parts or ".." in parts or reference.startswith("/"):
        raise ValueError(reference)
    return parts


def _opened(folder: str, parts: tuple[str, ...]) -> int:
    """The descriptor of a plain file.

    Raises:
        OSError: a part is not there, is a link, or is of another kind.
        ValueError: the last one is no plain file, or a name holds a NUL.
    """
    *folders, name = parts
    with ExitStack() as stack:
        here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, here)
        for part in folders:
            here = os.open(part, _FOLDER, dir_fd=here)
            stack.callback(os.close, here)
        found = os.open(name, _FILE, dir_fd=here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise ValueError(name)
    return found
