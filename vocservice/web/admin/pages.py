"""Operational data in, pages for admins out: sources, keys, users, dead letters, the audit log.

Tokens and keys are shown once, on the page that created them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from json import JSONDecodeError, loads
from typing import Any

from flask import Response, abort, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError, VocError
from vocservice.ingest.connector import check_base_url
from vocservice.ingest.registry import ADAPTERS, adapter
from vocservice.ingest.trying import tried
from vocservice.jobs.fetching import CONNECTORS
from vocservice.store import audit, trail
from vocservice.store.accounts import keys, users
from vocservice.store.accounts.users import ADMIN, ROLES, User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.received import accesses, deadletters, quarantine, sources, waiting
from vocservice.store.received.accesses import Access
from vocservice.store.received.sources import Source
from vocservice.store.received.waiting import Fetching
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.api.webhooks import url_of
from vocservice.web.requests.query import told
from vocservice.web.state import state

blueprint = people.pages("admin")

PAGE = 50
LONGEST_LIFE = 3650
UNKNOWN = frozenset({"source_unknown", "key_unknown", "user_unknown", "delivery_unknown"})
AUDIT_FILTERS = ("actor", "action", "target")
SCOPES: Mapping[str, str] = {
    "feedback:write": "send records",
    "feedback:read": "read and search records, reports, themes and rules",
    "feedback:erase": "erase records and customers, export customers",
    "analyse": "analyse texts, if that requires a key",
    "batches": "label whole files",
    "admin": "write rules, set endpoints for events",
}


@blueprint.get("/admin")
@require_role(ADMIN)
def start() -> Response:
    """The first of these pages."""
    return make_response(redirect(url_for("admin.source_list")))


@blueprint.get("/admin/sources")
@require_role(ADMIN)
def source_list() -> Response:
    """The sources and the health of their deliveries."""
    return _sources_page()


@blueprint.post("/admin/sources")
@require_role(ADMIN)
def add_source() -> Response:
    """Add a source; its URL is shown on this answer only."""
    form, user = request.form, person()
    secrets = [secret for secret in [form.get("secret", "").strip()] if secret]
    try:
        options = _options(form.get("options", ""))
        with people.database().write() as connection:
            made, token = sources.create(
                connection,
                people.vault(),
                user.workspace_id,
                name=form.get("name", ""),
                adapter=form.get("adapter", ""),
                secrets=secrets,
                options=options,
                actor=user.actor,
            )
    except VocError as error:
        return _sources_page(status=422, fault=_own(error))
    return _source_page(made, url=url_of(token))


@blueprint.get("/admin/sources/<source_id>")
@require_role(ADMIN)
def source(source_id: str) -> Response:
    """One source: setup, health, secrets."""
    return _source_page(_source(source_id))


@blueprint.post("/admin/sources/<source_id>/secrets")
@require_role(ADMIN)
def change_secrets(source_id: str) -> Response:
    """Accept a second secret, or only the newest from now on."""
    held, user, vault = _source(source_id), person(), people.vault()
    try:
        with people.database().write() as connection:
            if request.form.get("do") == "remove":
                sources.remove_secret(connection, vault, held, actor=user.actor)
            else:
                sources.add_secret(connection, vault, held, request.form.get("secret", "").strip(), actor=user.actor)
    except VocError as error:
        return _source_page(held, status=422, fault=_own(error))
    return _to("admin.source", source_id=source_id)


@blueprint.post("/admin/sources/<source_id>/url")
@require_role(ADMIN)
def change_url(source_id: str) -> Response:
    """Create a new URL, shown on this answer only, while the old one keeps working for a while; or end the old one."""
    held, user = _source(source_id), person()
    if request.form.get("do") == "end":
        with people.database().write() as connection:
            sources.end_old_urls(connection, held, actor=user.actor)
        return _to("admin.source", source_id=source_id)
    with people.database().write() as connection:
        token = sources.renew_url(connection, held, actor=user.actor)
    return _source_page(held, url=url_of(token))


@blueprint.post("/admin/sources/<source_id>/access")
@require_role(ADMIN)
def change_access(source_id: str) -> Response:
    """Store or forget a token of the sender's API, used to fetch what its webhooks leave out."""
    held, user = _source(source_id), person()
    try:
        _change_access(held, user)
    except VocError as error:
        return _source_page(held, status=422, fault=_own(error))
    return _to("admin.source", source_id=source_id)


