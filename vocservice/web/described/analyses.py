"""`POST /v1/analyse`: the form of a record and of its analysis."""

from typing import get_args

from vocservice.records import (
    SPEAKERS,
    Analysis,
    Conduct,
    Conversation,
    Evidence,
    Factor,
    Json,
    Label,
    Low,
    Pace,
    RawTurn,
    RawVerbatim,
    Redaction,
    Rejected,
    RuleHit,
    Scope,
    Sentiment,
    TurnAnalysis,
    TurnLabels,
    Withheld,
)
from vocservice.reporting.rows import POLARITIES, SCORE_KINDS
from vocservice.taxonomy import load_taxonomy
from vocservice.web.described.parts import (
    COUNT,
    SHARE,
    TEXT,
    Noun,
    Operation,
    closed,
    either,
    json_body,
    listed,
    ref,
    refused,
    told,
)
from vocservice.web.described.shapes import Choices, Shape
from vocservice.web.described.usual import TOO_MUCH

TEXT_NAMES = ("text", "turns", "comment", "verbatim", "review", "feedback", "body", "answer")
WORDED = "missing_text, empty_text, text_too_long, invalid_type, invalid_turns, invalid_encoding"
UNREADABLE = (
    "No body, cut off, not valid JSON, not UTF-8, not valid gzip, or no records: "
    "empty_body, bad_request, invalid_json, invalid_encoding, invalid_gzip, no_records, invalid_type"
)
_LEVEL = {"level": {"minimum": -2, "maximum": 2}, "score": {"minimum": -1, "maximum": 1}}
_OFFSETS = {"start": COUNT, "end": COUNT, "turn": COUNT}
_SETS = ("stages", "factors", "sentiment", "scope", "flags")
_OF_TRANSCRIPTS = (
    *("turns", "outcome", "sentiment_start", "sentiment_end", "sentiment_low", "sentiment_recovery"),
    *("needs_review", "reasons", "pace"),
)


def scopes() -> tuple[str, ...]:
    """The scope keys of the built-in taxonomy."""
    return load_taxonomy()["scope"].keys


EXAMPLE: Json = {
    "id": "r-1",
    "status": "ok",
    "text": "The app crashed twice. Support was lovely and fixed it.",
    "stages": [
        {"key": "use", "probability": 0.9, "evidence": [{"start": 8, "end": 15, "turn": None, "text": "crashed"}]},
        {"key": "cultivation", "probability": 0.6, "evidence": [{"start": 35, "end": 41, "turn": None, "text": "lovely"}]},
    ],
    "factors": [
        {"key": "technology", "polarity": "-", "probability": 0.8, "evidence": [{"start": 8, "end": 15, "turn": None, "text": "crashed"}]},
        {"key": "courtesy", "polarity": "+", "probability": 0.7, "evidence": [{"start": 35, "end": 41, "turn": None, "text": "lovely"}]},
    ],
    "sentiment": {"level": -1, "score": -0.4, "probabilities": {"-2": 0.1, "-1": 0.5, "0": 0.2, "1": 0.1, "2": 0.1}},
    "scope": {
        "key": "experience_issue",
        "probability": 0.55,
        "because": "head:scope",
        "evidence": [{"start": 8, "end": 15, "turn": None, "text": "crashed"}],
    },
    "flags": [{"key": "churn_risk", "probability": 0.5, "evidence": []}],
    "language": "en",
    "redactions": [],
    "abstained": [{"label": "stages.advocacy", "probability": 0.3}],
    "model": "voc-1.6.1",
    "taxonomy": "voc/1.0.0",
    "warnings": [],
}

