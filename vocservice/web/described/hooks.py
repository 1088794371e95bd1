"""`/v1/hooks/{token}`: a sender's delivery and its receipt."""

from vocservice.store.received.records import Applied
from vocservice.web.answers import JSON
from vocservice.web.described.parts import TEXT, Answer, Body, Content, Noun, Operation, Parameter, listed, refused, told
from vocservice.web.described.shapes import Shape
from vocservice.web.described.usual import BODY_TOO_LARGE, FAILED, STORE_BUSY_OR_FULL

OUTCOMES = "`stale`: older than the stored version; `erased`: erased earlier, and stays so; `waiting`: its text is fetched first"
EMPTIED = "`emptied`: its text was removed, and what was stored of it is deleted"

NOUN = Noun(
    {
        "webhooks.ping": Operation(
            "ping",
            "Probe of the URL; every token gets the same answer",
            {200: Answer("An empty answer, also to HEAD"), 500: FAILED},
        ),
        "webhooks.receive": Operation(
            "receive",
            "Store a delivery of a sender",
            body=Body(
                {
                    JSON: Content({}, {"id": "d-1", "text": "Late again."}),
                    "application/x-www-form-urlencoded": Content({}, "comment=Late+again.&id=d-1"),
                },
                "in the format of the source's sender",
                may_be_packed=True,
            ),
            answers={
                200: told(
                    "The same delivery came before; nothing was changed",
                    "Receipt",
                    {"id": "in_01m8hsbz0p4jfma5nncjxp84zx", "status": "accepted", "duplicate": True, "records": []},
                ),
                202: told(
                    "The delivery is stored",
                    "Receipt",
                    {
                        "id": "in_01jd3x8m7k5w2v9q4t6r0b1c2d",
                        "status": "accepted",
                        "duplicate": False,
                        "records": [{"record": "rec_01jd3x8m7k5w2v9q4t6r0b1c2e", "outcome": "created"}],
                    },
                ),
                400: refused("Cut off, or not valid gzip: bad_request, invalid_gzip"),
                401: refused(
                    "The URL belongs to no source, or the delivery is not authenticated; nothing is stored: "
                    "token_unknown, signature_missing, signature_invalid, timestamp_stale"
                ),
                413: BODY_TOO_LARGE,
                415: refused(
                    "The content type is not this sender's, or the encoding is not supported: unsupported_media_type, unsupported_encoding"
                ),
                500: FAILED,
                503: STORE_BUSY_OR_FULL,
            },
        ),
    },
    {
        "Touched": Shape(
            (Applied,),
            "The result for one record of a delivery.",
            names={"record_id": "record"},
            more={
                "record": {"description": "null if it was erased before or skipped"},
                "outcome": {"description": f"{OUTCOMES}; {EMPTIED}; `skipped`: nothing to analyse"},
                "reason": {**TEXT, "description": "why it was skipped, such as no_text or internal_note; otherwise missing"},
            },
            optional=("reason",),
        ),
        "Receipt": {
            "type": "object",
            "description": "A stored delivery; sending it again returns the same id.",
            "properties": {
                "id": TEXT,
                "status": {
                    "enum": ["accepted", "quarantined", "discarded"],
                    "description": "`quarantined`: kept for somebody to inspect, because it is not what this sender sends",
                },
                "duplicate": {"type": "boolean"},
                "records": listed("Touched"),
            },
            "required": ["id", "status", "duplicate"],
            "additionalProperties": False,
        },
    },
    (Parameter("token", about="the secret part of the URL, shown once when the source is created", place="path", shared="Token"),),
)
