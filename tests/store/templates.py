"""An empty store as a file: migrated once for all tests, then copied, as migrating takes a fifth of a second."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from vocservice.store import migrate
from vocservice.store.database import Database


def place(folder: Path) -> str:
    """Put a file with tables and nothing in them into a folder; returns its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "voc.db").write_bytes(_migrated())
    return f"sqlite:///{folder / 'voc.db'}"


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "voc.db"
        database = Database(f"sqlite:///{path}")
        migrate.upgrade(database)
        database.close()
        return path.read_bytes()