SCHEMAS = {
    "Record": Shape(
        (RawVerbatim,),
        "One record: a text, or the turns of a transcript. "
        "The text may also be given as comment, verbatim, review, feedback, body or answer.",
        only=("id", "text", "turns", "channel", "question", "created_at", "language", "subject", "author", "score", "metadata"),
        more={
            "id": {"type": ["string", "integer", "null"], "description": "the caller's id; without one the record is numbered item-<n>"},
            "text": {"description": "what the customer wrote; omit it if turns are given"},
            "turns": {"type": ["array", "null"], "items": RawTurn, "minItems": 1, "description": "a transcript, instead of text"},
            "question": {"description": "the question that the text answers"},
            "subject": {"type": ["string", "integer", "null"], "description": "the customer's pseudonymous key"},
            "author": {"description": "the writer's name, to be masked in the text; it is not stored"},
            "updated_at": {"description": "for stored records: when this version was made; the latest version wins"},
            "version": {"description": "instead of updated_at: a whole number that grows with each version, or its digits"},
            "score": {"anyOf": [ref("Score"), {"type": ["number", "null"]}], "description": "a bare number is the value"},
        },
        optional=("updated_at", "version"),
        also={"required": [], "additionalProperties": True, "anyOf": [{"required": [name]} for name in TEXT_NAMES]},
    ),
    "TurnIn": Shape(
        (RawTurn,),
        "One turn of a transcript. Other customers in a public thread are `customer` with their own author.",
        more={
            "speaker": {
                "type": "string",
                "examples": SPEAKERS,
                "description": "who spoke: a role, or a name that tells one, such as Agent 2 or END_USER. Turns of other speakers are kept "
                "as system turns, with speaker_unknown in warnings",
            },
            "author": {"description": "the name of who spoke, to be masked in the text"},
        },
        optional=("at", "author"),
        also={"additionalProperties": True},
    ),
    "Score": {
        "type": "object",
        "properties": {
            "kind": {"enum": [*SCORE_KINDS, None]},
            "value": {"type": "number"},
            "scale": {"type": ["number", "string", "null"]},
        },
        "required": ["value"],
        "additionalProperties": True,
    },
    "Records": {
        "description": "A list of records, or an object that contains it. A record that cannot be read is rejected in its place.",
        "anyOf": [
            {**listed("Record"), "minItems": 1},
            {"type": "object", "properties": {"records": {**listed("Record"), "minItems": 1}}, "required": ["records"]},
        ],
    },
    "Results": closed(
        {"results": {"type": "array", "items": either("Analysis", "Rejected")}},
        description="One result per record, in order; rejected records stay in their place.",
    ),
    "Evidence": Shape(
        (Evidence,), "A piece of the returned text (of that turn, for transcripts); offsets are characters, half-open.", more=_OFFSETS
    ),
    "Label": Shape((Label,), more={"probability": SHARE}),
    "Factor": Shape((Factor,), more={"polarity": {"enum": POLARITIES}, "probability": SHARE}),
    "Sentiment": Shape((Sentiment,), more={**_LEVEL, "probabilities": {"additionalProperties": {"type": "number", **SHARE}}}),
    "SentimentAt": Shape((Sentiment,), "Level and score of a sentiment.", without=("probabilities",), more=_LEVEL),
    "Scope": Shape(
        (Scope,), more={"key": Choices(scopes), "probability": SHARE, "because": {"description": "the head or rule that decided"}}
    ),
    "Redaction": Shape((Redaction,), "A masked piece of personal data: the offsets of the placeholder, never the value.", more=_OFFSETS),
    "Withheld": Shape(
        (Withheld,),
        "A label that the model withholds; it counts as not given.",
        more={
            "probability": SHARE,
            "because": {"description": "the rule that withholds a label the model gave; missing if the model itself withholds it"},
        },
        optional=("because",),
    ),
    "Turn": Shape(
        (TurnAnalysis, TurnLabels),
        "A turn; a customer turn has labels of its own, with the thresholds of the whole.",
        without=("labels",),
        more={
            "at": {**TEXT, "description": "time of the turn as the sender gave it; missing if there was none"},
            "conduct": {
                "type": "array",
                "items": {"enum": get_args(Conduct)},
                "description": "what an agent, bot or supervisor does in it, found by keywords; missing for other speakers",
            },
        },
        optional=("at", "conduct", "stages", "factors", "scope", "flags"),
    ),
    "Pace": Shape(
        (Pace,),
        "Durations in a conversation, in seconds. Null: nothing to measure, or a time it needs is missing or out of order.",
        more={
            **{name: {"minimum": 0} for name in ("response_first", "response_longest", "silence_longest", "hold")},
            "awaited": SHARE,
            "silence_turn": COUNT,
            "gaps": {"items": {"type": ["number", "null"], "minimum": 0}},
            **{name: {"items": {"type": "integer", **COUNT}} for name in ("hold_turns", "transfer_turns")},
            "holds": {"type": "integer", **COUNT, "description": "how often the customer was put on hold, as reported by the sender"},
            "transfers": {"type": "integer", **COUNT, "description": "how often it was transferred, as reported by the sender"},
        },
    ),
    "NeedsReview": {
        "type": "object",
        "properties": {
            "value": {"type": "boolean"},
            "probability": {"type": "number", **SHARE},
            "because": {**TEXT, "description": "the rule that calls for review if the model does not"},
        },
        "required": ["value", "probability"],
        "additionalProperties": False,
    },
    "RuleHit": Shape(
        (RuleHit,),
        "A rule of the installation that matched.",
        more={"because": {"description": "the tests that matched"}},
        optional=("queue",),
    ),
    "Analysis": Shape(
        (Analysis, Conversation),
        "sets that another taxonomy does not have are omitted",
        without=("conversation", "row", "vector", "lacks", "needs_review_probability", "review_because"),
        more={
            "status": {"const": "ok"},
            "text": {"description": "the text as analysed: normalised and redacted"},
            "labels": {"description": "label sets of a custom taxonomy"},
            "rules": {"description": "missing if none matched"},
            "turns": {**listed("Turn"), "description": "transcripts only, like the following fields"},
            "sentiment_start": ref("SentimentAt"),
            "sentiment_end": ref("SentimentAt"),
            "sentiment_low": Shape(
                (Low,),
                "the customer turn with the lowest sentiment; of equal ones, the first",
                without=("recovery",),
                more={**_LEVEL, "turn": COUNT},
                also={"type": ["object", "null"]},
            ),
            "sentiment_recovery": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 2,
                "description": "how far the score rose from there to the customer's last turn",
            },
            "needs_review": ref("NeedsReview"),
            "pace": {**ref("Pace"), "description": "missing in analyses by earlier releases"},
        },
        optional=(*_SETS, "labels", "rules", *_OF_TRANSCRIPTS),
        also={"anyOf": [{"required": _SETS}, {"properties": {"taxonomy": {"not": {"pattern": "^voc/"}}}}]},
    ),
    "Rejected": Shape((Rejected,), only=("id",), more={"status": {"const": "rejected"}, "error": closed({"code": TEXT, "message": TEXT})}),
    "Problem": closed(
        {
            "type": {**TEXT, "format": "uri-reference"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "code": {**TEXT, "description": "stable, and the same on the command line"},
        },
        description="RFC 9457; never repeats what was sent.",
    ),
}

NOUN = Noun(
    {
        "analyse.analyse": Operation(
            "analyse",
            "Analyse one record or a list",
            body=json_body(
                either("Record", "Records"),
                one={"id": "1", "text": "The app crashed twice, but support was lovely."},
                several={"records": [{"id": "1", "text": "The app crashed twice."}, {"id": "2", "text": "Support was lovely."}]},
            ),
            answers={
                200: told("The analysis of one record, or the results of a list in order", either("Analysis", "Results"), EXAMPLE),
                400: refused(UNREADABLE),
                401: refused("http.require_key is on and there is no valid API key: key_required, key_invalid"),
                413: TOO_MUCH,
                422: refused(f"The single record sent cannot be processed: {WORDED}, unsupported_language, analysis_failed"),
                503: refused(
                    "No usable model, none in this process, too many requests at a time, the process is stopping, or, where a key is "
                    "required, the store is missing, busy or full; see Retry-After: bundle_invalid, model_elsewhere, analyses_full, "
                    "uploads_full, stopping, store_unavailable, store_damaged, schema_mismatch, key_missing"
                ),
            },
        ),
    },
    SCHEMAS,
)
