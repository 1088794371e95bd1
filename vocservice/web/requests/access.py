"""A request in, its API key out: `Authorization: Bearer voc_...`, with scope and rate checked.

Views declare their scope with `require` only; the API description reads the same declaration.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

from flask import Response, g, request

from vocservice.errors import StoreError
from vocservice.store.accounts import keys
from vocservice.store.accounts.keys import Key
from vocservice.web.problems import RequestError
from vocservice.web.requests import limits
from vocservice.web.state import state

P = ParamSpec("P")
View = Callable[P, Response]

_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="vocservice"')
_REFUSED = ("WWW-Authenticate", 'Bearer realm="vocservice", error="invalid_token"')


@dataclass(frozen=True, slots=True)
class Gate:
    """The access rule of a view: the scope that a key needs; `is_optional` if `http.require_key` decides whether a key is needed."""

    scope: str
    is_optional: bool = False


def require(scope: str, *, is_optional: bool = False) -> Callable[[View[P]], View[P]]:
    """Restrict a view to requests with a key of this scope; the view gets the key from `key`.

    The view raises:
        RequestError: the key is missing or invalid (401), lacks the scope (403), or has exceeded its rate (429).
        StoreError: the store does not answer.
    """
    gate = Gate(scope, is_optional)

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Response:
            if state().limits.require_key or not is_optional:
                g.key = _allowed(scope)
            return view(*args, **kwargs)

        checked.gate = gate  # type: ignore[attr-defined]
        return checked

    return decorate


def gate_of(view: Callable[..., object]) -> Gate | None:
    """The access rule of a view; None if it needs no key."""
    found: Gate | None = getattr(view, "gate", None)
    return found


def key() -> Key:
    """The key of this request, in a view that requires one."""
    found: Key = g.key
    return found


def actor(key: Key) -> str:
    """Name of the key in the audit log."""
    return f"key:{key.id}"


def _allowed(scope: str) -> Key:
    key = _verified(_token())
    limits.spend(state().limiter, key.id)
    if scope not in key.scopes:
        message = f"this key may not do this; it needs the scope {scope}"
        header = ("WWW-Authenticate", f'Bearer realm="vocservice", error="insufficient_scope", scope="{scope}"')
        raise RequestError(message, code="scope_missing", status=403, headers=[header])
    return key


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
