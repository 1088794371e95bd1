"""A request in, the API key it was sent with out: `Authorization: Bearer voc_...`, its scope and its rate checked."""

from contextlib import suppress

from flask import request

from vocservice.errors import StoreError
from vocservice.store import keys
from vocservice.store.keys import Key
from vocservice.web import limits
from vocservice.web.problems import RequestError
from vocservice.web.state import state

_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="vocservice"')
_REFUSED = ("WWW-Authenticate", 'Bearer realm="vocservice", error="invalid_token"')


def require(scope: str) -> Key:
    """The key of this request.

    Raises:
        RequestError: there is none or not a valid one (401), it has not the scope (403), or too many requests came with it (429).
        StoreError: the store does not answer.
    """
    key = _verified(_token())
    limits.spend(state().limiter, key.id)
    if scope not in key.scopes:
        message = f"this key may not do this; it needs the scope {scope}"
        header = ("WWW-Authenticate", f'Bearer realm="vocservice", error="insufficient_scope", scope="{scope}"')
        raise RequestError(message, code="scope_missing", status=403, headers=[header])
    return key


def actor(key: Key) -> str:
    """The key as the audit log names it."""
    return f"key:{key.id}"


def _token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RequestError("send an API key: Authorization: Bearer voc_...", code="key_required", status=401, headers=[_CHALLENGE])
    return token.strip()


def _verified(token: str) -> Key:
    database = state().stored.open().database
    with database.read() as connection:
        key = keys.verify(connection, token)
    if key is None:
        raise RequestError("this API key is unknown, revoked or expired", code="key_invalid", status=401, headers=[_REFUSED])
    if key.is_use_old:
        with suppress(StoreError), database.write() as connection:
            keys.touch(connection, key)
    return key
