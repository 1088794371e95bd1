"""An e-mail address and a password in, a session out: `/login`, `/logout` and preferences."""

from flask import Response, make_response, redirect, request, url_for

from vocservice.store import audit
from vocservice.store.accounts import logins, sessions, users
from vocservice.store.accounts.users import ANALYST
from vocservice.store.audit import Act
from vocservice.web.accounts import oidc, people
from vocservice.web.accounts.people import open_to_all, person, require_role

blueprint = people.pages("login")

REFUSED = "Wrong e-mail address or password, or too many attempts. After several failed attempts, wait 15 minutes."
DRAFT = "draft."


@blueprint.get("/login")
@open_to_all
def form() -> Response:
    """The sign-in form."""
    return people.shown("login.html", next=people.own_path(request.args.get("next", "")), has_provider=oidc.is_on())


@blueprint.post("/login")
@open_to_all
def enter() -> Response:
    """Sign in; an existing session is closed first."""
    back, draft = people.own_path(request.form.get("next", "")), _draft()
    email, password = request.form.get("email", ""), request.form.get("password", "")
    login = logins.log_in(
        people.database(), people.vault(), email=email, password=password, address=people.address(), lifetime=people.LIFETIME
    )
    if login is None:
        return people.shown("login.html", status=401, next=back, draft=draft, refused=REFUSED, has_provider=oidc.is_on())
    people.close_old()
    page = people.page_of(back) or url_for(oidc.HOME)
    if draft and back:
        people.become(login.token)
        return people.let_in(people.shown("resume.html", action=back, page=page, draft=draft), login.token)
    return people.let_in(make_response(redirect(page, 303)), login.token)


@blueprint.post("/logout")
@require_role(ANALYST)
def leave() -> Response:
    """Sign out: here, or everywhere."""
    found, user = people.visitor(), person()
    with people.database().write() as connection:
        if request.form.get("everywhere"):
            sessions.close_all(connection, user.id)
        elif found:
            sessions.close(connection, found.token)
        audit.write(connection, user.workspace_id, Act(user.actor, "logout", user.id, {"everywhere": bool(request.form.get("everywhere"))}))
    return people.let_out(make_response(redirect(url_for("login.form"), 303)))


@blueprint.post("/theme")
@open_to_all
def choose_theme() -> Response:
    """Choose the theme: light, dark or system; stored in the browser."""
    back = people.own_path(request.form.get("next", "")) or url_for("login.form")
    return people.keep_theme(make_response(redirect(back, 303)), request.form.get("theme", ""))


@blueprint.get("/preferences")
@require_role(ANALYST)
def preferences() -> Response:
    """Preferences and password of a user."""
    return people.shown("preferences.html", said=_said(request.args.get("said", "")))


@blueprint.post("/preferences")
@require_role(ANALYST)
def keep_preferences() -> Response:
    """Turn single-letter shortcuts on or off."""
    user = person()
    with people.database().write() as connection:
        users.set_preferences(connection, user, {**user.preferences, "keys": bool(request.form.get("keys"))})
    return make_response(redirect(url_for("login.preferences", said="saved"), 303))


@blueprint.post("/preferences/password")
@require_role(ANALYST)
def change_password() -> Response:
    """Change the password; every session ends and this browser gets a new one."""
    user = person()
    database, vault = people.database(), people.vault()
    old, new = request.form.get("old", ""), request.form.get("new", "")
    known = logins.log_in(database, vault, email=user.email, password=old, address=people.address(), lifetime=people.LIFETIME)
    if known is None:
        return people.shown("preferences.html", status=422, fault="The current password is wrong, or there were too many attempts.")
    with database.write() as connection:
        users.set_password(connection, user, new, actor=user.actor)
        token = sessions.begin(connection, user.id, people.LIFETIME)
    return people.let_in(make_response(redirect(url_for("login.preferences", said="password"), 303)), token)


def _said(code: str) -> str:
    return {"saved": "Saved.", "password": "Your password has been changed, and every other session was ended."}.get(code, "")


def _draft() -> list[tuple[str, str]]:
    """The fields of a form that was sent after its session had ended."""
    sent = [(name.removeprefix(DRAFT), value) for name, value in request.form.items(multi=True) if name.startswith(DRAFT)]
    return [(name, value) for name, value in sent if name != people.FIELD]
