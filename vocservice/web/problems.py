"""An error in, an RFC 9457 problem out: one format for every failure, without any submitted text."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from vocservice.errors import BundleError, InputError, OutputError, RequestBusyError, StoppingError, StoreError, VocError
from vocservice.store.received import batch_files
from vocservice.web import logs
from vocservice.web.answers import json_answer

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = ("Retry-After", "5")

HTTP_PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "the request cannot be understood"),
    404: ("not_found", "there is no such resource; /openapi.json lists them"),
    405: ("method_not_allowed", "this resource does not answer this method; see the Allow header"),
    413: ("body_too_large", "the request body is too large"),
    414: ("url_too_long", "the URL is too long"),
    415: ("unsupported_media_type", "the content type is not supported"),
    431: ("headers_too_large", "the headers are too large"),
    500: ("internal_error", "the service failed on this request"),
}
_KEPT_HEADERS = frozenset({"allow", "retry-after"})


class RequestError(InputError):
    """A request that cannot be answered, with its own status and headers."""

    def __init__(self, message: str, *, code: str, status: int = 400, headers: Iterable[tuple[str, str]] = ()):
        super().__init__(message, code=code)
        self.status, self.headers = status, tuple(headers)


def problem(status: int, *, code: str, detail: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """The answer to a failed request."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    answer = json_answer(body, status=status, media_type=MEDIA_TYPE)
    answer.headers.extend(list(headers))
    return answer


def fixed_problem(status: int, *, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """The problem of a status; it contains nothing of the request or the failure."""
    code, detail = HTTP_PROBLEMS.get(status, HTTP_PROBLEMS[400 if status < 500 else 500])
    return problem(status, code=code, detail=detail, headers=headers)


def bare_answer(status: int) -> bytes:
    """The same as a complete HTTP answer, for input that a server cannot parse and no application sees."""
    body = fixed_problem(status).get_data()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def register(app: Flask) -> None:
    """Answer every error of an application with a problem."""
    app.register_error_handler(VocError, _from_voc_error)
    app.register_error_handler(HTTPException, _from_http_exception)
    app.register_error_handler(Exception, _from_exception)


def refuse_nul(app: Flask) -> None:
    """Reject paths with a NUL, which some databases cannot be asked for."""
    app.before_request(_refuse_nul)


def _refuse_nul() -> None:
    if "\0" in request.path:
        abort(404)


def _from_voc_error(error: VocError) -> Response:
    match error:
        case RequestError():
            return problem(error.status, code=error.code, detail=error.message, headers=error.headers)
        case RequestBusyError():
            return problem(error.status, code=error.code, detail=error.message, headers=[("Retry-After", str(error.retry_after))])
        case StoreError() | BundleError() | StoppingError():
            return problem(error.status, code=error.code, detail=error.message, headers=[RETRY_AFTER])
        case OutputError(code=batch_files.UNWRITABLE):
            logs.log_failure(error)
        case _ if error.status >= 500:
            return _from_exception(error)
    return problem(error.status, code=error.code, detail=error.message)


def _from_http_exception(error: HTTPException) -> Response:
    """werkzeug's own descriptions may quote the request, so fixed texts by status are used."""
    kept = [(name, value) for name, value in error.get_headers() if name.lower() in _KEPT_HEADERS]
    return fixed_problem(error.code or 500, headers=kept)


def _from_exception(error: Exception) -> Response:
    logs.log_failure(error)
    return fixed_problem(500)
