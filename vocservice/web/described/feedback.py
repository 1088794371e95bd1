"""`/v1/feedback`: sent records, their receipts and analyses."""

from datetime import timedelta
from typing import get_args

from vocservice.records import Json
from vocservice.reporting.rows import POLARITIES
from vocservice.store.received.idempotency import KEPT
from vocservice.store.received.records import Outcome
from vocservice.store.received.search import LARGEST_PAGE, Found
from vocservice.web.api.feedback import FILTERS, PAGE, STATUSES
from vocservice.web.described.analyses import EXAMPLE, UNREADABLE, WORDED
from vocservice.web.described.hooks import OUTCOMES
from vocservice.web.described.parts import (
    TEXT,
    TIME,
    Answer,
    Noun,
    Operation,
    Parameter,
    closed,
    either,
    json_body,
    listed,
    nullable,
    refused,
    told,
)
from vocservice.web.described.shapes import Shape
from vocservice.web.described.usual import STORE_BUSY_OR_FULL, TOO_MUCH, of_page
from vocservice.web.requests import repeats

_FILTERS = {
    "status": Parameter("status", {"enum": STATUSES}),
    "source": Parameter("source", about="id or name of a source, or `api`"),
    "source_record": Parameter("source_record", about="the sender's id of the record"),
    "polarity": Parameter("polarity", {"enum": POLARITIES}, "polarity of `factor`, which must be given"),
    "needs_review": Parameter("needs_review", {"enum": ["true", "false"]}),
    "since": Parameter("since", TIME, "received then or later"),
    "until": Parameter("until", TIME, "received before"),
}
_IDEMPOTENCY_KEY = Parameter(
    repeats.HEADER,
    {**TEXT, "minLength": 1, "maxLength": repeats.LONGEST, "pattern": "^[ -~]+$"},
    f"the same key with the same body gets the same answer, for {KEPT // timedelta(hours=1)} hours",
    place="header",
)
_UNKNOWN = refused("No such record in the key's workspace: record_unknown", shared="RecordUnknown")
_RECORD: Json = {
    "record": "rec_01m8hsbp5hwrf6qtpx2tc8tfvd",
    "source": "api",
    "source_name": None,
    "source_record": "r-1",
    "status": "analysed",
    "error_code": None,
    "revision": 1,
    "channel": None,
    "score": {"kind": "nps", "value": 3.0, "scale": None},
    "needs_review": True,
    "warnings": [],
    "created_at": None,
    "received_at": "2026-03-04T19:15:52.624000+00:00",
    "analysis": EXAMPLE
    | {
        "turns": [
            {
                "speaker": "customer",
                "text": EXAMPLE["text"],
                "sentiment": {"level": -1, "score": -0.5, "probabilities": {}},
                "at": "2026-03-04T19:15:40Z",
            }
        ],
        "outcome": {
            "key": "resolved",
            "probability": 0.9,
            "evidence": [{"start": 0, "end": 22, "turn": 0, "text": "The app crashed twice."}],
        },
        "sentiment_start": {"level": -1, "score": -0.5},
        "sentiment_end": {"level": 1, "score": 0.5},
        "sentiment_low": {"level": -1, "score": -0.5, "turn": 0},
        "sentiment_recovery": 0.0,
        "needs_review": {"value": True, "probability": 0.8},
        "reasons": [{"key": "repeat_contact", "probability": 0.7, "evidence": []}],
        "pace": {
            "response_first": None,
            "response_longest": None,
            "awaited": None,
            "silence_longest": None,
            "silence_turn": None,
            "gaps": [None],
            "hold": None,
            "hold_turns": [],
            "holds": 0,
            "transfer_turns": [],
            "transfers": 0,
        },
    },
}

