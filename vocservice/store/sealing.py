"""Bytes in, the same encrypted and authenticated out, under keys from the environment; and keyed hashes of what must not be kept.

Fernet (AES-128-CBC with HMAC-SHA-256): the first key seals, every key opens, so keys can be changed without a pause.
"""

import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from vocservice.errors import ConfigError, StoreError


class Sealer:
    """Seals and opens under a list of keys, the newest first."""

    def __init__(self, keys: Sequence[str]):
        """Raises:
        ConfigError: there is no key, or one is not 32 bytes in URL-safe base64.
        """
        if not keys:
            raise ConfigError(
                "no key to encrypt with: set VOC_STORE__KEYS, or store.key_file to a file that holds one (`voc init` makes it)"
            )
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except (ValueError, TypeError):
            raise ConfigError("a key of store.keys is not 32 bytes in URL-safe base64; `voc init` makes one") from None

    def seal(self, value: bytes) -> bytes:
        """Encrypt."""
        return self._fernet.encrypt(value)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt.

        Raises:
            StoreError: sealed under none of the keys, or altered.
        """
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise StoreError("what was sealed cannot be opened: its key is no longer among store.keys", code="key_missing") from None

    def rotate(self, sealed: bytes) -> bytes:
        """The same under the newest key.

        Raises:
            StoreError: as in `open`.
        """
        return self.seal(self.open(sealed))


def new_key() -> str:
    """A fresh key."""
    return Fernet.generate_key().decode()


def keyed_hash(salt: bytes, *parts: str) -> str:
    """HMAC-SHA-256 of the parts, in hex; the length of each is hashed too, so that parts cannot be shifted."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
    return hmac.digest(salt, message, "sha256").hex()
