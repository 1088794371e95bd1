"""An adapter and the settings of a source in, the events of its sample out: signed, verified and parsed, not stored."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_bytes
from typing import Any

from vocservice.errors import ConfigError
from vocservice.ingest.adapter import Adapter
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Event


def tried(sender: Adapter, secrets: Sequence[str], options: Mapping[str, Any], *, url: str, number: int = 1) -> tuple[Event, ...]:
    """Return the events of the sample.

    Args:
        secrets: newest first, used to sign; empty for a sender that does not sign.
        options: as returned by `Adapter.check_options`.
        url: of the source, which some senders sign.

    Raises:
        SignatureError: the adapter refuses its own signature.
        UnusableBodyError: the sample does not match these options.
    """
    sample, at = sender.sample_for(options, secrets, number), datetime.now(UTC)
    signed = sender.sign(sample.body, secrets[0], now=at, delivery_id="sample", url=url) if secrets else {}
    headers = {"content-type": sample.content_type, **{name.lower(): value for name, value in signed.items()}}
    delivery = Delivery(sample.body, headers, url)
    sender.verify(delivery, secrets, options)
    return sender.parse(delivery, options).events


def made_up(sender: Adapter) -> str:
    """A throwaway secret in the form of a sender; blank if it has none."""
    if not sender.needs_secret:
        return ""
    key = b64encode(token_bytes(32)).decode()
    for secret in (f"client&{key}", f"whsec_{key}"):
        with suppress(ConfigError):
            sender.check_secrets([secret])
            return secret
    raise ConfigError(f"{sender.label} signs its deliveries: give --secret")
