"""Bytes in, encrypted and authenticated bytes out, with keys from the environment; also keyed hashes of values that must not be stored.

Fernet (AES-128-CBC with HMAC-SHA-256): the first key encrypts, every key decrypts, so keys can be rotated without downtime.
"""

import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from vocservice.errors import ConfigError, StoreError


class Sealer:
    """Encrypts and decrypts with a list of keys, newest first."""

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
            StoreError: it was encrypted with another key, or altered.
        """
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise StoreError("what was sealed cannot be opened: its key is no longer among store.keys", code="key_missing") from None

    def rotate(self, sealed: bytes) -> bytes:
        """Re-encrypt with the newest key.

        Raises:
            StoreError: as in `open`.
        """
        return self.seal(self.open(sealed))


def new_key() -> str:
    """Generate a key."""
    return Fernet.generate_key().decode()


def keyed_hash(salt: bytes, *parts: str) -> str:
    """HMAC-SHA-256 of the parts, in hex; lengths are hashed too, so that parts cannot be shifted."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
    return hmac.digest(salt, message, "sha256").hex()
