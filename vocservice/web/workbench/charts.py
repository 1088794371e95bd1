"""A chart and filters of the workbench in, its numbers as JSON out: for pages, and for API keys."""

from flask import Blueprint, Response, abort, request

from vocservice.store.accounts.users import ANALYST
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.workbench.looking import Looking
from vocservice.web.workbench.pages import looking_at, looking_for
from vocservice.web.workbench.selecting import asked_of

blueprint = people.pages("charts")
api = Blueprint("charts_api", __name__)


@blueprint.get("/workbench/charts/<name>.json")
@require_role(ANALYST)
def chart(name: str) -> Response:
    """The numbers of one chart, for the same records as the page."""
    from vocservice.reporting.charted import CHARTED

    return _chart(looking_at(person().workspace_id, asked_of(request.args)), name) if name in CHARTED else abort(404)


@api.get("/v1/charts")
@access.require("feedback:read")
def charts_json() -> Response:
    """List every chart."""
    from vocservice.reporting.charted import CHARTED

    return json_answer({"charts": [{"chart": name, "title": one.title} for name, one in CHARTED.items()]})


@api.get("/v1/charts/<name>")
@access.require("feedback:read")
def chart_json(name: str) -> Response:
    """The numbers of one chart.

    Raises:
        RequestError: there is no such chart (`chart_unknown`).
    """
    from vocservice.reporting.charted import CHARTED

    key = access.key()
    if name not in CHARTED:
        raise RequestError("there is no such chart; /v1/charts lists them", code="chart_unknown", status=404)
    return _chart(looking_for(key.workspace_id, asked_of(request.args)), name)


def _chart(looking: Looking, name: str) -> Response:
    from vocservice.reporting.charted import CHARTED, chart_of

    report = looking.whole() if CHARTED[name].waits_for else looking.counted()
    return json_answer({"asked": dict(looking.asked.values), **chart_of(report, name)})
