"""One error tree: each class has a stable code and a status, and messages carry no traceback and no customer's words."""

import pytest

from vocservice import errors
from vocservice.errors import (
    ApiError,
    BundleError,
    ConfigError,
    ConflictError,
    CrowdedError,
    EndpointError,
    EngineError,
    FetchError,
    IdempotencyError,
    InputError,
    MailError,
    OutputError,
    RecordError,
    RequestBusyError,
    ResumeError,
    RuleError,
    SignatureError,
    SignInError,
    StoppingError,
    StoreError,
    TaxonomyError,
    UnusableBodyError,
    VocError,
)

CODES = {
    VocError: ("internal_error", 500),
    ConfigError: ("config_invalid", 500),
    TaxonomyError: ("taxonomy_invalid", 500),
    BundleError: ("bundle_invalid", 503),
    CrowdedError: ("analyses_full", 503),
    InputError: ("input_unusable", 400),
    OutputError: ("output_unwritable", 500),
    RecordError: ("record_invalid", 422),
    SignatureError: ("signature_invalid", 401),
    UnusableBodyError: ("body_unusable", 422),
    FetchError: ("fetch_failed", 503),
    ResumeError: ("resume_refused", 409),
    EngineError: ("workers_lost", 503),
    ConflictError: ("review_conflict", 409),
    StoreError: ("store_unavailable", 503),
    EndpointError: ("endpoint_refused", 422),
    StoppingError: ("stopping", 503),
    IdempotencyError: ("idempotency_mismatch", 422),
    RequestBusyError: ("idempotency_busy", 409),
    RuleError: ("rule_invalid", 422),
    MailError: ("mail_failed", 503),
    ApiError: ("unreachable", 503),
    SignInError: ("sign_in_refused", 401),
}


def test_the_tree_is_complete() -> None:
    found = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, VocError)}
    assert found == set(CODES)


@pytest.mark.parametrize("error", CODES, ids=lambda error: error.__name__)
def test_code_and_status_are_stable(error: type[VocError]) -> None:
    made = error("what is wrong: what to do")
    assert (made.code, made.status) == CODES[error]
    assert made.to_dict() == {"code": CODES[error][0], "message": "what is wrong: what to do"}
    assert str(made) == made.message and isinstance(made, VocError)


def test_a_code_of_its_own_stays_with_the_one_error() -> None:
    made = RecordError("there is nothing to read", code="empty_text")
    assert made.to_dict()["code"] == "empty_text" and made.status == 422
    assert RecordError("other").code == "record_invalid"


def test_a_taxonomy_error_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        raise TaxonomyError("x")
