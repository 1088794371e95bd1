"""The settings of the store in, the open store out: its database and the vault of its keys."""

from dataclasses import dataclass
from pathlib import Path

from vocservice.errors import StoreError
from vocservice.settings import StoreSettings
from vocservice.store.database import SQLITE, Database, parse_url
from vocservice.store.migrate import check, current
from vocservice.store.sealing import Sealer
from vocservice.store.vault import Vault, open_vault


@dataclass(frozen=True, slots=True)
class Store:
    """An open store; thread-safe, one per process."""

    database: Database
    vault: Vault


def open_store(settings: StoreSettings) -> Store:
    """Open the store.

    Raises:
        ConfigError: its URL or its keys are wrong or missing.
        StoreError: it does not answer, or its tables are not those of this program (`schema_mismatch`).
    """
    sealer = Sealer(settings.sealing_keys())
    database = _database(settings)
    check(database)
    return Store(database, open_vault(database, sealer))


def is_initialised(settings: StoreSettings) -> bool:
    """Whether the store exists with its tables; checking creates no file.

    Raises:
        ConfigError: its URL is wrong.
    """
    url = parse_url(settings.url.get_secret_value())
    if url.get_backend_name() == SQLITE and not (url.database and Path(url.database).is_file()):
        return False
    database = _database(settings)
    try:
        return current(database) is not None
    except StoreError:
        return False
    finally:
        database.close()


def _database(settings: StoreSettings) -> Database:
    return Database(settings.url.get_secret_value(), busy_seconds=settings.busy_seconds)
