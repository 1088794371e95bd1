"""Any JSON in, events out, by the JSON pointers of the source's options; without options, our own record format.

The signed form is Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vocservice.errors import ConfigError, UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import BaseAdapter, Options, Sample, Zone
from vocservice.ingest.build import Clock, Draft, score, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import MOST_EVENTS, Event, Parsed, Skipped, Upsert
from vocservice.ingest.markup import text_of_html
from vocservice.ingest.payload import at, key_at, language_at, number_at, objects_at, read_json, text_at, word_at
from vocservice.ingest.times import Order, iso, read_zone
from vocservice.moments import tells_no_day
from vocservice.records import SPEAKERS, RawTurn, RawVerbatim, Rejected, Speaker
from vocservice.tables import parse_record
from vocservice.turns import role_of, turn_of

_DIGITS = 20
_OWN_ROLES: Mapping[str, Speaker] = {speaker: speaker for speaker in SPEAKERS}


def _pointer(value: str) -> str:
    """A JSON pointer (RFC 6901)."""
    if value and not value.startswith("/"):
        raise ValueError("a JSON pointer starts with /")
    return value


Pointer = Annotated[str, Field(max_length=500), AfterValidator(_pointer)]


class ScoreOptions(BaseModel):
    """Where a score is, its kind, and its highest value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Pointer
    kind: Literal["nps", "csat", "ces", "stars"]
    scale: Annotated[float | None, Field(gt=0, le=1000)] = None


