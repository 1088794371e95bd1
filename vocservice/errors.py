"""One error tree: every class carries a stable `code` and the HTTP status it answers with.

Messages name the record and the remedy and never hold a customer's words.
"""


class VocError(Exception):
    """Root of all errors this package raises on purpose.

    Attributes:
        code: stable snake_case identifier, the same on the command line and over HTTP.
        status: HTTP status of the answer.
    """

    code = "internal_error"
    status = 500

    def __init__(self, message: str, *, code: str | None = None):
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def to_dict(self) -> dict[str, str]:
        """The `error` object of a rejected record: {"code", "message"}."""
        return {"code": self.code, "message": self.message}


class ConfigError(VocError):
    """A configuration file or setting is wrong; the service refuses to start."""

    code = "config_invalid"


class TaxonomyError(ConfigError):
    """A taxonomy file is incomplete, out of order or has unknown keys."""

    code = "taxonomy_invalid"


class BundleError(VocError):
    """A model bundle is missing, damaged, or made for another taxonomy.

    Attributes:
        fault: what is wrong; the message is this and the remedy.
        remedy: what to do, blank where the fault says it.
    """

    code = "bundle_invalid"
    status = 503
    CHOOSE = "train one (voc train), or name one with --bundle or VOC_BUNDLE"
    RENEW = "copy or train the bundle again"

    def __init__(self, fault: str, *, remedy: str = "", code: str | None = None):
        super().__init__(f"{fault}; {remedy}" if remedy else fault, code=code)
        self.fault, self.remedy = fault, remedy


class CrowdedError(BundleError):
    """Too many requests use the model or wait for it."""

    code = "analyses_full"


class InputError(VocError):
    """A whole input (file, stream, request body) cannot be used."""

    code = "input_unusable"
    status = 400


class OutputError(VocError):
    """An output cannot be written."""

    code = "output_unwritable"


class ResumeError(VocError):
    """An unfinished run cannot be resumed, because its inputs, model or options differ."""

    code = "resume_refused"
    status = 409


class EngineError(VocError):
    """Workers of `voc classify` are missing: `ray_missing`, `ray_unreachable`, `worker_mismatch` or `workers_lost`."""

    code = "workers_lost"
    status = 503


class RecordError(VocError):
    """One record cannot be processed; others are not affected.

    Codes: `invalid_json`, `invalid_type`, `missing_text`, `empty_text`, `text_too_long`, `invalid_turns`,
    `invalid_encoding`, `ragged_row`, `unsupported_language`, `analysis_failed`.

    Attributes:
        field: the field that another choice would help, blank if none.
    """

    code = "record_invalid"
    status = 422

    def __init__(self, message: str, *, code: str | None = None, field: str = ""):
        super().__init__(message, code=code)
        self.field = field


class ConflictError(VocError):
    """Somebody else changed the same object meanwhile; nothing was overwritten."""

    code = "review_conflict"
    status = 409


class StoreError(VocError):
    """The database is busy, full or gone (`store_unavailable`), or cannot be read (`schema_mismatch`, `key_missing`)."""

    code = "store_unavailable"
    status = 503


class SignatureError(VocError):
    """A delivery is not authenticated: `signature_invalid`, `signature_missing` or `timestamp_stale`."""

    code = "signature_invalid"
    status = 401


class UnusableBodyError(VocError):
    """A delivery's body is not what its sender sends, and resending cannot help; the message never quotes it."""

    code = "body_unusable"
    status = 422


class FetchError(VocError):
    """A sender's API could not be reached, or did not return the record; a retry may help."""

    code = "fetch_failed"
    status = 503


class EndpointError(VocError):
    """Events may not be sent to this URL: it is not https, or leads into a private network; the message never quotes it."""

    code = "endpoint_refused"
    status = 422


class MailError(VocError):
    """A mail could not be delivered to the mail server; a retry may help. The message contains neither address nor text."""

    code = "mail_failed"
    status = 503


class StoppingError(VocError):
    """This process was told to stop and takes no new work."""

    code = "stopping"
    status = 503


class IdempotencyError(VocError):
    """An Idempotency-Key was reused with another body."""

    code = "idempotency_mismatch"
    status = 422


class ApiError(VocError):
    """A service refused an HTTP request, with its own code and status; or it cannot be reached or understood.

    The latter have the code `unreachable` or `answer_unreadable`.

    Attributes:
        retry_after: seconds after which to retry; None if not given.
    """

    code = "unreachable"
    status = 503

    def __init__(self, message: str, *, code: str | None = None, status: int = 503, retry_after: float | None = None):
        super().__init__(message, code=code)
        self.status, self.retry_after = status, retry_after


class SignInError(VocError):
    """An OpenID provider's answer grants no access (`sign_in_refused`), or it does not answer (`provider_unreachable`, 503)."""

    code = "sign_in_refused"
    status = 401


class RequestBusyError(VocError):
    """The first request with an Idempotency-Key is still being answered; retry after `retry_after` seconds."""

    code = "idempotency_busy"
    status = 409
    retry_after = 1


class RuleError(VocError):
    """The text is not a rule, or names something unknown; `at` is the position of the fault, counted from 1."""

    code = "rule_invalid"
    status = 422

    def __init__(self, message: str, *, at: int | None = None):
        super().__init__(message if at is None else f"at character {at}: {message}")
        self.at = at
