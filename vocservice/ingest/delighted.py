"""A Delighted survey response in, one record for its comment and each other free-text answer out.

The `created` event usually has only a score; the comment follows in `updated`, with a later `updated_at`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, score, upserts
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed, Skipped
from vocservice.ingest.payload import at, blank_at, key_at, name_at, needed_key, number_at, objects_at, read_object, text_at, word_at

_HEADER = "x-delighted-webhook-signature"
_PREFIX = "sha256="
_KINDS = {"nps": ("nps", 10), "csat": ("csat", 5), "ces": ("ces", 7), "stars": ("stars", 5), "fivestar": ("stars", 5)}


class DelightedAdapter(BaseAdapter[Options]):
    """Delighted webhooks."""

    name = "delighted"
    label = "Delighted"
    setup = (
        "In Delighted open Integrations, Webhooks, and add {url} for new and updated responses. "
        "Deliveries are signed with the API key of the account: enter it here as the secret."
    )
    needs_secret = True
    options_type = Options

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_hex(delivery.header(_HEADER), delivery.body, secrets, sign=signature.hmac_sha256, prefix=_PREFIX)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body = read_object(delivery)
        event_type, event_id = text_at(body, "event_type"), key_at(body, "event_id")
        if event_type is None:
            raise UnusableBodyError("the field event_type is missing")
        if not event_type.startswith("survey_response."):
            return Parsed(event_id, (Skipped("unsubscribe" if event_type.startswith("unsubscribe.") else "not_feedback"),))
        needed_key(body, "event_data", "id")
        return Parsed(event_id, upserts(_drafts(at(body, "event_data")), Clock(delivery.received_at)))

    def sample(self, number: int = 1) -> Sample:
        said, when = samples.comment(number), int(samples.moment(number).timestamp())
        data = {
            "id": f"{5000 + number}",
            "person": {"id": f"{9000 + number}", "email": f"customer{number}@example.com", "name": None, "created_at": when},
            "survey_type": "nps",
            "score": said.nps,
            "comment": said.text,
            "created_at": when,
            "updated_at": when + 60,
            "tags": [],
        }
        return Sample(orjson.dumps({"event_type": "survey_response.updated", "event_id": f"{number:064x}", "event_data": data}))

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        return {_HEADER: _PREFIX + signature.hmac_sha256(secret, body).hex()}


def _drafts(data: Mapping[str, Any]) -> Iterator[Draft]:
    record_id = needed_key(data, "id")
    kind, scale = _KINDS.get(word_at(data, "survey_type") or "", ("", 0))
    texts: list[tuple[str, str | None, str | None]] = [(record_id, _said(data, "comment"), None)]
    for answer in objects_at(data, "additional_answers"):
        name = key_at(answer, "question", "id") or key_at(answer, "id")
        if name:
            texts.append((f"{record_id}/{name}", _said(at(answer, "value"), "free_response"), text_at(answer, "question", "text")))
    tags = [tag for tag in listed if isinstance(tag, str)] if isinstance(listed := at(data, "tags"), list) else []
    for own_id, text, question in texts:
        if text is None:
            continue
        yield Draft(
            record_id=own_id,
            text=text,
            channel="survey",
            question=question,
            created=at(data, "created_at"),
            updated=at(data, "updated_at"),
            subject=key_at(data, "person", "email") or key_at(data, "person", "id"),
            score=score(kind, number_at(data, "score"), scale) if kind else None,
            metadata={"response_id": record_id} | ({"tags": tags} if tags else {}),
            author=name_at(at(data, "person"), "name"),
        )


def _said(value: Any, field: str) -> str | None:
    """The text there; blank if it was removed, None if unknown."""
    return text_at(value, field) or blank_at(value, field)
