"""The signature schemes of senders: header and raw body in, nothing or a `SignatureError` out.

Every scheme is an HMAC, compared in constant time. A source has one secret, or two during a rotation; either may
have signed. An unreadable header counts as a wrong signature.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from vocservice.errors import ConfigError, SignatureError, UnusableBodyError
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.payload import form_pairs
from vocservice.ingest.times import parse_time

TOLERANCE = timedelta(minutes=5)
MOST_SECRETS = 2
SHORTEST_SECRET = 12
# Published by Zendesk for test deliveries: fine as a test vector, never accepted as a secret.
ZENDESK_TEST_SECRET = base64.b64encode(b"this_secret_is_for_testing_only").decode()
_PUBLISHED = frozenset({ZENDESK_TEST_SECRET, "this_secret_is_for_testing_only"})
_WHSEC = "whsec_"
_MOST = 4  # signatures in one header

Sign = Callable[[str, bytes], bytes]


def hmac_sha1(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha1).digest()


def hmac_sha256(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def hmac_sha512(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha512).digest()


def standard_webhook(secret: str, message: bytes) -> bytes:
    """HMAC-SHA256 with the base64-decoded bytes of a `whsec_` secret."""
    return hmac.new(_standard_key(secret), message, hashlib.sha256).digest()


def in_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def check_secrets(secrets: Sequence[str]) -> None:
    """Check that these can be the secrets of a source.

    Raises:
        ConfigError: more than two, duplicates, shorter than 12 characters, with surrounding blanks, or a published test secret.
    """
    if len(secrets) > MOST_SECRETS:
        raise ConfigError(f"a source has at most {MOST_SECRETS} secrets, the second one while they are rotated")
    for secret in secrets:
        check_secret(secret)


def check_secret(secret: str) -> None:
    """As `check_secrets`, for one secret."""
    if secret in _PUBLISHED:
        raise ConfigError("this is a published test secret; use the webhook's own")
    if secret != secret.strip() or len(secret) < SHORTEST_SECRET or not secret.isprintable():
        raise ConfigError(f"a secret has at least {SHORTEST_SECRET} printable characters and no blanks around it")


def check_standard_secret(secret: str) -> None:
    """Check the form of a Standard Webhooks secret: `whsec_` and 24 to 64 bytes in base64.

    Raises:
        ConfigError: it is not.
    """
    if not secret.startswith(_WHSEC) or not 24 <= len(_standard_key(secret)) <= 64:
        raise ConfigError("a secret of Standard Webhooks is whsec_ followed by 24 to 64 bytes in base64")


def verify_base64(given: str, body: bytes, secrets: Sequence[str], *, sign: Sign, prefix: str = "") -> None:
    """A header with a digest in base64 after a prefix.

    Raises:
        SignatureError: missing, garbled or made with none of the secrets.
    """
    _check(_from_base64(_after(given, prefix)), body, secrets, sign)


def verify_hex(given: str, body: bytes, secrets: Sequence[str], *, sign: Sign, prefix: str = "") -> None:
    """A header with a digest in hex after a prefix.

    Raises:
        SignatureError: missing, garbled or made with none of the secrets.
    """
    _check(_from_hex(_after(given, prefix)), body, secrets, sign)


def verify_zendesk(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Timestamp and body, joined without a separator, in base64; the timestamp at most five minutes off.

    Raises:
        SignatureError: missing, garbled, wrong or stale.
    """
    stamp = delivery.header("x-zendesk-webhook-signature-timestamp")
    given = delivery.header("x-zendesk-webhook-signature")
    verify_base64(given, _ascii(stamp) + delivery.body, secrets, sign=hmac_sha256)
    moment = parse_time(stamp, received_at=delivery.received_at)
    _check_age(moment, delivery.received_at)


