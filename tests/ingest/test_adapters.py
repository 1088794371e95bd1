"""What holds of every adapter: its sample comes through, a wrong signature does not, and no body whatever breaks it."""

import hmac
import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import orjson
import pytest
from builders import CANARY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sending import ALL, NOW, OTHER, SECRET, SIGNED, URL, WRONG, name_of, secret_of, sent, signed
from vocservice.errors import ConfigError, SignatureError, UnusableBodyError, VocError
from vocservice.ingest import ADAPTERS, Adapter, Delivery, Emptied, Erase, Fetch, Parsed, Skipped, Upsert, adapter, signature
from vocservice.ingest.adapter import FORM_TYPE
from vocservice.records import SPEAKERS

every = pytest.mark.parametrize("sender", ALL, ids=name_of)
every_signed = pytest.mark.parametrize("sender", SIGNED, ids=name_of)
SIGNATURES = ("signature", "x-hub-signature", "hmac")


@every
def test_its_sample_is_signed_verified_and_parsed(sender: Adapter) -> None:
    first, second = (sender.parse(signed(sender, sender.sample(number).body), sender.check_options({})) for number in (1, 2))
    sender.verify(signed(sender), [secret_of(sender)] if sender.needs_secret else [], {})
    assert first != second
    for event in (*first.events, *second.events):
        assert isinstance(event, Upsert | Fetch)
        if isinstance(event, Upsert):
            said = event.verbatim
            assert said.id == event.record_id and said.created_at and said.channel and not event.warnings
            assert bool(said.text) != bool(said.turns)
            assert {turn.speaker for turn in said.turns} <= set(SPEAKERS)


@every
def test_it_describes_itself(sender: Adapter) -> None:
    assert adapter(sender.name) is sender and sender.label
    assert "{url}" in sender.setup and URL in sender.setup.replace("{url}", URL)
    assert sender.sample().content_type.partition("/")[0] == "application" and sender.content_types
    assert bool(sender.sign(b"x=1", secret_of(sender), now=NOW, delivery_id="d")) == sender.needs_secret


def test_an_unknown_name_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        adapter("nobody")


@every
def test_the_options_are_complete_json_and_stay_as_they_are(sender: Adapter) -> None:
    options = sender.check_options({})
    assert sender.check_options(orjson.loads(orjson.dumps(dict(options)))) == options


