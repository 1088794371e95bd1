"""A browser in, a session from an OpenID provider out: `/login/oidc`, `/login/oidc/callback`.

The state of one sign-in is kept in a sealed cookie for a few minutes and used once.
"""

import hmac
from contextlib import suppress
from datetime import UTC, datetime

import orjson
from flask import Flask, Response, current_app, make_response, redirect, request, url_for

from vocservice.errors import SignInError, StoreError
from vocservice.settings import OidcSettings
from vocservice.store.accounts import logins
from vocservice.web.accounts import people
from vocservice.web.accounts.people import PageError, open_to_all
from vocservice.web.accounts.provider import Begun, Provider, provider_of

blueprint = people.pages("oidc")

COOKIE = "voc_oidc"
SECONDS = 600
HOME = "desk.queue"
_NAME = "vocservice.oidc"


@blueprint.get("/login/oidc")
@open_to_all
def begin() -> Response:
    """Send the browser to the provider."""
    try:
        begun = _provider().begin(_own_url())
    except SignInError as error:
        return _refused(error.message, status=error.status)
    answer = make_response(redirect(begun.url, 303))
    people.keep_for_now(answer, COOKIE, _sealed(begun, people.own_path(request.args.get("next", ""))), seconds=SECONDS)
    return answer


@blueprint.get("/login/oidc/callback")
@open_to_all
def callback() -> Response:
    """Handle the callback; an existing session is closed first."""
    provider, begun = _provider(), _opened(people.brought(COOKIE))
    sent = request.args.get("state", "")
    if begun is None or not hmac.compare_digest(sent.encode("utf-8", "replace"), begun["state"].encode()):
        return _refused("This sign-in was started in another browser, is already used, or took too long. Try again.")
    try:
        identity = provider.identify(
            request.args.get("code", ""), nonce=begun["nonce"], verifier=begun["verifier"], redirect_uri=_own_url()
        )
    except SignInError as error:
        return _refused(error.message, status=error.status)
    settings = provider.settings
    login = logins.let_in_known(
        people.database(), workspace_id=settings.workspace, identity=identity, sets_role=bool(settings.roles), lifetime=people.LIFETIME
    )
    if login is None:
        return _refused("The provider knows you, but you have no access to this service. Ask an admin.")
    people.close_old()
    answer = people.let_in(make_response(redirect(begun["next"] or url_for(HOME), 303)), login.token)
    people.take_back(answer, COOKIE)
    return answer


def attach(app: Flask, settings: OidcSettings, public_url: str) -> None:
    """Set up the provider of an application, if configured, and its own URL.

    Raises:
        ConfigError: Authlib is not installed.
    """
    app.extensions[_NAME] = (provider_of(settings), public_url.rstrip("/"))


def is_on() -> bool:
    """Whether sign-in by a provider is configured."""
    return current_app.extensions[_NAME][0] is not None


def _provider() -> Provider:
    found: Provider | None = current_app.extensions[_NAME][0]
    if found is None:
        raise PageError("Not found", "This page does not exist, or you may not see it.", status=404)
    return found


def _own_url() -> str:
    """The callback URL; it must be registered with the provider."""
    base = current_app.extensions[_NAME][1] or request.host_url.rstrip("/")
    return f"{base}{url_for('oidc.callback')}"


def _sealed(begun: Begun, back: str) -> str:
    held = {"state": begun.state, "nonce": begun.nonce, "verifier": begun.verifier, "next": back, "at": datetime.now(UTC).timestamp()}
    return people.vault().sealer.seal(orjson.dumps(held)).decode()


def _opened(cookie: str) -> dict[str, str] | None:
    """The sign-in state of this browser; None if it is not ours or too old."""
    with suppress(StoreError):
        held: dict[str, str] = orjson.loads(people.vault().sealer.open(cookie.encode("utf-8", "replace")))
        return held if datetime.now(UTC).timestamp() - float(held["at"]) <= SECONDS else None
    return None


def _refused(why: str, *, status: int = 401) -> Response:
    """The sign-in page with the reason for the refusal."""
    answer = people.shown("login.html", status=status, next="", refused=why, has_provider=True)
    people.take_back(answer, COOKIE)
    return answer
