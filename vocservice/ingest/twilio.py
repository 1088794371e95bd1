"""A Twilio Conversations `onMessageAdded` in, the customer's message as record `conversation/message` out.

The medium tells the author: messages by SMS, WhatsApp or Messenger are the customer's; messages from the SDK or the
API only if the options name the author's prefix.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import FORM_TYPE, BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Erase, Event, Parsed, Skipped
from vocservice.ingest.payload import key_at, needed_key, read_form, text_at
from vocservice.ingest.times import iso

_HEADER = "x-twilio-signature"
_CUSTOMERS = frozenset({"SMS", "MMS", "WHATSAPP", "MESSENGER"})


class TwilioOptions(Options):
    """`customer_prefixes`: author name prefixes of customers, for messages from the SDK or the API."""

    customer_prefixes: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()


class TwilioAdapter(BaseAdapter[TwilioOptions]):
    """Twilio Conversations webhooks."""

    name = "twilio"
    label = "Twilio Conversations"
    setup = (
        "In the Twilio console open Conversations, Webhooks, enter {url} as post-event URL, method POST, and choose onMessageAdded, "
        "onMessageUpdated and onMessageRemoved. The secret is the account's auth token. The public address of this service must be set "
        "exactly, as Twilio signs it."
    )
    needs_secret = True
    content_types = frozenset({FORM_TYPE})
    options_type = TwilioOptions

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_twilio(delivery, secrets)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        read, fields = self.read_options(options), read_form(delivery)
        return Parsed(None, (_event(fields, read, Clock(delivery.received_at)),))

    def sample(self, number: int = 1) -> Sample:
        fields = {
            "EventType": "onMessageAdded",
            "ConversationSid": f"CH{number:032x}",
            "MessageSid": f"IM{number:032x}",
            "Index": "0",
            "DateCreated": iso(samples.moment(number)),
            "Body": samples.comment(number).text,
            "Author": f"+1555{number:07d}",
            "Source": "SMS",
        }
        return Sample(urlencode(fields).encode(), FORM_TYPE)

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        return {_HEADER: signature.in_base64(signature.hmac_sha1(secret, signature.twilio_message(Delivery(body, url=url))))}


def _event(fields: Mapping[str, str], options: TwilioOptions, clock: Clock) -> Event:
    kind = needed_key(fields, "EventType")
    if kind not in ("onMessageAdded", "onMessageUpdated", "onMessageRemoved"):
        return Skipped("not_feedback")
    record_id = f"{needed_key(fields, 'ConversationSid')}/{needed_key(fields, 'MessageSid')}"
    changed = text_at(fields, "DateUpdated") or text_at(fields, "DateCreated")
    if kind == "onMessageRemoved":
        return Erase(record_id, clock.read(text_at(fields, "DateRemoved") or changed), "deleted")
    author = text_at(fields, "Author") or ""
    if fields.get("Source", "").upper() not in _CUSTOMERS and not author.startswith(options.customer_prefixes or ("\0",)):
        return Skipped("author_unknown")
    draft = Draft(
        record_id=record_id,
        text=fields.get("Body"),
        channel="chat",
        created=text_at(fields, "DateCreated"),
        updated=changed,
        subject=key_at(fields, "Author"),
    )
    return upsert(draft, clock)
