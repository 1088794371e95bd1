"""Tests of `body`: sizes, content types, encodings, and JSON that is meant to hurt."""

import tracemalloc
from time import process_time

import pytest
from builders import CANARY
from flask.testing import FlaskClient

from vocservice.web.problems import RequestError
from vocservice.web.requests.body import gunzip
from web.conftest import MakeClient
from web.sending import check_problem, packed, post, post_chunked

GOOD = b'{"text": "The app crashed."}'
LIMIT = 2048


def with_text(text: str) -> str:
    return '{"text": "' + CANARY + '", "metadata": {"x": ' + text + "}}"


@pytest.mark.parametrize(
    "body",
    [
        b"{" + CANARY.encode(),
        b"{'text': 'x'}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        with_text("[" * 2000 + "]" * 2000).encode(),
        with_text("NaN").encode(),
        with_text("Infinity").encode(),
        with_text("-Infinity").encode(),
        with_text("1e999").encode(),
        with_text("9" * 5000).encode(),
        with_text("01").encode(),
        GOOD + GOOD,
        GOOD + b",",
        b"\x00",
        b"   ",
        b'{"text": "a\nb"}',
        GOOD.decode().encode("utf-16"),
        GOOD.decode().encode("utf-16-le"),
        GOOD.decode().encode("utf-32"),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_json_is_a_400(client: FlaskClient, body: bytes) -> None:
    problem = check_problem(post(client, body), 400)
    assert problem["code"] in {"invalid_json", "invalid_encoding"}


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" * 2 + GOOD,
        b'{"text": "\\ud800"}',
        b'{"text": "\\udc00 \\ud800"}',
        b'{"text": "\xff"}',
        b'{"text": "\xc0\xaf"}',
        b'{"text": "\xed\xa0\x80"}',
        b'{"text": "caf\xe9"}',
    ],
    ids=repr,
)
def test_what_is_not_utf8_is_a_400(client: FlaskClient, body: bytes) -> None:
    check_problem(post(client, body), 400, "invalid_encoding")


def test_16_a_byte_order_mark_is_passed_over(client: FlaskClient) -> None:
    assert post(client, b"\xef\xbb\xbf" + GOOD).get_json()["text"] == "The app crashed."


def test_surrogate_pairs_and_nul_are_text(client: FlaskClient) -> None:
    assert post(client, b'{"text": "\\ud83d\\ude00 caf\xc3\xa9 \\u0000"}').get_json()["text"] == "\U0001f600 caf\xe9 \x00"


def test_of_a_key_given_twice_the_last_counts(client: FlaskClient) -> None:
    assert post(client, b'{"text": "first", "text": "second"}').get_json()["text"] == "second"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "application/vnd.x+json"]
)
def test_json_types_are_read(client: FlaskClient, content_type: str) -> None:
    assert post(client, GOOD, content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/xml",
        "text/plain",
        "application/xml",
        "image/svg+json",
        "multipart/form-data",
        "application/json; charset=utf-16",
        CANARY,
    ],
)
def test_other_types_are_a_415(client: FlaskClient, content_type: str | None) -> None:
    found = check_problem(post(client, GOOD, content_type=content_type), 415, "unsupported_media_type")
    assert "Content-Type: application/json" in found["detail"]


@pytest.mark.parametrize("content_type", [None, "application/json", "text/xml"])
def test_an_empty_body_is_a_400(client: FlaskClient, content_type: str | None) -> None:
    check_problem(post(client, b"", content_type=content_type), 400, "empty_body")


def test_a_large_body_is_a_413_with_and_without_its_length(limited: MakeClient) -> None:
    client = limited(max_body_bytes=LIMIT)
    fits = b'{"text": "' + b"x" * (LIMIT - 12) + b'"}'
    assert len(fits) == LIMIT
    assert post(client, fits).status_code == 200
    assert post_chunked(client, fits[:10] + fits[11:]).status_code == 200
    check_problem(post(client, fits + b" "), 413, "body_too_large")
    check_problem(post_chunked(client, fits + b" "), 413, "body_too_large")
    check_problem(post_chunked(client, fits + b" " * 5000), 413, "body_too_large")


def test_gzip_is_read(client: FlaskClient) -> None:
    for encoding in ("gzip", "GZIP", "x-gzip"):
        assert post(client, packed(GOOD), Content_Encoding=encoding).get_json()["text"] == "The app crashed."
    assert post(client, packed(GOOD[:9]) + packed(GOOD[9:]), Content_Encoding="gzip").status_code == 200
    assert post(client, GOOD, Content_Encoding="identity").status_code == 200


def test_a_gzip_bomb_is_a_413(limited: MakeClient) -> None:
    bomb = packed(b" " * 50_000_000)[:LIMIT]
    check_problem(post(limited(max_body_bytes=LIMIT), bomb, Content_Encoding="gzip"), 413, "body_too_large")


def test_18_a_megabyte_that_unpacks_to_a_gigabyte_is_refused_before_it_does(client: FlaskClient) -> None:
    bomb = packed(b" " * 10_000_000) * 100
    assert len(bomb) < 2_000_000
    tracemalloc.start()
    try:
        check_problem(post(client, bomb, Content_Encoding="gzip"), 413, "body_too_large")
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("body", [GOOD, packed(GOOD)[:-4], packed(GOOD)[:5], packed(GOOD) + b"rest", b"\x1f\x8b"], ids=repr)
def test_broken_gzip_is_a_400(client: FlaskClient, body: bytes) -> None:
    check_problem(post(client, body, Content_Encoding="gzip"), 400, "invalid_gzip")


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", CANARY])
def test_other_encodings_are_a_415(client: FlaskClient, encoding: str) -> None:
    answer = post(client, GOOD, Content_Encoding=encoding)
    check_problem(answer, 415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "gzip"


def test_many_empty_members_take_time_by_their_number_not_its_square() -> None:
    def seconds(members: int) -> float:
        started = process_time()
        gunzip(packed(b"") * members, max_bytes=LIMIT)
        return process_time() - started

    assert seconds(80_000) < 20 * seconds(10_000) + 0.5


def test_unpacking_stops_at_the_limit() -> None:
    assert gunzip(packed(b"x" * 100), max_bytes=100) == b"x" * 100
    for body in (packed(b"x" * 101), packed(b"x" * 60) * 2):
        with pytest.raises(RequestError, match="too large"):
            gunzip(body, max_bytes=100)
