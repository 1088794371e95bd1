"""Tests of signing in by an OpenID provider, against a small one that signs its own tokens: who comes in, and what never lets in."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from builders import fake_analyser
from databases import url_in
from flask.testing import FlaskClient
from pydantic import SecretStr, ValidationError
from werkzeug.test import TestResponse

from vocservice.errors import ConfigError
from vocservice.settings import OidcSettings, Settings, StoreSettings
from vocservice.store import schema
from vocservice.store.accounts import users
from vocservice.store.accounts.users import Identity
from vocservice.web.accounts import oidc, provider
from vocservice.web.app import create_app
from web.storing import ELSEWHERE, WORKSPACE, Door
from web.visiting import Page

pytest.importorskip("authlib", reason="Authlib is not installed (requirements-oidc.txt)")
jwk = pytest.importorskip("joserfc.jwk")
jwt = pytest.importorskip("joserfc.jwt")

CALLBACK = "/login/oidc/callback"
SECRET = "s p:ce"
ADA = {"sub": "ada-1", "email": "Ada@example.org", "email_verified": True, "name": "Ada", "groups": ["voc-leads", "staff"]}


@cache
def first_key() -> Any:
    """Made once, as it takes long."""
    return jwk.RSAKey.generate_key(2048, {"kid": "1"})


class Idp:
    """A provider on loopback; `claims` change what its next token says, `published` what it says of itself, `key` is its own."""

    def __init__(self) -> None:
        self.key = first_key()
        self.claims: dict[str, Any] = {}
        self.published: dict[str, Any] = {}
        self.algorithm, self.sign_with, self.is_broken = "RS256", self.key, False
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Asked,), {"idp": self}))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def agree(self, url: str) -> str:
        """What the browser of somebody who agrees comes back with."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert (asked["response_type"], asked["code_challenge_method"], asked["scope"].split()[0]) == ("code", "S256", "openid")
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{CALLBACK}?code={code}&state={asked['state']}"

    def token(self, asked: Mapping[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "voc", "iat": now, "exp": now + 300, "nonce": asked["nonce"], **ADA, **self.claims}
        return str(jwt.encode({"alg": self.algorithm, "kid": "1"}, {k: v for k, v in claims.items() if v is not None}, self.sign_with))

    def answer(self, path: str, form: Mapping[str, list[str]], authorization: str) -> tuple[int, Any]:
        ends = {"authorization_endpoint": "/authorise", "token_endpoint": "/token", "jwks_uri": "/keys"}
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.issuer, **{name: self.issuer + end for name, end in ends.items()}, **self.published}
        if path == "/keys":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        asked = self.codes.pop(form["code"][0], None)
        known = base64.b64encode(b"voc:s+p%3Ace").decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"][0].encode()).digest()).rstrip(b"=").decode()
        if self.is_broken:
            return 500, {}
        if asked is None or authorization != f"Basic {known}" or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.token(asked), "access_token": "x", "token_type": "Bearer"}


class Asked(BaseHTTPRequestHandler):
    idp: Idp

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        status, value = self.idp.answer(self.path, form, self.headers.get("Authorization", ""))
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        return


class House:
    """An application over a fresh store, and the provider that it asks."""

    def __init__(self, folder: Path, **settings: Any):
        self.door, self.idp = Door(folder), Idp()
        own = {
            "issuer": self.idp.issuer,
            "client_id": "voc",
            "client_secret": SecretStr(SECRET),
            "workspace": WORKSPACE,
            "allow_private": True,
        }
        found = OidcSettings(**{**own, "domains": ("example.org",), **settings})
        store = StoreSettings(url=SecretStr(url_in(folder)), keys=(SecretStr(self.door.sealing_key),))
        self.app = create_app(fake_analyser(), Settings(store=store, oidc=found), self.door.database)
        self.browser: FlaskClient = self.app.test_client()

    def begin(self, query: str = "") -> str:
        answer = self.browser.get(f"/login/oidc{query}")
        assert answer.status_code == 303 and answer.location.startswith(f"{self.idp.issuer}/authorise?")
        return self.idp.agree(answer.location)

    def sign_in(self, query: str = "", **claims: Any) -> TestResponse:
        self.idp.claims = claims
        return self.browser.get(self.begin(query))

    def people(self) -> list[tuple[str, str, str]]:
        return [(row["email"], row["role"], row["workspace_id"]) for row in self.door.rows(schema.users)]

    def acts(self) -> list[str]:
        return [row["action"] for row in self.door.rows(schema.audit)]

    def close(self) -> None:
        self.idp.server.shutdown()
        self.idp.server.server_close()
        self.door.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ranked(tmp_path: Path) -> Iterator[House]:
    """Where the provider's groups give roles."""
    made = House(tmp_path, roles={"voc-admins": "admin", "voc-leads": "support_lead"}, domains=())
    yield made
    made.close()


