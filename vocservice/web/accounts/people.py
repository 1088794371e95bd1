"""A browser request in, its user out: session, role, and the CSRF token of every form.

A form's token is an HMAC keyed with the secret of the session cookie (before login, of a cookie that holds nothing else), so
that another site, which can read neither, cannot send a form. It is not stored.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Rule

from vocservice.errors import StoreError, VocError
from vocservice.render import sentence, visible
from vocservice.reporting.chance import chance_text
from vocservice.store.accounts import sessions, users
from vocservice.store.accounts.sessions import Lifetime, Session
from vocservice.store.accounts.users import User
from vocservice.store.database import Database
from vocservice.store.vault import Vault
from vocservice.web import headers, logs
from vocservice.web.requests import uploads
from vocservice.web.requests.body import read_bytes
from vocservice.web.state import state

P = ParamSpec("P")
View = Callable[P, Response]

LIFETIME = Lifetime()
SESSION, FORM, THEME = "voc_session", "voc_form", "voc_theme"
THEMES: Mapping[str, str] = {"": "Same as the system", "light": "Light", "dark": "Dark"}
FIELD = "token"
NAVIGATION = (
    ("desk.queue", "Review desk", users.ANALYST),
    ("workbench.overview", "Workbench", users.ANALYST),
    ("batch_pages.listing", "Batches", users.ANALYST),
    ("rules.listing", "Rules", users.ANALYST),
    ("admin.source_list", "Sources", users.ADMIN),
    ("admin.key_list", "Keys", users.ADMIN),
    ("admin.user_list", "Users", users.ADMIN),
    ("alerts.listing", "Alerts", users.ADMIN),
    ("endpoints.listing", "Endpoints", users.ADMIN),
    ("fields.listing", "Custom fields", users.ADMIN),
    ("admin.dead_letter_list", "Dead letters", users.ADMIN),
    ("admin.audit_list", "Audit", users.ADMIN),
    ("bundles.page", "Bundle", users.ADMIN),
    ("login.preferences", "Preferences", users.ANALYST),
)
_SECURE_PREFIX = "__Host-"
_REFUSALS: Mapping[int, tuple[str, str]] = {
    404: ("Not found", "This page does not exist, or you may not see it."),
    405: ("Not a page", "This address only accepts forms sent from a page. Open that page instead."),
    413: ("Too large", "What you sent is too large for this page. Nothing was stored."),
}
_FOREIGN = frozenset({"cross-site", "same-site"})
_POLICY = headers.CONTENT_SECURITY_POLICY + "; script-src 'self'; connect-src 'self'"
_YEAR = 365 * 24 * 3600
_LONGEST_PATH = 2000
_API = "/v1/"


class PageError(VocError):
    """A page cannot be shown or a form not accepted, with a title for people."""

    def __init__(self, title: str, message: str, *, status: int):
        super().__init__(message, code="page_refused")
        self.title, self.status = title, status


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in user."""

    user: User
    session: Session
    token: str


def visitor(*, is_use: bool = True) -> Visitor | None:
    """The user of this request; None without a live session.

    Args:
        is_use: whether the request extends the session; false for requests that a page sends by itself.

    Raises:
        StoreError: the store does not answer.
    """
    if "visitor" not in g:
        g.visitor = _visitor(is_use=is_use)
    found: Visitor | None = g.visitor
    return found


def person() -> User:
    """The user of a request to a view that requires a role."""
    found = visitor()
    if found is None:
        raise PageError("Not signed in", "Sign in first.", status=401)
    return found.user


def require_role(role: str, *, takes_file: bool = False, is_use: bool = True) -> Callable[[View[P]], View[P]]:
    """Restrict a view to this role or higher, and to our own forms. A view may accept a large file, and `is_use=False`
    keeps requests that a page sends by itself from extending the session."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Response:
            found = visitor(is_use=is_use)
            if found is None:
                return _to_login()
            if not found.user.may(role):
                raise PageError("Not allowed", "Your role does not let you do this.", status=403)
            if request.method == "POST":
                check_form(takes_file=takes_file)
            return view(*args, **kwargs)

        checked.role = role  # type: ignore[attr-defined]
        return checked

    return decorate


def open_to_all(view: View[P]) -> View[P]:
    """A view without login; its forms are still checked."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Response:
        if request.method == "POST":
            check_form()
        return view(*args, **kwargs)

    checked.role = ""  # type: ignore[attr-defined]
    return checked


