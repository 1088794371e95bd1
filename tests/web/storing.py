"""A database in a folder with one workspace, for the tests of routes that store."""

from pathlib import Path
from typing import Any

from builders import fake_analyser
from databases import place, url_in
from pydantic import SecretStr
from sqlalchemy import Table, func, insert, select

from vocservice.settings import HttpLimits, Settings, StoreSettings
from vocservice.store import schema
from vocservice.store.accounts import keys
from vocservice.store.database import Database, now
from vocservice.store.received import sources
from vocservice.store.received.sources import Source
from vocservice.store.sealing import Sealer, new_key
from vocservice.store.vault import Vault, open_vault
from vocservice.web.app import create_app

WORKSPACE = "ws_one"
ELSEWHERE = "ws_two"


def opened(folder: Path, *, key: str | None = None) -> tuple[Database, Vault]:
    """A fresh database with two workspaces, and its vault."""
    database = Database(place(folder))
    with database.write() as connection:
        for workspace in (WORKSPACE, ELSEWHERE):
            values = {"id": workspace, "name": workspace, "keeps_originals": False, "created_at": now(connection)}
            connection.execute(insert(schema.workspaces).values(**values))
    return database, open_vault(database, Sealer([key or new_key()]))


class Door:
    """An application over a fresh store, with a client, sources and keys on demand."""

    def __init__(self, folder: Path, **limits: object):
        self.sealing_key = new_key()
        self.database, self.vault = opened(folder, key=self.sealing_key)
        store = StoreSettings(url=SecretStr(url_in(folder)), keys=(SecretStr(self.sealing_key),))
        settings = Settings(store=store, http=HttpLimits(**limits))  # type: ignore[arg-type]
        self.app = create_app(fake_analyser(), settings, self.database)
        self.client = self.app.test_client()

    def source(self, adapter: str, *, secret: str = "", name: str = "", options: dict[str, Any] | None = None) -> tuple[Source, str]:
        """A source and its URL's path."""
        secrets = [secret] if secret else []
        with self.database.write() as connection:
            made, token = sources.create(
                connection,
                self.vault,
                WORKSPACE,
                name=name or f"of {adapter}",
                adapter=adapter,
                secrets=secrets,
                options=options,
                actor="test",
            )
        return made, f"/v1/hooks/{token}"

    def key(self, *scopes: str, workspace: str = WORKSPACE) -> dict[str, str]:
        """The headers of a new key; of one with every scope by default."""
        with self.database.write() as connection:
            _, token = keys.create(connection, workspace, name="test", scopes=scopes or keys.SCOPES, actor="test")
        return {"Authorization": f"Bearer {token}"}

    def count(self, table: Table) -> int:
        with self.database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(table)) or 0)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def close(self) -> None:
        self.database.close()
