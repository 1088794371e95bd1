"""The access rule and body of a route in, the parameters and failures they imply out."""

from collections.abc import Iterator, Mapping

from vocservice.web.described.parts import Answer, Operation, Parameter, refused
from vocservice.web.requests.access import Gate

OTHER = refused("Any other failure, in the same shape", shared="Other")
FAILED = refused("The service failed: internal_error, or for files batch_folder_unwritable", shared="Failed")
SCOPE_MISSING = refused("The key lacks the scope: scope_missing", shared="ScopeMissing")
KEY_REFUSED = refused("No valid API key: key_required, key_invalid", shared="KeyRefused")
RATE_LIMITED = refused("Too many requests with this key; see Retry-After: rate_limited", shared="RateLimited")
STORE_UNAVAILABLE = refused(
    "The store is missing, busy or full, or the process is stopping and takes no changes; see Retry-After: "
    "store_unavailable, store_damaged, schema_mismatch, key_missing, stopping",
    shared="StoreUnavailable",
)
STORE_BUSY_OR_FULL = refused(
    "The store is missing, busy or full, the queue or the upload limit is full, or the process is stopping; see Retry-After: "
    "store_unavailable, store_damaged, schema_mismatch, key_missing, queue_full, uploads_full, stopping",
    shared="StoreBusyOrFull",
)
READING_FULL = refused(
    "The store is missing, busy or full, or too many requests wait for records; see Retry-After: "
    "store_unavailable, store_damaged, schema_mismatch, key_missing, queue_full",
    shared="ReadingFull",
)
BODY_UNREADABLE = refused(
    "No body, cut off, not valid JSON, not UTF-8 or not valid gzip: empty_body, bad_request, invalid_json, invalid_encoding, invalid_gzip",
    shared="BodyUnreadable",
)
BODY_TOO_LARGE = refused("The body is too large: body_too_large", shared="BodyTooLarge")
TOO_MUCH = refused("The body or the list is too large: body_too_large, too_many_records", shared="TooMuch")
TYPE_UNSUPPORTED = refused(
    "The content type or encoding is not supported: unsupported_media_type, unsupported_encoding", shared="TypeUnsupported"
)
PARAMETER_WRONG = refused("A parameter is unknown or wrong: parameter_invalid", shared="ParameterWrong")
CURSOR_WRONG = refused("A parameter is unknown or wrong: parameter_invalid, cursor_invalid", shared="CursorWrong")

CONTENT_ENCODING = Parameter(
    "Content-Encoding",
    {"enum": ["gzip", "identity"]},
    about="whether the body is compressed; it is not by default",
    place="header",
    shared="ContentEncoding",
)

_OF_KEY = {401: KEY_REFUSED, 403: SCOPE_MISSING, 429: RATE_LIMITED, 500: FAILED, 503: STORE_UNAVAILABLE}
_OF_JSON = {400: BODY_UNREADABLE, 413: BODY_TOO_LARGE, 415: TYPE_UNSUPPORTED}


def of_page(size: int, most: int) -> tuple[Parameter, ...]:
    """The parameters of a paginated list."""
    limit = Parameter("limit", {"type": "integer", "minimum": 1, "maximum": most, "default": size})
    return limit, Parameter("cursor", about="`next` of the previous page")


def answers(operation: Operation, gate: Gate | None, unknown: Answer | None) -> Iterator[tuple[str, Answer]]:
    """All answers by status; the operation's own replace the usual ones.

    Args:
        operation: with its own answers.
        gate: the access rule of its view; anything that needs a key uses the store.
        unknown: the answer if the resource in its path does not exist; None if the path names none.
    """
    found: dict[int, Answer] = dict(_OF_KEY) if gate else {}
    found |= {404: unknown} if unknown else {}
    found |= _of_parameters(operation) | (_OF_JSON if operation.body and operation.body.is_read_as_json else {})
    found |= operation.answers
    yield from ((str(status), found[status]) for status in sorted(found))
    yield "default", OTHER


def parameters(operation: Operation) -> tuple[Parameter, ...]:
    """Its own parameters, and the one implied by a body."""
    return (*operation.parameters, *((CONTENT_ENCODING,) if operation.body and operation.body.may_be_packed else ()))


def security(gate: Gate | None) -> list[Mapping[str, list[str]]] | None:
    """Whether a key is required, conditionally required, or not checked."""
    if gate is None:
        return None
    return [{}, {"key": []}] if gate.is_optional else [{"key": []}]


def _of_parameters(operation: Operation) -> dict[int, Answer]:
    names = {one.name for one in operation.parameters if one.place == "query"}
    if not names:
        return {}
    return {400: CURSOR_WRONG if "cursor" in names else PARAMETER_WRONG}
