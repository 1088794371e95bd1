"""A database in a folder with one workspace, for the tests of routes that store."""

from pathlib import Path

from sqlalchemy import insert

from vocservice.store import schema
from vocservice.store.database import Database, now
from vocservice.store.sealing import Sealer, new_key
from vocservice.store.vault import Vault, open_vault

WORKSPACE = "ws_one"
ELSEWHERE = "ws_two"


def opened(folder: Path, *, key: str | None = None) -> tuple[Database, Vault]:
    """A fresh database with two workspaces, and its vault."""
    database = Database(f"sqlite:///{folder / 'voc.db'}")
    schema.metadata.create_all(database.engine)
    with database.write() as connection:
        for workspace in (WORKSPACE, ELSEWHERE):
            values = {"id": workspace, "name": workspace, "keeps_originals": False, "created_at": now(connection)}
            connection.execute(insert(schema.workspaces).values(**values))
    return database, open_vault(database, Sealer([key or new_key()]))
