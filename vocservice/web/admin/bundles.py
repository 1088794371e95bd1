"""Bundles in, the serving one out: a worker first compares what would change, then a bundle is promoted or rolled back.

A bundle serves all workspaces of an installation, so only admins of some of them may change it (`bundles.promoters`). The
comparison also checks that a worker can load it.
"""

from contextlib import suppress
from typing import Any

from flask import Response, make_response, redirect, request, url_for

from vocservice import api
from vocservice.errors import BundleError, ConfigError, InputError, VocError
from vocservice.store.accounts import workspaces
from vocservice.store.accounts.users import ADMIN
from vocservice.store.analysed import previews, promotions
from vocservice.web.accounts import people
from vocservice.web.accounts.people import PageError, person, require_role
from vocservice.web.state import state

blueprint = people.pages("bundles")

SAMPLE, MOST = 200, 5000


@blueprint.get("/admin/bundle")
@require_role(ADMIN)
def page() -> Response:
    """The serving bundle, earlier ones, and available ones."""
    return _page()


@blueprint.post("/admin/bundle/preview")
@require_role(ADMIN)
def preview() -> Response:
    """Let a worker compare a bundle with the serving one."""
    _check_promoter()
    bundle, user = request.form.get("bundle", ""), person()
    try:
        sample = _sample(request.form.get("sample", ""))
        _check(bundle)
        with people.database().write() as connection:
            previews.ask(connection, user.workspace_id, bundle, sample=sample, actor=user.actor)
    except InputError as error:
        return _page(status=422, fault=error.message)
    state().ringer.ring()
    return _back()


@blueprint.post("/admin/bundle/promote")
@require_role(ADMIN)
def promote() -> Response:
    """Promote a bundle that was compared before."""
    _check_promoter()
    bundle = request.form.get("bundle", "")
    try:
        _check(bundle)
        with people.database().write() as connection:
            outcome = previews.kept(connection).get(bundle)
            if outcome is None or outcome.model != api.bundle_id(bundle):
                raise InputError("compare this bundle on past records first", code="preview_missing")
            if promotions.serving(connection) == bundle:
                raise InputError("this bundle is already in use", code="promotion_unneeded")
            promotions.promote(connection, bundle, model=outcome.model, actor=person().actor, instead_of=_configured())
    except (InputError, BundleError) as error:
        return _page(status=422, fault=error.message)
    state().ringer.ring()
    return _back()


@blueprint.post("/admin/bundle/rollback")
@require_role(ADMIN)
def rollback() -> Response:
    """Roll back to the previous bundle; a repeated request counts once."""
    _check_promoter()
    wanted = request.form.get("bundle", "")
    try:
        with people.database().read() as connection:
            _check_previous(connection, wanted)
        model = state().model.check(wanted)
        with people.database().write() as connection:
            _check_previous(connection, wanted)
            promotions.promote(connection, wanted, model=model, actor=person().actor, action="bundle.rollback")
    except (InputError, BundleError, ConfigError) as error:
        return _page(status=422, fault=error.message)
    state().ringer.ring()
    return _back()


def _page(*, status: int = 200, fault: str = "") -> Response:
    with people.database().read() as connection:
        may_promote = _may_promote(connection)
        history = promotions.listed(connection)
        outcomes, waiting = previews.kept(connection), previews.open_ones(connection)
        values: dict[str, Any] = {"before": None, "serving": history[0].bundle if history else None}
        with suppress(InputError):
            values["before"] = promotions.previous(connection)
    values |= {"history": history, "outcomes": outcomes, "waiting": waiting, "bundles": api.bundles(), "may_promote": may_promote}
    model = state().model
    return people.shown(
        "admin_bundle.html", status=status, fault=fault, model=_model(), taxonomy=model.taxonomy().id, sample=SAMPLE, most=MOST, **values
    )


def _check_promoter() -> None:
    """Raises:
    PageError: the user's workspace may not change the bundle of others.
    """
    with people.database().read() as connection:
        if not _may_promote(connection):
            raise PageError("Not allowed", "Admins of another workspace decide which bundle serves.", status=403)


def _may_promote(connection: Any) -> bool:
    mine, named = person().workspace_id, state().bundles.promoters
    return workspaces.get(connection, mine).name in named if named else workspaces.first(connection) == mine


def _check_previous(connection: Any, wanted: str) -> None:
    if promotions.previous(connection) != wanted:
        raise InputError("another bundle was promoted meanwhile: reload the page", code="promotion_unneeded")


def _check(bundle: str) -> None:
    if bundle not in api.bundles():
        raise InputError("there is no such bundle under models/", code="bundle_unknown")


def _sample(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= MOST):
        raise InputError(f"compare 1 to {MOST} records", code="sample_unusable")
    return int(text)


def _configured() -> str | None:
    """The bundle named in the settings; None if missing."""
    try:
        return state().model.configured()
    except BundleError:
        return None


def _model() -> str:
    try:
        return state().model.analyser().model
    except VocError as error:
        return f"none: {error.message}"


def _back() -> Response:
    return make_response(redirect(url_for("bundles.page"), 303))
