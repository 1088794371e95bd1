"""`/v1/watches`: digests and alerts of the workbench; readers are counted but not named."""

from vocservice.store.analysed.watches import MOST, Watch
from vocservice.web.described.parts import COUNT, DAY, TEXT, Noun, Operation, closed, listed, refused, told
from vocservice.web.described.shapes import Shape
from vocservice.web.requests.telling import DAYS

_CLOCK = {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}
_EXAMPLE = {
    "id": "wch_01jd3x8m7k5w2v9q4t6r0b1c2d",
    "name": "Monday",
    "segment": "Phone",
    "filters": {"channel": "phone"},
    "hidden_fields": [],
    "is_digest": True,
    "timing": {"zone": "Europe/Berlin", "cool_down": 0, "quiet": None, "digest_at": "08:30", "days": ["Mon"]},
    "readers": 2,
    "tells_endpoints": False,
    "is_enabled": True,
    "since": "2026-02-02T09:30:00+00:00",
    "last_sent_at": "2026-02-16T07:30:00+00:00",
    "told": {"anomaly:week:2026-02-09:negative sentiment:high": "2026-02-16"},
}
_TIMING = closed(
    {
        "zone": {**TEXT, "description": "time zone of all times of day"},
        "cool_down": {"type": "integer", **COUNT, "description": "minutes for which an alert pauses after it was sent"},
        "quiet": {
            "anyOf": [{"type": "array", "items": _CLOCK, "minItems": 2, "maxItems": 2}, {"type": "null"}],
            "description": "begin and end of the quiet hours of an alert",
        },
        "digest_at": {"anyOf": [_CLOCK, {"type": "null"}], "description": "when a digest is sent; null for an alert"},
        "days": {"type": "array", "items": {"enum": DAYS}, "description": "of a digest"},
    }
)

NOUN = Noun(
    {
        "watches_api.listing_json": Operation(
            "watches",
            "Digests and alerts of the workbench by name",
            {200: told(f"The watches, at most {MOST}", "Watches", {"watches": [_EXAMPLE]})},
        ),
        "watches_api.one_json": Operation("watch", "One digest or alert", {200: told("The watch", "Watch", _EXAMPLE)}),
    },
    {
        "Watches": closed({"watches": listed("Watch")}),
        "Watch": Shape(
            (Watch,),
            "docs/alerts.md says when one is sent.",
            without=("workspace_id", "selection", "timing"),
            more={
                "readers": {"type": "integer", **COUNT, "description": "number of people who get a mail"},
                "hidden_fields": {
                    "type": "array",
                    "items": TEXT,
                    "description": "custom fields of its segment that an admin hid; if there is one, the watch matches no record",
                },
                "timing": _TIMING,
                "is_digest": {"type": "boolean"},
                "told": {"type": "object", "additionalProperties": DAY},
            },
        ),
    },
    unknown={"watch_id": refused("No such watch in the key's workspace: not_found")},
)