@blueprint.post("/admin/sources/<source_id>/options")
@require_role(ADMIN)
def change_options(source_id: str) -> Response:
    """Change the options; earlier deliveries were read with the old ones."""
    held = _source(source_id)
    try:
        options = _options(request.form.get("options", ""))
        with people.database().write() as connection:
            sources.set_options(connection, held, options, actor=person().actor)
    except VocError as error:
        return _source_page(held, status=422, fault=_own(error))
    return _to("admin.source", source_id=source_id)


@blueprint.post("/admin/sources/<source_id>/state")
@require_role(ADMIN)
def switch_source(source_id: str) -> Response:
    """Accept or refuse deliveries."""
    held = _source(source_id)
    with people.database().write() as connection:
        sources.set_enabled(connection, held, request.form.get("do") == "enable", actor=person().actor)
    return _to("admin.source", source_id=source_id)


@blueprint.post("/admin/sources/<source_id>/test")
@require_role(ADMIN)
def try_source(source_id: str) -> Response:
    """Sign the adapter's sample with the source's secret and let the adapter check and parse it; nothing is stored."""
    held = _source(source_id)
    try:
        events = _tried(held)
    except VocError as error:
        return _source_page(held, status=422, fault=f"The sample was refused: {_own(error)}")
    return _source_page(held, said=f"The sample was checked and read: {events} event{'s' if events != 1 else ''}. Nothing was stored.")


@blueprint.get("/admin/keys")
@require_role(ADMIN)
def key_list() -> Response:
    """API keys, without their secrets."""
    return _keys_page()


@blueprint.post("/admin/keys")
@require_role(ADMIN)
def add_key() -> Response:
    """Create a key, shown on this answer only."""
    form, user = request.form, person()
    days = form.get("days", "")
    try:
        with people.database().write() as connection:
            made, token = keys.create(
                connection,
                user.workspace_id,
                name=form.get("name", ""),
                scopes=form.getlist("scope"),
                expires_at=now(connection) + timedelta(days=_days(days)) if days.strip() else None,
                actor=user.actor,
            )
    except VocError as error:
        return _keys_page(status=422, fault=_own(error))
    return _keys_page(made=made, secret=token)


@blueprint.post("/admin/keys/<key_id>/rotate")
@require_role(ADMIN)
def rotate_key(key_id: str) -> Response:
    """Rotate a key, shown on this answer only; the old one works for a while longer."""
    user = person()
    try:
        with _known(), people.database().write() as connection:
            made, token = keys.rotate(connection, keys.get(connection, user.workspace_id, key_id), actor=user.actor)
    except VocError as error:
        return _keys_page(status=422, fault=_own(error))
    return _keys_page(made=made, secret=token)


@blueprint.post("/admin/keys/<key_id>/revoke")
@require_role(ADMIN)
def revoke_key(key_id: str) -> Response:
    """Revoke a key at once."""
    with _known(), people.database().write() as connection:
        keys.revoke(connection, keys.get(connection, person().workspace_id, key_id), actor=person().actor)
    return _to("admin.key_list")


@blueprint.get("/admin/users")
@require_role(ADMIN)
def user_list() -> Response:
    """The users of this workspace."""
    return _users_page()


@blueprint.post("/admin/users")
@require_role(ADMIN)
def add_user() -> Response:
    """Add a user with a first password."""
    form, admin = request.form, person()
    values = {name: form.get(name, "") for name in ("email", "name", "role", "password")}
    try:
        with people.database().write() as connection:
            users.add(connection, admin.workspace_id, **values, actor=admin.actor)
    except VocError as error:
        return _users_page(status=422, fault=_own(error), form=form)
    return _to("admin.user_list")