NOUN = Noun(
    {
        "feedback.write": Operation(
            "write_feedback",
            "Store one record or a list, to be analysed later",
            parameters=(_IDEMPOTENCY_KEY,),
            body=json_body(
                either("Record", "Records"),
                one={"id": "r-1", "text": "The app crashed twice, but support was lovely.", "channel": "chat"},
                several={
                    "records": [
                        {"id": "r-1", "text": "The app crashed twice."},
                        {"id": "r-2", "text": "Support was lovely.", "updated_at": "2026-01-02T10:00:00Z"},
                    ]
                },
            ),
            answers={
                202: told(
                    "Every record is stored",
                    either("Accepted", "AcceptedList"),
                    {"id": "r-2", "status": "accepted", "record": "rec_01m8hsbyv7b7xhn0h74qc6a6rn", "outcome": "created", "warnings": []},
                ),
                207: told(
                    "Some records of the list are stored and some rejected, each in its place",
                    "AcceptedList",
                    {
                        "results": [
                            {
                                "id": "r-3",
                                "status": "accepted",
                                "record": "rec_01m8hsbyxp3dxb1rpn94pfd57a",
                                "outcome": "created",
                                "warnings": [],
                            },
                            {
                                "id": "r-4",
                                "status": "rejected",
                                "error": {"code": "missing_text", "message": "the record has neither text nor turns; send one of them"},
                            },
                        ]
                    },
                ),
                400: refused(f"{UNREADABLE}; or the Idempotency-Key is invalid: parameter_invalid"),
                409: refused("A request with this Idempotency-Key is being answered; see Retry-After: idempotency_busy"),
                413: TOO_MUCH,
                422: refused(
                    f"The single record sent cannot be accepted: {WORDED}; "
                    "or this Idempotency-Key came with another body: idempotency_mismatch"
                ),
                503: STORE_BUSY_OR_FULL,
            },
        ),
        "feedback.read": Operation(
            "read_feedback",
            "Records with their analyses, in order of receipt",
            parameters=(*(_FILTERS.get(name, Parameter(name)) for name in FILTERS), *of_page(PAGE, LARGEST_PAGE)),
            answers={200: told("A page", "FeedbackPage", {"items": [_RECORD], "next": None})},
        ),
        "feedback.read_one": Operation("read_one_feedback", "One record with its analysis", {200: told("The record", "Feedback", _RECORD)}),
        "feedback.erase": Operation("erase_feedback", "Permanently erase one record", {204: Answer("Permanently erased")}),
    },
    {
        "Accepted": closed(
            {
                "id": {**TEXT, "description": "the client's id of the record"},
                "status": {"const": "accepted"},
                "record": {"type": ["string", "null"], "description": "our id of the record; null if it was erased before"},
                "outcome": {
                    "enum": [outcome for outcome in get_args(Outcome) if outcome not in ("emptied", "skipped")],
                    "description": OUTCOMES,
                },
                "warnings": {"type": "array", "items": TEXT},
            },
            description="A record that was taken.",
        ),
        "AcceptedList": closed(
            {"results": {"type": "array", "items": either("Accepted", "Rejected")}}, description="One entry for each record, in order."
        ),
        "Feedback": Shape(
            (Found,),
            "A stored record with its current analysis.",
            names={"id": "record", "source_id": "source", "source": "source_name"},
            more={
                "source": {**TEXT, "description": "id of its source, or `api`"},
                "source_record": {"description": "the sender's id of the record; for an erased record, its keyed hash"},
                "status": {"enum": STATUSES},
                "revision": {"minimum": 1},
                "score": {
                    "anyOf": [
                        closed({"kind": {"type": ["string", "null"]}, "value": {"type": "number"}, "scale": {"type": ["number", "null"]}}),
                        {"type": "null"},
                    ]
                },
                "analysis": nullable("Analysis"),
                "rules": {**listed("StoredHit"), "description": "missing where none held"},
            },
            optional=("rules",),
        ),
        "FeedbackPage": closed(
            {
                "items": listed("Feedback"),
                "next": {"type": ["string", "null"], "description": "cursor of the next page; null at the end"},
            },
            description="Records in order of receipt.",
        ),
    },
    (Parameter("record_id", place="path", shared="RecordId"),),
    {"record_id": _UNKNOWN},
)