def check_form(*, takes_file: bool = False) -> None:
    """Check that this form is one of ours. Files in it go to disk, not into memory.

    Raises:
        PageError: it is not (403), or a field contains a NUL (400).
    """
    if takes_file:
        uploads.allow(request, max_bytes=state().batches.max_bytes)
    else:
        read_bytes(request, max_bytes=state().limits.max_body_bytes)
    sent = request.form.get(FIELD, "")
    secret = _secret()
    fits = secret is not None and hmac.compare_digest(sent.encode("utf-8", "replace"), _token(secret).encode())
    if request.headers.get("Sec-Fetch-Site", "") in _FOREIGN or not fits:
        raise _refused()
    if any("\0" in value for _, value in request.form.items(multi=True)):
        raise PageError("Form refused", "This form holds a character that cannot be stored.", status=400)


def form_token() -> str:
    """The token for the forms of this answer; sets the cookie it needs if missing."""
    secret = _secret()
    if secret is None:
        secret = g.form_secret = secrets.token_urlsafe(32)
    return _token(secret)


def own_path(path: str) -> str:
    """The value if it is a path of this site, else blank."""
    if not (path.isascii() and path.isprintable() and len(path) <= _LONGEST_PATH) or "\\" in path:
        return ""
    parts = urlsplit(path)
    return path if path.startswith("/") and not (path.startswith("//") or parts.scheme or parts.netloc) else ""


def page_of(target: str) -> str:
    """The page to return to after a form, with its query: the same path, else the nearest parent that is a page; blank
    if there is none. A path that takes no form is returned unchanged.
    """
    path, _, query = target.partition("?")
    rule = _rule_of_form(path)
    if rule is None:
        return target
    pages_here = {known.rule for known in current_app.url_map.iter_rules() if "GET" in (known.methods or ())}
    pattern = rule.rule
    while pattern and pattern not in pages_here:
        pattern, path = pattern.rpartition("/")[0], path.rpartition("/")[0]
    return path + (f"?{query}" if path and query else "")


def become(token: str) -> None:
    """Attach this session to the rest of the request."""
    g.visitor = _visitor_of(token)


def close_old() -> None:
    """End the session of a request before another begins."""
    if found := visitor():
        with database().write() as connection:
            sessions.close(connection, found.token)


def let_in(answer: Response, token: str) -> Response:
    """Set the session cookie."""
    keep_for_now(answer, SESSION, token)
    take_back(answer, FORM)
    return answer


def let_out(answer: Response) -> Response:
    """Delete the session cookie."""
    take_back(answer, SESSION)
    return answer