@every
@pytest.mark.parametrize("options", [{"unheard_of": CANARY}, {"zone": CANARY}, {"unit": CANARY}, {"items": CANARY}], ids=lambda o: [*o][0])
def test_a_wrong_option_is_named_and_its_value_is_not(sender: Adapter, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        sender.check_options(options)
    assert CANARY not in caught.value.message
    assert [*options][0] in caught.value.message or "text or turns" in caught.value.message


@every_signed
@pytest.mark.parametrize("secrets", [[OTHER, SECRET], [SECRET, OTHER]], ids=["second", "first"])
def test_either_of_two_secrets_may_have_signed(sender: Adapter, secrets: list[str]) -> None:
    both = [secret_of(sender, secret) for secret in secrets]
    sender.check_secrets(both)
    sender.verify(signed(sender), both, {})


@every_signed
def test_without_secrets_nothing_is_let_in(sender: Adapter) -> None:
    with pytest.raises(SignatureError):
        sender.verify(signed(sender), [], {})
    with pytest.raises(ConfigError):
        sender.check_secrets([])


@every
def test_a_secret_is_taken_only_where_a_signature_is_checked(sender: Adapter) -> None:
    if sender.takes_secret:
        sender.check_secrets([secret_of(sender)])
        with pytest.raises(SignatureError):
            sender.verify(sent(sender.sample().body, content_type=sender.sample().content_type), [secret_of(sender)], {})
    else:
        sender.verify(sent(b"{}"), [], {})
        with pytest.raises(ConfigError, match="standard_webhooks"):
            sender.check_secrets([secret_of(sender)])


@every_signed
def test_another_secret_is_a_wrong_signature(sender: Adapter) -> None:
    with pytest.raises(SignatureError) as caught:
        sender.verify(signed(sender, secret=WRONG), [secret_of(sender), secret_of(sender, OTHER)], {})
    assert (caught.value.code, caught.value.status) == ("signature_invalid", 401)


@every_signed
def test_one_byte_altered_is_a_wrong_signature(sender: Adapter) -> None:
    delivery = signed(sender)
    for index in (1, len(delivery.body) // 2, len(delivery.body) - 1):
        altered = delivery.body[:index] + bytes([delivery.body[index] ^ 1]) + delivery.body[index + 1 :]
        with pytest.raises(SignatureError):
            sender.verify(replace(delivery, body=altered), [secret_of(sender)], {})
    with pytest.raises(SignatureError):
        sender.verify(replace(delivery, body=delivery.body + b" "), [secret_of(sender)], {})


@every_signed
@pytest.mark.parametrize(
    "garble",
    [
        lambda value: "",
        lambda value: "not base64 !!",
        lambda value: value[:-3],
        lambda value: f"md5={value}",
        lambda value: value.partition("=")[2] or value[1:],
        lambda value: f"{value}é",
        lambda value: "sha256=é",
        lambda value: "sha1=zz",
        lambda value: "v1,é v1, v1,==== v1",
        lambda value: "=" * 5000,
        lambda value: "\x00",
    ],
)
def test_a_garbled_header_is_a_signature_error(sender: Adapter, garble: Any) -> None:
    delivery = signed(sender)
    headers = {name: garble(value) if name.endswith("signature") else value for name, value in delivery.headers.items()}
    assert headers != delivery.headers
    with pytest.raises(SignatureError):
        sender.verify(replace(delivery, headers=headers), [secret_of(sender)], {})


@every_signed
def test_4_whichever_secret_signed_as_many_comparisons_are_made(sender: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    compare, made, seen = hmac.compare_digest, list[int](), set[int]()
    monkeypatch.setattr(signature.hmac, "compare_digest", lambda *given: made.append(1) or compare(*given))
    for secret in (SECRET, OTHER, WRONG):
        made.clear()
        with suppress(SignatureError):
            sender.verify(signed(sender, secret=secret), [secret_of(sender), secret_of(sender, OTHER)], {})
        seen.add(len(made))
    assert len(seen) == 1 and min(seen) >= 2


@every_signed
def test_no_header_is_a_missing_signature(sender: Adapter) -> None:
    with pytest.raises(SignatureError) as caught:
        sender.verify(replace(signed(sender), headers={}), [secret_of(sender)], {})
    assert caught.value.code == "signature_missing"


@pytest.mark.parametrize("sender", [ADAPTERS["standard_webhooks"], ADAPTERS["zendesk"]], ids=name_of)
@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(minutes=-6), timedelta(days=400)], ids=str)
def test_a_signed_time_five_minutes_off_is_stale(sender: Adapter, off: timedelta) -> None:
    with pytest.raises(SignatureError) as caught:
        sender.verify(replace(signed(sender), received_at=NOW + off), [secret_of(sender)], {})
    assert caught.value.code == "timestamp_stale"
    sender.verify(replace(signed(sender), received_at=NOW + timedelta(minutes=4)), [secret_of(sender)], {})


HOSTILE = {
    "empty": b"",
    "blank": b" \n",
    "null": b"null",
    "list": b"[]",
    "lists": b"[[[]], {}, null]",
    "object": b"{}",
    "text": b'"x"',
    "number": b"1",
    "true": b"true",
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep field": b'{"id": "1", "text": "x", "metadata": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "lone surrogate": b'{"id": "1", "text": "\\ud800"}',
    "invalid UTF-8": b'{"id": "1", "text": "\xff"}',
    "overlong UTF-8": b'{"id": "1", "text": "\xc0\xaf"}',
    "NaN": b'{"id": NaN, "text": "x"}',
    "infinity": b'{"id": "1", "text": "x", "score": 1e999}',
    "long number": b'{"id": ' + b"9" * 5000 + b', "text": "x"}',
    "20 digits": b'{"id": 12345678901234567890, "text": "x", "score": 12345678901234567890, "metadata": {"a": 12345678901234567890}}',
    "UTF-16": '{"id": "1", "text": "x"}'.encode("utf-16"),
    "two documents": b"{}{}",
    "cut off": b'{"id": "1", "te',
    "form": b"a=1&a=2&=&%ff&%00=%00",
    "fields": b"&".join(b"a%d=1" % number for number in range(5000)),
    "zero bytes": b"\x00" * 100,
}


@every
@pytest.mark.parametrize("content_type", ["application/json", FORM_TYPE, ""])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_is_parsed_or_unusable(sender: Adapter, body: bytes, content_type: str) -> None:
    check(sender, sent(body, content_type=content_type))


@every
def test_a_body_that_is_no_json_at_all_is_unusable(sender: Adapter) -> None:
    for name in ("empty", "deep lists", "invalid UTF-8", "NaN", "UTF-16", "cut off", "number"):
        if FORM_TYPE in sender.content_types and name not in ("empty", "invalid UTF-8"):
            continue
        with pytest.raises(UnusableBodyError):
            sender.parse(sent(HOSTILE[name]), {})


WRONG_VALUES = [
    None, True, 0, -1, 1.5, 10**30, "", " ", "x", "1e30", "9" * 40,
    "\0", "\u202e", "x" * 100_000, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
    [], [[]], [None, 1, "x"], [{}], {}, {"a": {}}, {"id": []},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value that can be changed."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], put: Any) -> Any:
    """A copy with another value in one place, or without the place where `put` is `...`."""
    copy = deepcopy(value)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if put is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = put
    return copy


def variants(sender: Adapter) -> Iterator[bytes]:
    """The sample with each of its fields missing, and of each wrong type."""
    sample = sender.sample()
    if sample.content_type == FORM_TYPE:
        fields = {name: values[0] for name, values in parse_qs(sample.body.decode()).items()}
        for name in fields:
            yield urlencode({key: value for key, value in fields.items() if key != name}).encode()
            yield from (urlencode(fields | {name: str(value)}).encode() for value in WRONG_VALUES)
        return
    value = orjson.loads(sample.body)
    for path in places(value):
        for put in (..., *WRONG_VALUES):
            yield as_json(changed(value, path, put))


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def check(sender: Adapter, delivery: Delivery) -> Parsed | None:
    """Parse; whatever comes out must be sound."""
    try:
        parsed = sender.parse(delivery, sender.check_options({}))
    except UnusableBodyError:
        return None
    assert parsed.events and all(isinstance(event, Upsert | Emptied | Erase | Fetch | Skipped) for event in parsed.events)
    assert parsed.delivery_id is None or 0 < len(parsed.delivery_id) <= 255
    for event in parsed.events:
        if not isinstance(event, Skipped):
            assert event.record_id and len(event.record_id) <= 255
            assert event.version is None or len(event.version) == 27
        if isinstance(event, Upsert):
            sound(event)
    return parsed


def sound(event: Upsert) -> None:
    said = event.verbatim
    texts = [said.text or "", said.subject or "", said.question or "", *(turn.text for turn in said.turns)]
    assert all("\0" not in text for text in (*texts, event.record_id))
    assert orjson.dumps([said.score, said.metadata, said.created_at, said.language, said.channel, *texts])
    assert said.channel is None or len(said.channel) <= 64


@every
def test_fields_missing_or_of_a_wrong_type_never_break_it(sender: Adapter) -> None:
    content_type = sender.sample().content_type
    for body in variants(sender):
        check(sender, sent(body, content_type=content_type))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@every
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_in_any_place_never_breaks_it(sender: Adapter, data: st.DataObject) -> None:
    sample = sender.sample()
    if sample.content_type == FORM_TYPE:
        body = urlencode(data.draw(st.dictionaries(st.sampled_from([*parse_qs(sample.body.decode())]), st.text(max_size=20)))).encode()
    else:
        value = orjson.loads(sample.body)
        path = data.draw(st.sampled_from([(), *places(value)]))
        put = data.draw(JSON)
        body = orjson.dumps(changed(value, path, put) if path else put)
    check(sender, sent(body, content_type=sample.content_type))


@every
def test_no_error_and_no_warning_quotes_the_body(sender: Adapter) -> None:
    content_type = sender.sample().content_type
    bodies = [f'{{"{CANARY}": "{CANARY}"}}', f'{{"id": "{CANARY}", "text": ["{CANARY}"]}}', f'["{CANARY}"]', f'"{CANARY}', f"{CANARY}=%ff"]
    for body in (*(body.encode() for body in bodies), *variants_with_canary(sender)):
        assert CANARY not in spoken(sender, sent(body, content_type=content_type))


def spoken(sender: Adapter, delivery: Delivery) -> str:
    """The words of the service itself about a delivery: an error's, or warnings and reasons."""
    try:
        parsed = sender.parse(delivery, {})
    except VocError as error:
        return error.message
    return str([getattr(event, "warnings", None) or getattr(event, "reason", None) for event in parsed.events])


def variants_with_canary(sender: Adapter) -> Iterator[bytes]:
    sample = sender.sample()
    if sample.content_type != FORM_TYPE:
        value = orjson.loads(sample.body)
        for path in places(value):
            for put in (CANARY, [CANARY], {CANARY: CANARY}):
                yield orjson.dumps(changed(value, path, put))


@pytest.mark.parametrize("sender", [sender for sender in ALL if sender.sample().content_type != FORM_TYPE], ids=name_of)
def test_a_byte_order_mark_is_passed_over(sender: Adapter) -> None:
    sample = sender.sample()
    plain, marked = (sender.parse(sent(mark + sample.body), {}) for mark in (b"", b"\xef\xbb\xbf"))
    assert plain == marked


def test_ids_of_any_length_fit_the_store() -> None:
    record = {"id": "é" * 5000, "text": "x"}
    (event,) = ADAPTERS["generic"].parse(sent(record), {}).events
    assert isinstance(event, Upsert) and event.record_id.startswith("sha256:") and len(event.record_id) == 71
