"""Weekly or monthly reports made by a worker in, a list of them and one page each out."""

from flask import Blueprint, Response, abort, current_app
from flask.blueprints import BlueprintSetupState

from vocservice.jobs.digests import kept
from vocservice.settings import ReportSettings
from vocservice.store.accounts.users import ANALYST
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role

blueprint: Blueprint = people.pages("digests")

NAME = "vocservice.reports"


@blueprint.get("/workbench/reports")
@require_role(ANALYST)
def listing() -> Response:
    """All reports, newest first."""
    settings = _settings()
    names = [path.stem for path in kept(settings, person().workspace_id)]
    return people.shown("digests.html", status=200, names=names, every=settings.every)


@blueprint.get("/workbench/reports/<name>")
@require_role(ANALYST)
def one(name: str) -> Response:
    """One report, as it was made."""
    from vocservice.reporting.page import policy

    found = next((path for path in kept(_settings(), person().workspace_id) if path.stem == name), None)
    if found is None:
        abort(404)
    answer = Response(found.read_bytes(), content_type="text/html; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    answer.headers["Content-Security-Policy"] = f"{policy()}; frame-ancestors 'none'"
    return answer


@blueprint.record_once
def _attach(setup: BlueprintSetupState) -> None:
    setup.app.extensions.setdefault(NAME, ReportSettings())


def _settings() -> ReportSettings:
    found: ReportSettings = current_app.extensions[NAME]
    return found
