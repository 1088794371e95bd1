"""A database and keys in, everything re-encrypted with the newest key, so that older ones can be removed."""

from sqlalchemy import Column, Table, select, update

from vocservice.store.database import Database
from vocservice.store.schema import endpoints, facts, inbox, old_secrets, records, sources
from vocservice.store.sealing import Sealer

SEALED: tuple[tuple[Table, str], ...] = (
    (inbox, "body_sealed"),
    (records, "original_sealed"),
    (sources, "secrets_sealed"),
    (endpoints, "secret_sealed"),
    (old_secrets, "secret_sealed"),
    (facts, "value"),
)
_AT_ONCE = 200


def reseal(database: Database, sealer: Sealer) -> int:
    """Re-encrypt everything in small transactions; can be interrupted and rerun. Return the number of values.

    Raises:
        StoreError: a value cannot be decrypted with any key (`key_missing`), or the database does not answer.
    """
    return sum(_column(database, sealer, table, table.c[name]) for table, name in SEALED)


def _column(database: Database, sealer: Sealer, table: Table, column: Column[object]) -> int:
    key, last, count = next(iter(table.primary_key.columns)), "", 0
    while True:
        with database.write() as connection:
            some = select(key, column).where(key > last, column.is_not(None)).order_by(key).limit(_AT_ONCE).with_for_update()
            rows = connection.execute(some).all()
            for name, sealed in rows:
                connection.execute(update(table).where(key == name).values({column: _anew(sealer, sealed)}))
        if not rows:
            return count
        last, count = str(rows[-1][0]), count + len(rows)


def _anew(sealer: Sealer, sealed: bytes | str) -> bytes | str:
    if isinstance(sealed, str):
        return sealer.rotate(sealed.encode()).decode()
    return sealer.rotate(sealed) if sealed else sealed
