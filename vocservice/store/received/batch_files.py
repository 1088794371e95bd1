"""A folder and a batch in, paths of its files out: all names are ours, never the client's.

`FOLDER/WORKSPACE/BATCH/` has `input.SUFFIX`, or `input/` with several files of this server under their own names, and what
`vocservice.batch` writes for `result.SUFFIX`. It is accessible to its owner only.
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
        """Get the folder of a batch; both ids are ours."""
        return cls(Path(root) / workspace_id / batch_id)

    def make(self) -> None:
        """Create the folder.

        Raises:
            OutputError: the system refuses (`batch_folder_unwritable`).
        """
        with writing():
            self.folder.mkdir(parents=True, mode=0o700)

    def input(self, input_format: str) -> Path:
        """The uploaded file."""
        return self.folder / f"{_INPUT}.{input_format}"

    @property
    def parts(self) -> Path:
        """The folder of several input files."""
        return self.folder / _INPUT

    def part(self, below: tuple[str, ...]) -> Path:
        """One of them, by its relative path."""
        return self.parts.joinpath(*below)

    def result(self, output_format: str) -> Path:
        """The file with its labels."""
        return self.folder / f"{_RESULT}.{output_format}"

    def rejects(self, output_format: str) -> Path:
        """The list of rejected records; missing if there are none."""
        return self.folder / f"{_RESULT}.{output_format}.rejects.jsonl"

    def named(self, output_format: str) -> Path:
        """Keyed hashes of customers the records may name."""
        return self.folder / f"{_RESULT}.{output_format}{_NAMED}"

    def is_empty(self) -> bool:
        """Whether no file of the batch exists."""
        return next(self.folder.glob("*"), None) is None

    def forget_work(self) -> None:
        """Remove the input and files needed only for resuming."""
        self._keep(lambda name: name.startswith(f"{_RESULT}.") and not name.endswith((".shards", ".partial")))

    def forget_all_but_shards(self) -> None:
        """Keep only the finished shards of an incomplete batch, and the customer hashes; remove the folder if nothing is left."""
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
    """Translate write errors in the folder of batches.

    Raises:
        OutputError: writing failed, or the disk is full (`batch_folder_unwritable`).
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"the folder of batches cannot be written ({error.strerror})", code=UNWRITABLE) from None


def all_in(root: str, workspace_ids: Iterable[str]) -> Iterator[tuple[str, BatchFiles]]:
    """Every existing batch folder of these workspaces, with the id of its batch."""
    for workspace_id in workspace_ids:
        for path in sorted((Path(root) / workspace_id).glob("bat_*")):
            yield path.name, BatchFiles(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
