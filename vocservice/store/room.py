"""An open connection in, an error out where the file of the database can hardly grow; a server watches its own disk."""

import shutil
from pathlib import Path

from sqlalchemy import Connection, text

from vocservice.errors import StoreError
from vocservice.store.database import SQLITE

LEAST_BYTES = 16 * 1024**2  # two of the largest deliveries, and the log of a commit
_LEFT = text(
    "SELECT (max_page_count - page_count + freelist_count) * page_size"
    " FROM pragma_max_page_count, pragma_page_count, pragma_freelist_count, pragma_page_size"
)


def check(connection: Connection) -> None:
    """Whether there is room for more deliveries, on the disk and within what SQLite lets the file grow to.

    Raises:
        StoreError: there is hardly any (`store_unavailable`, with the remedy); what is stored is still read.
    """
    if connection.dialect.name != SQLITE:
        return
    left = int(connection.scalar(_LEFT))
    if path := connection.engine.url.database:
        left = min(left, shutil.disk_usage(Path(path).parent).free)
    if left < LEAST_BYTES:
        raise StoreError(f"the disk of the store is full ({left // 1024**2} MiB left): make room", code="store_unavailable")