class TurnOptions(BaseModel):
    """Where the turns of a conversation are; pointers inside are relative to a turn. A speaker without a role becomes `system`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: Pointer
    speaker: Pointer
    text: Pointer
    at: Pointer | None = None
    roles: Mapping[str, Speaker] = {}


class GenericOptions(Options):
    """Pointers within one item: `id` and `text` (joined by blank lines) or `turns` enable the mapping.

    `items` points to the list of items if a delivery holds several. `zone` and `order` say how to read times without a zone
    and days with slashes. `channel` and `question` are fixed texts; `..._at` are pointers to them. Of two
    versions of a record, the one with the later `updated_at` wins, or the one with the higher integer `version`.
    """

    id: Pointer | None = None
    text: tuple[Pointer, ...] = ()
    items: Pointer | None = None
    turns: TurnOptions | None = None
    created_at: Pointer | None = None
    updated_at: Pointer | None = None
    version: Pointer | None = None
    language: Pointer | None = None
    subject: Pointer | None = None
    question: Annotated[str | None, Field(max_length=1000)] = None
    question_at: Pointer | None = None
    channel: Annotated[str | None, Field(max_length=64)] = None
    channel_at: Pointer | None = None
    score: ScoreOptions | None = None
    metadata: Mapping[str, Pointer] = {}
    is_html: bool = False
    zone: Zone | None = None
    order: Order | None = None

    @property
    def is_mapped(self) -> bool:
        return bool(self.text or self.turns)


class GenericAdapter(BaseAdapter[GenericOptions]):
    """Any JSON sent to a secret URL."""

    name = "generic"
    label = "JSON"
    setup = (
        "Send each piece of feedback as JSON in a POST to {url}. Keep this URL secret: whoever knows it can send. "
        'Send {"id": "...", "text": "..."}, or {"id": "...", "turns": [{"speaker": "customer", "text": "..."}]}, one object, '
        'a list of up to 1000, or {"records": [...]}. JSON of another shape is read by JSON pointers set in the options of the source.'
    )
    options_type = GenericOptions

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        read = self.read_options(options)
        if read.text and read.turns:
            raise ConfigError("give either text or turns in the options, not both")
        if read.is_mapped and read.id is None:
            raise ConfigError("the option id must point to the record's id")
        if read.updated_at is not None and read.version is not None:
            raise ConfigError("give either updated_at or version in the options, not both")
        given = set(options) - {"zone", "order"}
        if not read.is_mapped and any(options[name] for name in given):
            raise ConfigError("the option text or turns must point to what customers said")
        return super().check_options(options)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        read = self.read_options(options)
        value = read_json(delivery)
        clock = Clock(delivery.received_at, read_zone(read.zone) if read.zone else None, read.order)
        events = _mapped_events(value, read, clock) if read.is_mapped else _own_events(value, clock)
        return Parsed(self._delivery_id(delivery), events)

    def _delivery_id(self, delivery: Delivery) -> str | None:
        return None

    def sample(self, number: int = 1) -> Sample:
        said = samples.comment(number)
        return Sample(
            orjson.dumps(
                {
                    "id": f"sample-{number}",
                    "text": said.text,
                    "channel": "survey",
                    "question": samples.QUESTION,
                    "created_at": iso(samples.moment(number)),
                    "subject": f"customer-{number}",
                    "score": {"kind": "nps", "value": said.nps, "scale": 10},
                }
            )
        )

    def sample_for(self, options: Mapping[str, Any], secrets: Sequence[str], number: int = 1) -> Sample:
        """Where pointers say how JSON is read, one to which all of them lead."""
        read = self.read_options(options)
        return Sample(orjson.dumps(_mapped_sample(read, number))) if read.is_mapped else self.sample(number)


class StandardWebhooksAdapter(GenericAdapter):
    """Any JSON, signed with Standard Webhooks."""

    name = "standard_webhooks"
    label = "Standard Webhooks"
    setup = (
        "Send JSON in a POST to {url}, signed as Standard Webhooks say: the headers webhook-id, webhook-timestamp and webhook-signature, "
        "with the secret (whsec_...) entered here. The clocks may differ by five minutes. The body is as for JSON without a signature."
    )
    needs_secret = True

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_standard(delivery, secrets)

    def check_secrets(self, secrets: Sequence[str]) -> None:
        super().check_secrets(secrets)
        for secret in secrets:
            signature.check_standard_secret(secret)

    def _delivery_id(self, delivery: Delivery) -> str | None:
        return key_at(delivery.headers, "webhook-id")

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        return signature.sign_standard(body, secret, now=now, delivery_id=delivery_id)


def resolve(value: Any, pointer: str) -> Any:
    """Resolve a JSON pointer; None if it leads nowhere."""
    for step in pointer.split("/")[1:]:
        name = _name(step)
        value = at(value, int(name) if isinstance(value, list) and re.fullmatch("[0-9]{1,9}", name) else name)
    return value


def _name(step: str) -> str:
    """Resolve one step of a pointer."""
    return step.replace("~1", "/").replace("~0", "~")


def _own_events(value: Any, clock: Clock) -> tuple[Event, ...]:
    if isinstance(value, dict) and "records" in value:
        value = value["records"]
    items = _some(value if isinstance(value, list) else [value])
    if len(items) == 1:
        return (_own_event(items[0], clock, is_alone=True),)
    return tuple(_own_event(item, clock, is_alone=False) for item in items)


def _own_event(item: Any, clock: Clock, *, is_alone: bool) -> Event:
    """One unusable record alone makes the delivery unusable; among several it is skipped."""
    item = _dated(item, clock)
    found = parse_record(item, default_id="")
    if isinstance(found, RawVerbatim) and found.id:
        return own_event(found, item, clock)
    code, message = (found.code, found.message) if isinstance(found, Rejected) else ("missing_id", "the record has no id")
    if is_alone:
        raise UnusableBodyError(message)
    return Skipped(f"rejected_{code}")


def _dated(item: Any, clock: Clock) -> Any:
    """A record of our own format with its times as text, in case a sender counts seconds."""
    if not isinstance(item, dict):
        return item
    made = item | {"created_at": str(item["created_at"])} if _is_count(item.get("created_at")) else dict(item)
    if isinstance(turns := item.get("turns"), list):
        made["turns"] = [turn | {"at": clock.read(turn["at"])} if _is_count(at(turn, "at")) else turn for turn in turns]
    return made


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def own_event(found: RawVerbatim, item: Mapping[str, Any], clock: Clock) -> Event:
    """The event of a record of our own format; `item` is the source object, which may also hold `version` or `updated_at`."""
    event = upsert(_own_draft(found, item), clock)
    return event if item.get("version") is None else _numbered(event, item["version"])


def _own_draft(found: RawVerbatim, item: Mapping[str, Any]) -> Draft:
    return Draft(
        record_id=found.id,
        text=found.text,
        turns=found.turns,
        channel=found.channel,
        question=found.question,
        created=found.created_at,
        updated=at(item, "updated_at"),
        language=found.language,
        subject=found.subject,
        score=score(str(at(found.score, "kind") or ""), number_at(found.score, "value"), number_at(found.score, "scale")),
        metadata=found.metadata or {},
        author=found.author,
    )


def _some(items: list[Any]) -> list[Any]:
    if not items or len(items) > MOST_EVENTS:
        raise UnusableBodyError(f"the body must hold 1 to {MOST_EVENTS} records")
    return items


def _mapped_events(value: Any, options: GenericOptions, clock: Clock) -> tuple[Event, ...]:
    if options.items is None:
        return (_mapped_event(value, options, clock, is_alone=True),)
    items = resolve(value, options.items)
    if not isinstance(items, list):
        raise UnusableBodyError("the option items does not lead to a list")
    return tuple(_mapped_event(item, options, clock, is_alone=len(items) == 1) for item in _some(items))


def _mapped_event(item: Any, options: GenericOptions, clock: Clock, *, is_alone: bool) -> Event:
    record_id = key_at([resolve(item, options.id or "")], 0)
    if record_id is None and is_alone:
        raise UnusableBodyError("the option id does not lead to an id")
    if record_id is None:
        return Skipped("rejected_missing_id")

    def found(pointer: str | None) -> list[Any]:
        return [resolve(item, pointer)] if pointer is not None else []

    draft = Draft(
        record_id=record_id,
        text=_text(item, options) if options.text else None,
        turns=_turns(item, options.turns, clock) if options.turns else (),
        channel=word_at(found(options.channel_at), 0) or options.channel,
        question=text_at(found(options.question_at), 0) or options.question,
        created=at(found(options.created_at), 0),
        updated=at(found(options.updated_at), 0),
        language=language_at(found(options.language), 0),
        subject=key_at(found(options.subject), 0),
        score=score(options.score.kind, number_at(found(options.score.value), 0), options.score.scale) if options.score else None,
        metadata={name: resolved for name, pointer in options.metadata.items() if (resolved := resolve(item, pointer)) is not None},
    )
    event = upsert(draft, clock)
    return event if options.version is None else _numbered(event, resolve(item, options.version))


def _text(item: Any, options: GenericOptions) -> str | None:
    """The customer's text; None if no pointer leads to one."""
    found = [resolve(item, pointer) for pointer in options.text]
    texts = [text_of_html(text) if options.is_html else text.strip() for text in found if isinstance(text, str)]
    return "\n\n".join(text for text in texts if text) if texts else None