def keep_for_now(answer: Response, cookie: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie for a time, or until the browser is closed."""
    answer.set_cookie(_name(cookie), value, max_age=seconds, secure=request.is_secure, httponly=True, samesite="Lax")


def take_back(answer: Response, cookie: str) -> None:
    """Delete a cookie."""
    answer.delete_cookie(_name(cookie), secure=request.is_secure, httponly=True, samesite="Lax")


def brought(cookie: str) -> str:
    """The value of a cookie; blank if missing."""
    return request.cookies.get(_name(cookie), "")


def theme() -> str:
    """The theme chosen in this browser; blank means the system's."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else ""


def keep_theme(answer: Response, chosen: str) -> Response:
    """Store a theme in the browser; the cookie contains nothing else."""
    kept = chosen if chosen in THEMES else ""
    answer.set_cookie(THEME, kept, max_age=_YEAR if kept else 0, secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


def shown(template: str, *, status: int = 200, **values: object) -> Response:
    """Render a page in the shared layout."""
    here = _here()
    values |= {"token": form_token(), "themes": THEMES, "here": here if request.method == "GET" else page_of(here) or "/"}
    return make_response(render_template(template, **values), status)


def address() -> str:
    """The network address of the client; blank if the server does not tell."""
    return request.remote_addr or ""


def database() -> Database:
    """The database of this application.

    Raises:
        StoreError: it does not answer.
    """
    return state().stored.open().database


def vault() -> Vault:
    """The keys for sealing and hashing.

    Raises:
        StoreError: the database does not answer.
    """
    return state().stored.open().vault


def pages(name: str) -> Blueprint:
    """A blueprint of pages: errors become pages, and only our own scripts may run."""
    blueprint = Blueprint(name, "vocservice.web")
    blueprint.register_error_handler(VocError, _fault_page)
    blueprint.register_error_handler(HTTPException, _http_page)
    blueprint.after_request(_finished)
    blueprint.add_app_template_filter(visible, "seen")
    blueprint.add_app_template_filter(sentence, "sentence")
    blueprint.add_app_template_filter(chance_text, "chance")
    blueprint.context_processor(_surroundings)
    return blueprint


def page_of_nothing(app: Flask) -> None:
    """Answer errors of browsers (404, 405) with a page, those of other clients with a problem."""
    app.before_request(_page_of_nothing)


def _page_of_nothing() -> Response | None:
    is_browser = request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html"
    match request.routing_exception:
        case NotFound() if is_browser:
            return _nothing(404)
        case MethodNotAllowed(valid_methods=methods) if is_browser and not request.path.startswith(_API):
            answer = _nothing(405, back=page_of(_here()))
            answer.allow.update(methods or ())
            return answer
    return None


def _nothing(status: int, *, back: str = "") -> Response:
    title, message = _REFUSALS[status]
    return _finished(shown("fault.html", status=status, title=title, message=message, back=back, **_surroundings()))


def _surroundings() -> dict[str, object]:
    return {"visitor": _known(), "theme": theme(), "nav": NAVIGATION}


def _here() -> str:
    """The requested path with its query."""
    return request.full_path.rstrip("?")


def _visitor(*, is_use: bool) -> Visitor | None:
    token = brought(SESSION)
    return _visitor_of(token, is_use=is_use) if token else None


def _visitor_of(token: str, *, is_use: bool = True) -> Visitor | None:
    store = database()
    with store.read() as connection:
        session = sessions.find(connection, token, LIFETIME)
        user = users.by_id(connection, session.user_id) if session else None
    if session is None or user is None or not user.is_active:
        return None
    if session.is_use_old and is_use:
        with suppress(StoreError), store.write() as connection:
            sessions.touch(connection, session)
    return Visitor(user, session, token)


def _known() -> Visitor | None:
    """The user shown in the navigation; nobody on a page that reports the store as unavailable."""
    try:
        return visitor()
    except StoreError:
        return None


def _to_login() -> Response:
    """Redirect to the login and back; the fields of our own form that came too late are kept.

    A form of another site would look the same, as browsers withhold the cookie: it must not be resent with our token.
    """
    if request.method == "GET":
        return make_response(redirect(url_for("login.form", next=_here())))
    if _is_foreign():
        raise _refused()
    read_bytes(request, max_bytes=state().limits.max_body_bytes)
    draft = [(name, value) for name, value in request.form.items(multi=True) if name != FIELD]
    return shown("login.html", status=401, next=_here(), draft=draft, is_expired=True)


def _rule_of_form(path: str) -> Rule | None:
    try:
        return current_app.url_map.bind("").match(path, method="POST", return_rule=True)[0]
    except HTTPException:
        return None


def _is_foreign() -> bool:
    """Whether the browser reports another site as sender; without a site header the origin is compared."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in _FOREIGN
    own = {request.host, urlsplit(state().limits.public_url).netloc}
    return origin is not None and origin.rpartition("://")[2] not in own


def _refused() -> PageError:
    message = "This form is too old or did not come from this site. Go back, reload the page and send it again."
    return PageError("Form refused", message, status=403)


def _secret() -> str | None:
    """The secret that signs the forms of this browser."""
    found = _known()
    return found.token if found else g.get("form_secret") or brought(FORM) or None


def _token(secret: str) -> str:
    return hmac.new(secret.encode("utf-8", "replace"), b"form", hashlib.sha256).hexdigest()


def _name(cookie: str) -> str:
    return f"{_SECURE_PREFIX}{cookie}" if request.is_secure else cookie


def _finished(answer: Response) -> Response:
    if "form_secret" in g and not _known():
        keep_for_now(answer, FORM, g.form_secret)
    answer.headers.setdefault("Content-Security-Policy", _POLICY)
    return answer


def _fault_page(error: VocError) -> Response:
    title = error.title if isinstance(error, PageError) else "Not possible"
    if error.status >= 500 and not isinstance(error, StoreError | PageError):
        logs.log_failure(error)
        return shown("fault.html", status=500, title="Something went wrong", message="The service could not answer. Try again later.")
    is_figures = request.path.startswith(url_for("workbench.overview"))
    return shown("fault.html", status=error.status, title=title, message=error.message, is_figures=is_figures, back=_before())


def _http_page(error: HTTPException) -> Response:
    title, message = _REFUSALS.get(error.code or 500, ("Not possible", "The request cannot be answered."))
    return shown("fault.html", status=error.code or 500, title=title, message=message, back=_before())


def _before() -> str:
    """The page that a form was sent from; blank if none was sent, or the sender is not signed in."""
    return page_of(_here()) if request.method == "POST" and _known() else ""