@blueprint.post("/admin/users/<user_id>")
@require_role(ADMIN)
def change_user(user_id: str) -> Response:
    """Change a role, or disable or enable a user."""
    with _known(), people.database().read() as connection:
        held = users.get(connection, person().workspace_id, user_id)
    try:
        said = _change_user(held, request.form.get("do", ""))
    except VocError as error:
        return _users_page(status=422, fault=_own(error))
    return _users_page(said=f"{held.name} {said}.")


@blueprint.get("/admin/dead-letters")
@require_role(ADMIN)
def dead_letter_list() -> Response:
    """The dead letters."""
    return _letters_page()


@blueprint.post("/admin/dead-letters")
@require_role(ADMIN)
def settle_dead_letters() -> Response:
    """Retry or discard selected ones."""
    user, chosen, is_discard = person(), request.form.getlist("id"), request.form.get("do") == "discard"
    if not chosen:
        return _letters_page(said="Nothing was selected.")
    with people.database().write() as connection:
        if is_discard:
            discarded = deadletters.discard(connection, user.workspace_id, chosen)
            owed = f" {discarded.owed} cannot be discarded: try again." if discarded.owed else ""
            count, said = discarded.gone, f"{discarded.gone} discarded.{owed}"
        else:
            retried = deadletters.retry(connection, people.vault(), user.workspace_id, ids=chosen)
            count, said = retried.sent_back, f"{retried.sent_back} will be tried again, {retried.unusable} still unusable."
        act = Act(user.actor, f"dead_letter.{'discard' if is_discard else 'retry'}", user.workspace_id, {"count": count})
        audit.write(connection, user.workspace_id, act)
    state().ringer.ring()
    return _letters_page(said=said)


@blueprint.post("/admin/dead-letters/<inbox_id>/body")
@require_role(ADMIN)
def look_at_body(inbox_id: str) -> Response:
    """The body of a quarantined delivery; access is audited."""
    user = person()
    with _known(), people.database().write() as connection:
        body = quarantine.look(connection, people.vault(), user.workspace_id, inbox_id, actor=user.actor)
    return people.shown("admin_body.html", body=body, text=body.raw.decode("utf-8", "replace"))


@blueprint.post("/admin/dead-letters/<inbox_id>")
@require_role(ADMIN)
def correct_body(inbox_id: str) -> Response:
    """Correct a body and send it through its adapter again."""
    user, vault = person(), people.vault()
    raw = request.form.get("body", "").replace("\r\n", "\n").encode("utf-8", "replace")
    with _known(), people.database().write() as connection:
        quarantine.correct(connection, vault, user.workspace_id, inbox_id, raw, actor=user.actor)
        retried = deadletters.retry(connection, vault, user.workspace_id, ids=[inbox_id])
    state().ringer.ring()
    if not retried.sent_back:
        return _letters_page(fault="Still unusable; it stays here as you saved it.")
    return _letters_page(said="Read and accepted.")


@blueprint.get("/admin/audit")
@require_role(ADMIN)
def audit_list() -> Response:
    """The audit log, newest first, and whether its chain is intact."""
    asked = {name: told(request.args, name) for name in AUDIT_FILTERS}
    before = request.args.get("before", "")
    last = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    with people.database().read() as connection:
        rows = trail.page(connection, person().workspace_id, before=last, limit=PAGE, **asked)
        is_checked = bool(request.args.get("check"))
        broken = audit.first_broken(connection) if is_checked else None
    return people.shown("admin_audit.html", rows=rows, asked=asked, is_checked=is_checked, broken=broken, page=PAGE)


@contextmanager
def _known() -> Iterator[None]:
    """Anything of another workspace is not found: 404."""
    try:
        yield
    except InputError as error:
        if error.code in UNKNOWN:
            abort(404)
        raise


def _own(error: VocError) -> str:
    """The message of an error caused by the user; other errors propagate."""
    if error.status >= 500 and error.code != "config_invalid":
        raise error
    return error.message


def _source(source_id: str) -> Source:
    with _known(), people.database().read() as connection:
        return sources.get(connection, person().workspace_id, source_id)


def _refused_form(fault: str) -> MultiDict[str, str]:
    """The values of a refused form, except secrets, which are never shown again."""
    return request.form if fault else MultiDict()


