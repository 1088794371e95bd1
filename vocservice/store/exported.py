"""A record with the labels that count in, one flat row of an export out: redacted text, keys of labels, no name and no address."""

from vocservice.records import Json
from vocservice.store.reading import Taken
from vocservice.store.records import API


def exported(taken: Taken) -> Json:
    """A record as a row; its columns stand in docs/exports.md."""
    given, score = taken.analysis, taken.score or {}
    mood = given.get("sentiment") or {}
    return {
        "record": taken.id,
        "source": taken.source or API,
        "channel": taken.channel,
        "created_at": taken.at,
        "received_at": taken.received_at,
        "subject": taken.subject,
        "score_kind": score.get("kind"),
        "score_value": score.get("value"),
        "score_scale": score.get("scale"),
        "text": given.get("text"),
        "stages": [label["key"] for label in given.get("stages") or ()],
        "factors": [f"{label['key']}{label['polarity']}" for label in given.get("factors") or ()],
        "flags": [label["key"] for label in given.get("flags") or ()],
        "sentiment": mood.get("level"),
        "sentiment_score": mood.get("score"),
        "scope": (given.get("scope") or {}).get("key"),
        "outcome": (given.get("outcome") or {}).get("key"),
        "reasons": [label["key"] for label in given.get("reasons") or ()],
        "needs_review": (given.get("needs_review") or {}).get("value"),
        "model": given.get("model"),
        "taxonomy": given.get("taxonomy"),
        "is_corrected": taken.is_corrected,
    }