def is_in(house: House) -> bool:
    return house.browser.get("/preferences").status_code == 200


def test_somebody_of_the_domain_comes_in_and_is_made_once(house: House) -> None:
    assert "/login/oidc" in str(Page(house.browser.get("/login").text).all("a"))
    answer = house.sign_in("?next=/preferences")
    assert (answer.status_code, answer.location) == (303, "/preferences") and is_in(house)
    assert house.people() == [("ada@example.org", "analyst", WORKSPACE)] and house.acts() == ["user.add", "login"]
    assert house.door.rows(schema.users)[0]["password_hash"] is None
    first = house.door.rows(schema.sessions)[0]["token_hash"]
    house.sign_in(email="ada.l@example.org")
    assert house.people() == [("ada@example.org", "analyst", WORKSPACE)], "matched by subject, whatever the address"
    assert [row["token_hash"] for row in house.door.rows(schema.sessions)] != [first] and len(house.door.rows(schema.sessions)) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["voc", "another"]},
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iss": "https://another.example"},
        {"sub": None},
        {"sub": ""},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"email": "ada@example.org.evil.example"},
        {"email": "ada@elsewhere.example"},
        {"email": "boſs@example.org"},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_lets_nobody_in(house: House, claims: dict[str, Any]) -> None:
    answer = house.sign_in(**claims)
    assert answer.status_code == 401 and not is_in(house)
    told = answer.text.lower()
    assert house.people() == [] and "@example" not in told and "ada-1" not in told


@pytest.mark.parametrize("how", ["foreign key", "hmac", "none"])
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(house: House, how: str) -> None:
    if how == "foreign key":
        house.idp.sign_with = jwk.RSAKey.generate_key(2048, {"kid": "1"})
    else:
        house.idp.token = {  # type: ignore[method-assign]
            "hmac": lambda asked: jwt.encode({"alg": "HS256"}, {**ADA, "nonce": asked["nonce"]}, jwk.OctKey.import_key(SECRET * 6)),
            "none": lambda asked: "eyJhbGciOiJub25lIn0." + base64.urlsafe_b64encode(json.dumps(ADA).encode()).decode().rstrip("=") + ".",
        }[how]
    assert house.sign_in().status_code == 401 and house.people() == []


def test_a_provider_may_change_its_keys(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "KEYS_AGAIN_SECONDS", 0.0)
    assert house.sign_in().status_code == 303
    house.idp.key = house.idp.sign_with = jwk.RSAKey.generate_key(2048, {"kid": "1"})
    assert house.sign_in().status_code == 303


def test_a_state_is_of_one_browser_and_used_once(house: House) -> None:
    back = house.begin()
    assert house.app.test_client().get(back).status_code == 401
    assert house.browser.get(back.replace("state=", "state=x")).status_code == 401
    back = house.begin()
    kept = house.browser.get_cookie(oidc.COOKIE)
    assert house.browser.get(back).status_code == 303
    house.browser.get("/login")
    assert house.browser.get(back).status_code == 401
    assert kept is not None
    house.browser.set_cookie(oidc.COOKIE, kept.value)
    assert house.browser.get(back).status_code == 401, "the provider takes a code once"


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA"])
def test_a_cookie_that_is_not_ours_begins_nothing(house: House, cookie: str) -> None:
    back = house.begin()
    house.browser.set_cookie(oidc.COOKIE, cookie)
    assert house.browser.get(back).status_code == 401


def test_a_sign_in_that_takes_too_long_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    back = house.begin()
    monkeypatch.setattr(oidc, "SECONDS", -1)
    assert house.browser.get(back).status_code == 401 and house.people() == []


def test_the_way_on_is_of_this_site(house: House) -> None:
    assert house.sign_in("?next=https://evil.example/").location == "/desk"


def test_a_provider_that_fails_is_503_and_says_so(house: House) -> None:
    house.idp.is_broken = True
    answer = house.sign_in()
    assert answer.status_code == 503 and "try again" in answer.text


@pytest.mark.parametrize("url", ["", "/login/oidc", "javascript:alert(1)", "ftp://a.example/", "https://u:p@a.example/", 7])
def test_browsers_are_sent_to_a_url_that_is_one(house: House, url: object) -> None:
    house.idp.published = {"authorization_endpoint": url}
    assert house.browser.get("/login/oidc").status_code == 503


