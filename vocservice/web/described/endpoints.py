"""`/v1/endpoints`: targets of a workspace's events, their signing secrets, and the delivery log."""

from vocservice.jobs.guard import LONGEST_URL
from vocservice.store.analysed.endpoints import EVENTS, MOST_SECRETS, Endpoint
from vocservice.store.analysed.outbound import Delivery
from vocservice.web.api.endpoints import LARGEST_PAGE, PAGE, Changed, Written
from vocservice.web.described.parts import (
    COUNT,
    NUMBER,
    TEXT,
    Answer,
    Noun,
    Operation,
    Parameter,
    closed,
    json_body,
    listed,
    refused,
    told,
)
from vocservice.web.described.shapes import Shape

_UNKNOWN = refused("No such endpoint in the key's workspace: endpoint_unknown", shared="EndpointUnknown")
_EVENTS = {"items": {"enum": list(EVENTS)}}
_UNTOLD = ("workspace_id", "sealed")
_HELD = {"events": {**_EVENTS, "description": "what is sent to it"}}
_REFUSED = refused(
    "No body, cut off, not valid JSON, not UTF-8 or not valid gzip: empty_body, bad_request, invalid_json, invalid_encoding, invalid_gzip, "
    "or an unknown event: event_unknown",
    shared="EndpointRefused",
)
_EXAMPLE = {
    "id": "end_01m8hsbretwevcqqrtzqvymbvr",
    "url": "https://hooks.example.com/voc",
    "events": ["transcript.flagged"],
    "is_enabled": True,
    "created_at": "2026-03-04T19:15:54.953000+00:00",
    "old_secret_until": None,
}
_SECRET = "whsec_" + "A" * 43 + "="  # an example
_MADE = {**_EXAMPLE, "secret": _SECRET}
_SENT = {
    "id": "msg_01m8hsbretwevcqqrtzqvymbvs",
    "event": "transcript.flagged",
    "state": "delivered",
    "attempts": 1,
    "last_status": 204,
    "created_at": "2026-03-04T19:16:54.953000+00:00",
    "delivered_at": "2026-03-04T19:16:55.120000+00:00",
}
_WITH_SECRET = {"secret": {**TEXT, "description": "secret that deliveries are signed with; shown only once"}}

NOUN = Noun(
    {
        "endpoints_api.listed": Operation(
            "endpoints", "The endpoints of the workspace", {200: told("The endpoints", "Endpoints", {"items": [_EXAMPLE]})}
        ),
        "endpoints_api.create": Operation(
            "create_endpoint",
            "A new endpoint and its signing secret",
            {
                201: told("The endpoint, and its secret, shown only once", "EndpointMade", _MADE),
                400: _REFUSED,
                422: refused(
                    "The body has another shape, or events may not or cannot be sent to the URL: "
                    "invalid_type, endpoint_refused, endpoint_unknown_host"
                ),
            },
            body=json_body("EndpointWritten", {"url": _EXAMPLE["url"], "events": _EXAMPLE["events"]}),
        ),
        "endpoints_api.one": Operation("endpoint", "One endpoint", {200: told("The endpoint", "Endpoint", _EXAMPLE)}),
        "endpoints_api.change": Operation(
            "change_endpoint",
            "Change the events of an endpoint, pause or resume it",
            {
                200: told("The endpoint as stored now", "Endpoint", {**_EXAMPLE, "is_enabled": False}),
                400: _REFUSED,
                422: refused("The body has another shape: invalid_type"),
            },
            body=json_body("EndpointChanged", {"is_enabled": False}),
        ),
        "endpoints_api.remove": Operation(
            "remove_endpoint", "Permanently remove an endpoint and its delivery log", {204: Answer("It is removed")}
        ),
        "endpoints_api.rotate": Operation(
            "rotate_endpoint_secret",
            "Create a new signing secret; the previous one also signs for 24 hours",
            {
                200: told(
                    "The endpoint, and its new secret, shown only once",
                    "EndpointMade",
                    {**_MADE, "old_secret_until": "2026-03-05T19:15:54.953000+00:00"},
                ),
                400: refused(f"{MOST_SECRETS} secrets are in use; end the old ones first: secrets_full"),
            },
        ),
        "endpoints_api.end_old_secrets": Operation(
            "end_old_endpoint_secrets",
            "Sign with the newest secret only",
            {204: Answer("Deliveries are signed with the newest secret only")},
        ),
        "endpoints_api.deliveries": Operation(
            "endpoint_deliveries",
            "Past and pending deliveries of an endpoint, newest first",
            {200: told("The deliveries", "Deliveries", {"items": [_SENT]})},
            parameters=(Parameter("limit", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}),),
        ),
        "endpoints_api.replay": Operation(
            "replay_endpoint",
            "Send failed deliveries again, under the same ids",
            {
                200: told("The number queued again", closed({"queued": NUMBER}), {"queued": 3}),
                400: refused("The endpoint is paused: endpoint_disabled"),
            },
        ),
    },
    {
        "EndpointWritten": Shape((Written,), more={"url": {"maxLength": LONGEST_URL}, "events": _EVENTS}),
        "EndpointChanged": Shape((Changed,), more={"events": _EVENTS}),
        "Endpoint": Shape((Endpoint,), without=_UNTOLD, more=_HELD),
        "EndpointMade": Shape((Endpoint,), without=_UNTOLD, more={**_HELD, **_WITH_SECRET}),
        "Endpoints": closed({"items": listed("Endpoint")}),
        "Delivery": Shape(
            (Delivery,),
            "One event for one endpoint.",
            without=("endpoint_id", "payload"),
            more={
                "event": {"enum": list(EVENTS)},
                "state": {"enum": ["queued", "delivered", "failed"]},
                "attempts": COUNT,
                "last_status": {"description": "the HTTP status of the last try; null if there was no answer"},
            },
        ),
        "Deliveries": closed({"items": listed("Delivery")}),
    },
    (Parameter("endpoint_id", place="path", shared="EndpointId"),),
    {"endpoint_id": _UNKNOWN},
)
