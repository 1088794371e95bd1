"""Tests of `signature`: published vectors, our own by an independent way, and what may be a secret."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from ingest.sending import NOW
from vocservice.errors import ConfigError, SignatureError
from vocservice.ingest import ADAPTERS, Delivery
from vocservice.ingest.qualtrics import sample_event
from vocservice.ingest.signature import ZENDESK_TEST_SECRET, check_secret, sign_standard, verify_standard

BODY = b'{"answer": "caf\xc3\xa9"}'
SECRET = "an-ordinary-secret"


def by_hand(algorithm: str, message: bytes, secret: str = SECRET) -> bytes:
    return hmac.digest(secret.encode(), message, algorithm)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("typeform", {"typeform-signature": "sha256=" + b64(by_hand("sha256", BODY))}),
        ("delighted", {"x-delighted-webhook-signature": "sha256=" + by_hand("sha256", BODY).hex()}),
        ("intercom", {"x-hub-signature": "sha1=" + by_hand("sha1", BODY).hex()}),
        ("surveymonkey", {"sm-signature": b64(by_hand("sha1", BODY)), "sm-apikey": "an"}),
        (
            "zendesk",
            {
                "x-zendesk-webhook-signature": b64(by_hand("sha256", b"2026-03-02T12:00:00Z" + BODY)),
                "x-zendesk-webhook-signature-timestamp": "2026-03-02T12:00:00Z",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_signed_by_hand(name: str, headers: dict[str, str]) -> None:
    ADAPTERS[name].verify(Delivery(BODY, headers, "", NOW), ["another-long-secret", SECRET], {})
    with pytest.raises(SignatureError):
        ADAPTERS[name].verify(Delivery(BODY + b" ", headers, "", NOW), [SECRET], {})


def test_zendesk_signs_an_empty_body_by_its_time_alone() -> None:
    stamp = "2026-03-02T12:01:00Z"
    signed = b64(hmac.digest(ZENDESK_TEST_SECRET.encode(), stamp.encode(), "sha256"))
    headers = {"x-zendesk-webhook-signature": signed, "x-zendesk-webhook-signature-timestamp": stamp}
    ADAPTERS["zendesk"].verify(Delivery(b"", headers, "", NOW), [ZENDESK_TEST_SECRET], {})


@pytest.mark.parametrize(
    "secret", [ZENDESK_TEST_SECRET, "this_secret_is_for_testing_only", "", "short", " " * 20, "a-long-secret ", "line\nbreak-secret"]
)
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ADAPTERS["zendesk"].check_secrets([secret])
    assert not secret.strip() or secret not in caught.value.message


def test_a_source_has_two_secrets_at_most() -> None:
    check_secret(SECRET)
    with pytest.raises(ConfigError, match="at most 2"):
        ADAPTERS["zendesk"].check_secrets([f"{SECRET}-{number}" for number in range(3)])


@pytest.mark.parametrize("secret", [SECRET, "whsec_c2hvcnQ=", "whsec_!!!!not-base64", "whsec_" + b64(b"x" * 65)])
def test_a_secret_of_standard_webhooks_has_its_form(secret: str) -> None:
    with pytest.raises(ConfigError, match="whsec_"):
        ADAPTERS["standard_webhooks"].check_secrets([secret])


def test_surveymonkey_needs_id_and_secret() -> None:
    for secret in ("clientid-and-secret", "&clientsecretonly", "clientidonlyhere&"):
        with pytest.raises(ConfigError, match="clientid&clientsecret"):
            ADAPTERS["surveymonkey"].check_secrets([secret])


PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = datetime.fromtimestamp(1_614_265_330, UTC)


def test_the_published_example_of_standard_webhooks() -> None:
    headers = sign_standard(b'{"test": 2432232314}', PUBLISHED, now=AT, delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek")
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("others", ["", "v1,d3Jvbmc= ", "v2,abc v1a,abc v1,%%% "])
def test_one_signature_of_several_is_enough(others: str) -> None:
    headers = sign_standard(BODY, PUBLISHED, now=NOW, delivery_id="msg_1")
    headers["webhook-signature"] = others + headers["webhook-signature"]
    verify_standard(Delivery(BODY, headers, "", NOW + timedelta(minutes=5)), [PUBLISHED])


@pytest.mark.parametrize("stamp", ["", "soon", "9" * 400, "-1", "1e9", "²"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    headers = sign_standard(BODY, PUBLISHED, now=NOW, delivery_id="msg_1") | {"webhook-timestamp": stamp}
    with pytest.raises(SignatureError):
        verify_standard(Delivery(BODY, headers, "", NOW), [PUBLISHED])


TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FIELDS = {
    "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
}  # fmt: skip


def test_the_published_example_of_twilio() -> None:
    delivery = Delivery(urlencode(TWILIO_FIELDS).encode(), {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}, TWILIO_URL, NOW)
    ADAPTERS["twilio"].verify(delivery, ["12345"], {})
    with pytest.raises(SignatureError):
        ADAPTERS["twilio"].verify(Delivery(delivery.body, delivery.headers, TWILIO_URL.replace("my", "your"), NOW), ["12345"], {})


def test_twilio_signs_the_hash_of_json_in_the_url() -> None:
    url = f"https://voc.example.com/hook?bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    headers = {"x-twilio-signature": b64(by_hand("sha1", url.encode()))}
    ADAPTERS["twilio"].verify(Delivery(BODY, headers, url, NOW), [SECRET], {})
    with pytest.raises(SignatureError):
        ADAPTERS["twilio"].verify(Delivery(BODY + b" ", headers, url, NOW), [SECRET], {})


def test_qualtrics_signs_its_events_in_a_field() -> None:
    qualtrics, form = ADAPTERS["qualtrics"], {"content-type": "application/x-www-form-urlencoded"}
    delivery = Delivery(sample_event(1, SECRET), form, "", NOW)
    qualtrics.verify(delivery, ["another-long-secret", SECRET], {})
    for body in (delivery.body.replace(b"SV_sample%22", b"SV_other0%22"), delivery.body.replace(b"HMAC=", b"HMAC=zz"), b"MSG=%7B%7D", b""):
        with pytest.raises(SignatureError):
            qualtrics.verify(Delivery(body, form, "", NOW), [SECRET], {})


def test_a_qualtrics_source_with_a_shared_key_takes_nothing_unsigned() -> None:
    qualtrics = ADAPTERS["qualtrics"]
    smuggled = b'{"responseId": "R_1", "comment": "&' + sample_event(1, SECRET) + b'&"}'
    for body in (qualtrics.sample().body, smuggled):
        task = Delivery(body, {"content-type": "application/json"}, "", NOW)
        qualtrics.verify(task, [], {})
        with pytest.raises(SignatureError) as caught:
            qualtrics.verify(task, [SECRET], {})
        assert caught.value.code == "signature_missing"
