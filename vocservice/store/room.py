"""An open connection in, an error out if the database file can hardly grow; a database server monitors its own disk."""

import shutil
from pathlib import Path

from sqlalchemy import Connection, text

from vocservice.errors import StoreError
from vocservice.store.database import SQLITE

LEAST_BYTES = 16 * 1024**2  # room for two of the largest deliveries and a commit's log
_LEFT = text(
    "SELECT (max_page_count - page_count + freelist_count) * page_size"
    " FROM pragma_max_page_count, pragma_page_count, pragma_freelist_count, pragma_page_size"
)


def check(connection: Connection) -> None:
    """Check that there is room for more deliveries, on disk and within SQLite's size limit.

    Raises:
        StoreError: there is too little (`store_unavailable`, with the remedy); stored data can still be read.
    """
    if connection.dialect.name != SQLITE:
        return
    left = int(connection.scalar(_LEFT))
    if path := connection.engine.url.database:
        left = min(left, shutil.disk_usage(Path(path).parent).free)
    if left < LEAST_BYTES:
        raise StoreError(f"the disk of the store is full ({left // 1024**2} MiB left): make room", code="store_unavailable")