def _sources_page(*, status: int = 200, fault: str = "") -> Response:
    with people.database().read() as connection:
        found = sources.listed(connection, person().workspace_id)
    return people.shown("admin_sources.html", status=status, fault=fault, sources=found, adapters=ADAPTERS, form=_refused_form(fault))


def _source_page(held: Source, *, status: int = 200, fault: str = "", said: str = "", url: str = "") -> Response:
    held_secrets = len(sources.open_secrets(people.vault(), held))
    values = {"source": held, "adapter": adapter(held.adapter), "secrets": held_secrets, "fault": fault, "said": said, "url": url}
    return people.shown("admin_source.html", status=status, form=_refused_form(fault), **values, **_fetching(held))


def _fetching(held: Source) -> dict[str, Any]:
    """Details of a source beside its counts: recent warnings, expiry of an old URL, and how answers are fetched."""
    with people.database().read() as connection:
        access = accesses.of(connection, people.vault(), held.id)
        warnings, old_until = sources.warnings(connection, held), sources.old_url_until(connection, held)
        fetching = waiting.by_source(connection, held.workspace_id).get(held.id, Fetching())
    options = {name: value for name, value in held.options.items() if value not in (None, "", [], {})}
    told = {"warnings": warnings, "looked": sources.LOOKED, "old_until": old_until}
    return {"is_thin": held.adapter in CONNECTORS, "access": access, "fetching": fetching, "options": options, **told}


def _change_access(held: Source, user: User) -> None:
    token, base_url = (request.form.get(name, "").strip() for name in ("api_token", "base_url"))
    is_forgotten = request.form.get("do") == "forget"
    if not is_forgotten and not token:
        raise InputError("enter the token", code="access_missing")
    address = check_base_url(base_url) if base_url else None
    with people.database().write() as connection:
        if is_forgotten:
            accesses.drop(connection, held.workspace_id, held.id, actor=user.actor)
        else:
            accesses.put(connection, people.vault(), held.workspace_id, held.id, Access(token, address), actor=user.actor)


def _keys_page(*, status: int = 200, fault: str = "", **values: Any) -> Response:
    with people.database().read() as connection:
        found = keys.listed(connection, person().workspace_id)
    return people.shown("admin_keys.html", status=status, fault=fault, keys=found, scopes=SCOPES, form=_refused_form(fault), **values)


def _users_page(*, status: int = 200, fault: str = "", said: str = "", form: Mapping[str, str] | None = None) -> Response:
    """`form`: values of the refused form for a new user."""
    with people.database().read() as connection:
        found = users.listed(connection, person().workspace_id)
    return people.shown("admin_users.html", status=status, users=found, roles=ROLES, fault=fault, said=said, form=form or {})


def _letters_page(*, said: str = "", fault: str = "") -> Response:
    with people.database().read() as connection:
        found = deadletters.listed(connection, person().workspace_id)
    return people.shown("admin_letters.html", letters=found, said=said, fault=fault)


def _change_user(held: User, do: str) -> str:
    """The new state of a user, in words."""
    actor = person().actor
    with people.database().write() as connection:
        if do in ("enable", "disable"):
            users.set_active(connection, held, do == "enable", actor=actor)
            return "may sign in" if do == "enable" else "is signed out and may not sign in any longer"
        changed = users.set_role(connection, held, request.form.get("role", ""), actor=actor)
        return f"has the role {changed.role.replace('_', ' ')} now"


def _tried(held: Source) -> int:
    """Number of events in the sample of a source."""
    return len(tried(adapter(held.adapter), sources.open_secrets(people.vault(), held), held.options, url=url_of("")))


def _options(text: str) -> dict[str, Any]:
    try:
        read = loads(text) if text.strip() else {}
    except (JSONDecodeError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise InputError("the options must be a JSON object, or blank", code="options_unusable")
    return read


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= LONGEST_LIFE):
        raise InputError(f"a key is valid for 1 to {LONGEST_LIFE} days, or indefinitely", code="days_unusable")
    return int(text)


def _to(endpoint: str, **values: Any) -> Response:
    return make_response(redirect(url_for(endpoint, **values), 303))
