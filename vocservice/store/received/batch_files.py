"""A folder and a batch in, the places of its files out: every name is ours, whatever the client called the file.

`FOLDER/WORKSPACE/BATCH/` holds `input.SUFFIX`, or `input/` with several files of this server by their own names, and what
`vocservice.batch` writes for `result.SUFFIX`. It is for its owner alone.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vocservice.errors import OutputError

UNWRITABLE = "batch_folder_unwritable"
_INPUT, _RESULT = "input", "result"
_NAMED = ".named"


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """The folder of one batch."""

    folder: Path

    @classmethod
    def of(cls, root: str, workspace_id: str, batch_id: str) -> "BatchFiles":
        """The folder of a batch; both ids are ours."""
        return cls(Path(root) / workspace_id / batch_id)

    def make(self) -> None:
        """Make the folder.

        Raises:
            OutputError: the system refuses (`batch_folder_unwritable`).
        """
        with writing():
            self.folder.mkdir(parents=True, mode=0o700)

    def input(self, input_format: str) -> Path:
        """The file as it came."""
        return self.folder / f"{_INPUT}.{input_format}"

    @property
    def parts(self) -> Path:
        """The folder of files that came together."""
        return self.folder / _INPUT

    def part(self, below: tuple[str, ...]) -> Path:
        """One of them, by the parts of its path there."""
        return self.parts.joinpath(*below)

    def result(self, output_format: str) -> Path:
        """The file with its labels."""
        return self.folder / f"{_RESULT}.{output_format}"

    def rejects(self, output_format: str) -> Path:
        """The list of rejected records; not there when there are none."""
        return self.folder / f"{_RESULT}.{output_format}.rejects.jsonl"

    def named(self, output_format: str) -> Path:
        """Whom the records may name, as keyed hashes."""
        return self.folder / f"{_RESULT}.{output_format}{_NAMED}"

    def is_empty(self) -> bool:
        """Whether nothing of the batch lies there."""
        return next(self.folder.glob("*"), None) is None

    def forget_work(self) -> None:
        """Remove the input and what is only needed to go on."""
        self._keep(lambda name: name.startswith(f"{_RESULT}.") and not name.endswith((".shards", ".partial")))

    def forget_all_but_shards(self) -> None:
        """Remove all but what is finished of a batch that came to no result, and whom it names; the folder too where that is nothing."""
        kept = (".shards", _NAMED) if any(self.folder.glob("*.shards")) else ()
        self._keep(lambda name: name.endswith(kept))
        with suppress(OSError):
            self.folder.rmdir()

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        _remove(self.folder)

    def _keep(self, is_kept: Callable[[str], bool]) -> None:
        with suppress(OSError):
            for path in list(self.folder.iterdir()):
                if not is_kept(path.name):
                    _remove(path)


@contextmanager
def writing() -> Iterator[None]:
    """Something is written into the folder of batches.

    Raises:
        OutputError: the system refuses, or the disk is full (`batch_folder_unwritable`).
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"the folder of batches cannot be written ({error.strerror})", code=UNWRITABLE) from None


def all_in(root: str, workspace_ids: Iterable[str]) -> Iterator[tuple[str, BatchFiles]]:
    """Every folder of these workspaces that lies there, with the id of its batch."""
    for workspace_id in workspace_ids:
        for path in sorted((Path(root) / workspace_id).glob("bat_*")):
            yield path.name, BatchFiles(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