def test_a_provider_that_was_silent_is_left_alone_for_a_while(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    works = house.idp.answer
    monkeypatch.setattr(house.idp, "answer", lambda path, *_: (asked.append(path), (500, {}))[1])
    assert [house.browser.get("/login/oidc").status_code for _ in range(3)] == [503] * 3 and len(asked) == 1
    monkeypatch.setattr(house.idp, "answer", works)
    monkeypatch.setattr(provider, "monotonic", lambda: time.monotonic() + provider.SILENT_SECONDS)
    assert house.sign_in().status_code == 303


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["voc-leads"], "support_lead"),
        (["voc-leads", "voc-admins"], "admin"),
        ("voc-leads", "support_lead"),
        (["staff"], None),
        (None, None),
        ({}, None),
    ],
)
def test_roles_come_from_the_claim(ranked: House, groups: Any, role: str | None) -> None:
    assert ranked.sign_in(groups=groups).status_code == (303 if role else 401)
    assert ranked.people() == ([("ada@example.org", role, WORKSPACE)] if role else [])


def test_another_role_at_the_provider_is_another_here(ranked: House) -> None:
    ranked.sign_in(sub="grace", email="grace@example.org", groups=["voc-admins"])
    ranked.sign_in(groups=["voc-admins"])
    ranked.sign_in()
    assert {email: role for email, role, _ in ranked.people()} == {"grace@example.org": "admin", "ada@example.org": "support_lead"}
    assert "user.role" in ranked.acts()
    ranked.sign_in(sub="grace", email="grace@example.org", groups=["voc-leads"])
    assert ("grace@example.org", "admin", WORKSPACE) in ranked.people(), "the last admin stays one"


def add(house: House, *, workspace: str = WORKSPACE) -> str:
    with house.door.database.write() as connection:
        made = users.add(
            connection, workspace, email="ada@example.org", name="Ada", role="analyst", password="correct horse battery", actor="test"
        )
    return made.id


def test_somebody_with_a_password_is_found_by_their_verified_address_once(house: House) -> None:
    add(house)
    assert house.sign_in(email_verified=False).status_code == 401
    assert house.sign_in().status_code == 303 and "user.link" in house.acts()
    assert house.sign_in(sub="another-ada").status_code == 401, "an address given to somebody else is not theirs"


def test_people_of_another_workspace_or_kept_out_stay_out(house: House) -> None:
    known = add(house, workspace=ELSEWHERE)
    assert house.sign_in().status_code == 401
    with house.door.database.write() as connection:
        connection.execute(schema.users.delete().where(schema.users.c.id == known))
    house.sign_in()
    with house.door.database.write() as connection:
        user = users.by_email(connection, "ada@example.org")
        users.set_active(connection, user, False, actor="test")
    assert house.sign_in().status_code == 401 and not is_in(house) and "login.failed" in house.acts()


def test_a_workspace_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    house = House(tmp_path, workspace="ws_unknown")
    answer = house.sign_in()
    assert answer.status_code < 500 and "no such workspace" in answer.text and house.people() == []
    house.close()


def test_an_identity_is_of_its_provider() -> None:
    one, other = (Identity(issuer, "1", None, "", "analyst") for issuer in ("https://a.example", "https://b.example"))
    assert one.key != other.key


def test_without_a_provider_there_is_no_button_and_no_page(door: Door) -> None:
    assert "oidc" not in door.client.get("/login").text
    assert [door.client.get(path).status_code for path in ("/login/oidc", CALLBACK)] == [404, 404]


@pytest.mark.parametrize("missing", ["issuer", "client_id", "client_secret", "workspace", "domains"])
def test_half_a_configuration_is_refused(missing: str) -> None:
    whole = {"issuer": "https://a.example", "client_id": "voc", "client_secret": "s", "workspace": "ws_1", "domains": ("a.example",)}
    assert OidcSettings(**whole).is_on  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="needs issuer"):
        OidcSettings(**{name: value for name, value in whole.items() if name != missing})  # type: ignore[arg-type]


def test_without_authlib_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "find_spec", lambda _: None)
    found = OidcSettings(issuer="https://a.example", client_id="v", client_secret=SecretStr("s"), workspace="w", domains=("a.example",))
    with pytest.raises(ConfigError, match="requirements-oidc.txt"):
        create_app(fake_analyser(), Settings(oidc=found))


@pytest.mark.parametrize("issuer", ["http://169.254.169.254", "https://127.0.0.1", "http://example.org"])
def test_a_provider_in_a_private_network_is_not_asked_unless_allowed(door: Door, issuer: str) -> None:
    found = OidcSettings(issuer=issuer, client_id="v", client_secret=SecretStr("s"), workspace=WORKSPACE, domains=("a.example",))
    app = create_app(fake_analyser(), Settings(oidc=found), door.database)
    assert app.test_client().get("/login/oidc").status_code == 503