def _numbered(event: Event, number: Any) -> Event:
    """The event with a version that sorts as an integer; None without one."""
    if isinstance(event, Skipped):
        return event
    numbered = replace(event, version=_padded(number))
    if isinstance(numbered, Upsert) and numbered.version is None and number is not None:
        return replace(numbered, warnings=(*numbered.warnings, "version_unusable"))
    return numbered


def _padded(number: Any) -> str | None:
    """A non-negative integer or its digits, zero-padded; None for other values or more than 20 digits."""
    digits = str(number) if isinstance(number, int) and not isinstance(number, bool) else number
    return digits.zfill(_DIGITS) if isinstance(digits, str) and re.fullmatch(f"[0-9]{{1,{_DIGITS}}}", digits) else None


def _turns(item: Any, options: TurnOptions, clock: Clock) -> tuple[RawTurn, ...]:
    return tuple(
        turn_of(
            _role(resolve(turn, options.speaker), options.roles),
            said.strip(),
            _when(resolve(turn, options.at), clock) if options.at is not None else None,
        )
        for turn in objects_at([resolve(item, options.items)], 0)
        if (said := text_at([resolve(turn, options.text)], 0))
    )


def _role(speaker: Any, roles: Mapping[str, Speaker]) -> Speaker | None:
    """The role given in the options, else the one implied by the name."""
    return roles.get(speaker) or role_of(speaker) if isinstance(speaker, str) else None


def _when(value: Any, clock: Clock) -> str | None:
    return clock.read(value) or (value if isinstance(value, str) and tells_no_day(value) else None)


def _mapped_sample(options: GenericOptions, number: int) -> Any:
    """A payload in which every pointer resolves."""
    item = _built(_led_to(options, number))
    return item if options.items is None else _built([(options.items, [item])])


def _led_to(options: GenericOptions, number: int) -> Iterator[tuple[str | None, Any]]:
    """Pointers and the values to put there; if one leads into another, the later one wins."""
    said, moment = samples.comment(number), iso(samples.moment(number))
    yield from ((pointer, f"{name} of sample {number}") for name, pointer in options.metadata.items())
    yield options.created_at, moment
    yield options.updated_at, moment
    yield options.version, number
    yield options.language, "en"
    yield options.channel_at, "survey"
    yield options.question_at, samples.QUESTION
    yield options.subject, f"customer-{number}"
    if options.score:
        yield options.score.value, min(said.nps, options.score.scale or said.nps)
    if options.turns:
        yield options.turns.items, _sample_turns(options.turns, number)
    yield from ((pointer, said.text) for pointer in options.text)
    yield options.id, f"sample-{number}"


def _sample_turns(options: TurnOptions, number: int) -> list[Any]:
    """A conversation of the speakers in the options."""
    names = {role: name for name, role in (options.roles or _OWN_ROLES).items()}
    start = samples.moment(number)
    return [
        _built([(options.at, iso(start + timedelta(seconds=second))), (options.speaker, names[speaker]), (options.text, text)])
        for speaker, text, second in samples.talk(number)
        if speaker in names
    ]


def _built(put: Iterable[tuple[str | None, Any]]) -> Any:
    """Build nested objects in which the given pointers resolve to their values."""
    value: Any = None
    for pointer, new in put:
        value = value if pointer is None else _with(value, pointer, new)
    return value


def _with(value: Any, pointer: str, new: Any) -> Any:
    """Set a value at a pointer; non-objects on the way are replaced by objects."""
    if not pointer:
        return new
    step, slash, rest = pointer[1:].partition("/")
    held, name = value if isinstance(value, dict) else {}, _name(step)
    return held | {name: _with(held.get(name), slash + rest, new)}