def verify_standard(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Standard Webhooks: `id.timestamp.body`, one signature or several, the timestamp at most five minutes off.

    Raises:
        SignatureError: missing, garbled, wrong or stale.
    """
    name, stamp = delivery.header("webhook-id"), delivery.header("webhook-timestamp")
    given = [entry.removeprefix("v1,") for entry in delivery.header("webhook-signature").split() if entry.startswith("v1,")][:_MOST]
    if not (name and stamp and given):
        raise SignatureError("the headers webhook-id, webhook-timestamp and webhook-signature are needed", code="signature_missing")
    message = _ascii(name) + b"." + _ascii(stamp) + b"." + delivery.body
    if not any(_matches(_decoded(entry), message, secrets, standard_webhook) for entry in given):
        raise _invalid()
    _check_age(_seconds(stamp), delivery.received_at)


def sign_standard(body: bytes, *secrets: str, now: datetime, delivery_id: str) -> dict[str, str]:
    """The three headers of Standard Webhooks, with one signature for each secret."""
    stamp = str(int(now.timestamp()))
    message = f"{delivery_id}.{stamp}.".encode() + body
    signed = " ".join(f"v1,{in_base64(standard_webhook(secret, message))}" for secret in secrets)
    return {"webhook-id": delivery_id, "webhook-timestamp": stamp, "webhook-signature": signed}


def verify_twilio(delivery: Delivery, secrets: Sequence[str]) -> None:
    """The public URL and every form field by name, or a URL that names the SHA-256 of a JSON body.

    Raises:
        SignatureError: missing, garbled or wrong.
    """
    _check_body_hash(delivery)
    verify_base64(delivery.header("x-twilio-signature"), twilio_message(delivery), secrets, sign=hmac_sha1)


def twilio_message(delivery: Delivery) -> bytes:
    """The string that Twilio signs."""
    if _body_hash(delivery.url):
        return delivery.url.encode()
    try:
        pairs = form_pairs(delivery.body)
    except UnusableBodyError:
        raise _invalid() from None
    return (delivery.url + "".join(f"{name}{value}" for name, value in sorted(set(pairs)))).encode()


def verify_qualtrics(fields: Mapping[str, str], secrets: Sequence[str]) -> None:
    """The form field HMAC: SHA-512 in hex of the field MSG.

    Raises:
        SignatureError: missing, garbled or wrong.
    """
    verify_hex(fields.get("HMAC", ""), fields.get("MSG", "").encode(), secrets, sign=hmac_sha512)


def _check(given: bytes, message: bytes, secrets: Sequence[str], sign: Sign) -> None:
    if not _matches(given, message, secrets, sign):
        raise _invalid()


def _matches(given: bytes | None, message: bytes, secrets: Sequence[str], sign: Sign) -> bool:
    """Whether one of the secrets made the signature; all are tried, to take constant time."""
    tried = [hmac.compare_digest(sign(secret, message), given or b"") for secret in secrets]
    return any(tried)


def _after(given: str, prefix: str) -> str:
    if not given:
        raise SignatureError("the delivery is not signed", code="signature_missing")
    if not given.startswith(prefix):
        raise _invalid()
    return given[len(prefix) :]


def _from_base64(text: str) -> bytes:
    found = _decoded(text)
    if found is None:
        raise _invalid()
    return found


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _invalid() from None


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise _invalid() from None


def _seconds(stamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _check_age(moment: datetime | None, received_at: datetime) -> None:
    if moment is None or abs(received_at - moment) > TOLERANCE:
        raise SignatureError("the signed time is more than five minutes off", code="timestamp_stale")


def _standard_key(secret: str) -> bytes:
    return _decoded(secret.removeprefix(_WHSEC)) or b""


def _body_hash(url: str) -> str:
    return dict(parse_qsl(urlsplit(url).query)).get("bodySHA256", "")


def _check_body_hash(delivery: Delivery) -> None:
    wanted = _body_hash(delivery.url)
    if wanted and not hmac.compare_digest(hashlib.sha256(delivery.body).hexdigest().encode(), wanted.lower().encode()):
        raise _invalid()


def _invalid() -> SignatureError:
    return SignatureError("the signature does not match this delivery")
