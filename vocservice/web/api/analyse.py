"""Records in JSON in, their analyses out: `POST /v1/analyse`, one object for one, a list for a list."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request

from vocservice.errors import BundleError, RecordError
from vocservice.records import Rejected, Result
from vocservice.web import logs
from vocservice.web.answers import json_answer
from vocservice.web.problems import problem
from vocservice.web.requests import access
from vocservice.web.requests.batch import batch_of
from vocservice.web.requests.body import read_json
from vocservice.web.state import state

blueprint = Blueprint("analyse", __name__)

STATUS_BY_CODE: Mapping[str, int] = {BundleError.code: BundleError.status}


@blueprint.post("/v1/analyse")
@access.require("analyse", is_optional=True)
def analyse() -> Response:
    """Analyse one record or a list of them; without a key, unless `http.require_key` is on."""
    limits = state().limits
    batch = batch_of(read_json(request, max_bytes=limits.max_body_bytes), limits=limits)
    model = state().model
    results = [model.result(batch.records[0])] if batch.is_single else model.results(batch.records)
    logs.note(records=len(results), rejected=sum(isinstance(result, Rejected) for result in results))
    return _single(results[0]) if batch.is_single else _listed(results)


def status_of(rejected: Rejected) -> int:
    """The HTTP status for a single record that was rejected."""
    return STATUS_BY_CODE.get(rejected.code, RecordError.status)


def _single(result: Result) -> Response:
    if isinstance(result, Rejected):
        return problem(status_of(result), code=result.code, detail=result.message)
    return json_answer(result.to_dict())


def _listed(results: Sequence[Result]) -> Response:
    return json_answer({"results": [result.to_dict() for result in results]})
