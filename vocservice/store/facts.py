"""A sealer in, installation-wide values out: the salt of its keyed hashes, created once."""

import secrets

from sqlalchemy import Connection, select

from vocservice.store.rows import insert_if_new
from vocservice.store.schema import facts
from vocservice.store.sealing import Sealer

_SALT = "salt"
_SALT_BYTES = 32


def salt(connection: Connection, sealer: Sealer) -> bytes:
    """The salt, created at the first call. It survives key rotation.

    Raises:
        StoreError: its encryption key is missing (`key_missing`).
    """
    found = connection.scalar(select(facts.c.value).where(facts.c.name == _SALT))
    if found is None:
        made = sealer.seal(secrets.token_bytes(_SALT_BYTES)).decode()
        insert_if_new(connection, facts, {"name": _SALT, "value": made})
        found = connection.execute(select(facts.c.value).where(facts.c.name == _SALT)).scalar_one()
    return sealer.open(str(found).encode())
