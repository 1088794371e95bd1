"""A database and its keys in, the encryption and hashing that writers need out."""

from dataclasses import dataclass

from vocservice.store.database import Database
from vocservice.store.facts import salt
from vocservice.store.sealing import Sealer, keyed_hash


@dataclass(frozen=True, slots=True)
class Vault:
    """Encrypts what must be readable again and hashes what must not."""

    sealer: Sealer
    salt: bytes

    def hash(self, *parts: str) -> str:
        """The keyed hash of the parts, in hex."""
        return keyed_hash(self.salt, *parts)

    def subject_hash(self, workspace_id: str, subject: str) -> str:
        """The only stored form of a customer's key; case-insensitive."""
        return self.hash("subject", workspace_id, subject.strip().casefold())


def open_vault(database: Database, sealer: Sealer) -> Vault:
    """The vault of a database.

    Raises:
        StoreError: the database does not answer, or its salt cannot be decrypted.
    """
    with database.write() as connection:
        return Vault(sealer, salt(connection, sealer))
