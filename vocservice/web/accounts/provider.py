"""Settings of an OpenID provider in, the URL to send a browser to out; the returned code in, the identity out.

Authorization code flow with PKCE. Only tokens signed with the provider's keys, for this service, currently valid
and for this sign-in are trusted. URLs are checked like those of outbound events.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from vocservice.errors import ConfigError, EndpointError, SignInError
from vocservice.jobs.guard import Policy, checked, parse
from vocservice.jobs.sending import exchange
from vocservice.settings import OidcSettings
from vocservice.store.accounts.users import ANALYST, ROLES, Identity

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
KEPT_SECONDS, KEYS_AGAIN_SECONDS, SILENT_SECONDS = 3600.0, 30.0, 30.0
LEEWAY = 60
_MOST_BYTES = 256 * 1024
_LONGEST_CODE = 2000


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in in progress: its state for the browser, and the URL to redirect to."""

    url: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """One provider, shared by all threads; metadata are cached for an hour, keys until one is unknown."""

    def __init__(self, settings: OidcSettings):
        """Raises:
        ConfigError: Authlib is not installed.
        """
        if find_spec("authlib") is None:
            raise ConfigError("oidc.issuer is set and Authlib is not installed: pip install -r requirements-oidc.txt")
        self.settings = settings
        self._policy = Policy(allow_http=settings.allow_private, allow_private=settings.allow_private)
        self._lock = Lock()
        self._about: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, Any] | None = None
        self._silent_until = 0.0

    def begin(self, redirect_uri: str) -> Begun:
        """Begin a sign-in.

        Raises:
            SignInError: the provider does not answer (`provider_unreachable`).
        """
        from authlib.common.urls import add_params_to_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
        }
        asked |= {"state": state, "nonce": nonce, "code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
        return Begun(add_params_to_uri(self._endpoint("authorization_endpoint"), list(asked.items())), state, nonce, verifier)

    def identify(self, code: str, *, nonce: str, verifier: str, redirect_uri: str) -> Identity:
        """The identity behind a returned code.

        Raises:
            SignInError: the provider does not answer or refuses the code, its token is not for this sign-in, or the user has no role.
        """
        asked = {"grant_type": "authorization_code", "code": code[:_LONGEST_CODE], "redirect_uri": redirect_uri, "code_verifier": verifier}
        answer = self._ask("POST", self._endpoint("token_endpoint"), self._credentials(), urlencode(asked).encode())
        return self._identity(self._claims(str(answer.get("id_token", "")), nonce))

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that is signed by this provider, for this service and sign-in, and not expired."""
        from joserfc.errors import JoseError
        from joserfc.jwt import JWTClaimsRegistry

        claims = self._decoded(token)
        own = {"iss": self.settings.issuer, "aud": self.settings.client_id}
        wanted: dict[str, Any] = {name: {"essential": True, "value": value} for name, value in own.items()}
        wanted |= {name: {"essential": True} for name in ("exp", "iat", "sub", "nonce")}
        try:
            JWTClaimsRegistry(leeway=LEEWAY, **wanted).validate(dict(claims))
        except (JoseError, TypeError, ValueError):
            raise _refused() from None
        others = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        is_ours = claims.get("azp", self.settings.client_id) == self.settings.client_id and (len(others) == 1 or "azp" in claims)
        if not is_ours or not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise _refused()
        return claims

    def _decoded(self, token: str) -> Mapping[str, Any]:
        """Try the cached keys, then fetch them once again, as providers rotate keys."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        for is_last in (False, True):
            try:
                found: Mapping[str, Any] = jwt.decode(token, self._held_keys(anew=is_last), algorithms=ALGORITHMS).claims
                return found
            except (JoseError, ValueError, TypeError):
                if is_last:
                    raise _refused() from None
        raise AssertionError("unreachable")

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject, email = claims["sub"], claims.get("email")
        is_verified = claims.get("email_verified") is True and isinstance(email, str) and email.isascii()  # in lower case "ſ" is "s"
        role = self._role(claims)
        if (
            not isinstance(subject, str)
            or not subject
            or role is None
            or (self.settings.domains and not (is_verified and self._is_domain(email)))
        ):
            raise _refused()
        name = claims.get("name")
        return Identity(self.settings.issuer, subject, str(email) if is_verified else None, name if isinstance(name, str) else "", role)

    def _role(self, claims: Mapping[str, Any]) -> str | None:
        """The highest role in the claim; None without one."""
        if not self.settings.roles:
            return ANALYST
        given = claims.get(self.settings.claim)
        values = given if isinstance(given, list) else [given]
        found = [self.settings.roles[value] for value in values if isinstance(value, str) and value in self.settings.roles]
        return max(found, key=ROLES.index, default=None)

    def _is_domain(self, email: Any) -> bool:
        return str(email).rpartition("@")[2].casefold() in {domain.casefold() for domain in self.settings.domains}

    def _credentials(self) -> Mapping[str, str]:
        """RFC 6749, 2.3.1: both parts are form-encoded first."""
        secret = self.settings.client_secret.get_secret_value()
        pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(secret)}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}", "Content-Type": "application/x-www-form-urlencoded"}

    def _endpoint(self, name: str) -> str:
        """Check a URL named by the provider before requesting it or redirecting a browser to it."""
        from authlib.oidc.discovery import get_well_known_url

        with self._lock:
            if self._about is None or monotonic() - self._about[0] > KEPT_SECONDS:
                found = self._published(get_well_known_url(self.settings.issuer, external=True))
                if found.get("issuer") != self.settings.issuer:
                    raise _unreachable()
                self._about = monotonic(), found
            url = str(self._about[1].get(name, ""))
        try:
            parse(url, self._policy)
        except EndpointError:
            raise _unreachable() from None
        return url

    def _held_keys(self, *, anew: bool) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        url = self._endpoint("jwks_uri")
        with self._lock:
            age = monotonic() - self._keys[0] if self._keys else KEPT_SECONDS
            if self._keys is None or age >= (KEYS_AGAIN_SECONDS if anew else KEPT_SECONDS):
                try:
                    self._keys = monotonic(), KeySet.import_key_set(dict(self._published(url)))  # type: ignore[arg-type]
                except (JoseError, ValueError, TypeError, KeyError):
                    raise _unreachable() from None
            return self._keys[1]

    def _published(self, url: str) -> Mapping[str, Any]:
        """The provider's metadata; after a failure it is not asked for a while, because each waiting request holds a thread."""
        if monotonic() < self._silent_until:
            raise _unreachable()
        try:
            return self._ask("GET", url)
        except SignInError:
            self._silent_until = monotonic() + SILENT_SECONDS
            raise

    def _ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Mapping[str, Any]:
        """The JSON object of an answer; redirects are not followed."""
        try:
            answer = exchange(
                checked(url, self._policy), method, {"Accept": "application/json", **(headers or {})}, body, most_bytes=_MOST_BYTES
            )
            found = orjson.loads(answer[1]) if answer and answer[0] < 500 else None
        except (EndpointError, orjson.JSONDecodeError):
            found = None
        if not isinstance(found, dict):
            raise _unreachable()
        if answer and answer[0] != 200:
            raise _refused()
        return found


def provider_of(settings: OidcSettings) -> Provider | None:
    """The configured provider; None without one.

    Raises:
        ConfigError: Authlib is not installed.
    """
    return Provider(settings) if settings.is_on else None


def _refused() -> SignInError:
    return SignInError("the provider does not give you access to this service; ask an admin")


def _unreachable() -> SignInError:
    error = SignInError("the provider did not answer correctly; try again later", code="provider_unreachable")
    error.status = 503
    return error
