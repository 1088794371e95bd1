"""`GET /v1/sources`: the sources of a workspace and the health of their deliveries."""

from vocservice.store.received.sources import Health, Source
from vocservice.store.received.waiting import Fetching
from vocservice.web.described.parts import COUNT, Noun, Operation, closed, listed, told
from vocservice.web.described.shapes import Shape

_COUNTS = ("received", "quarantined", "warned", "signature_failures", "waiting")

NOUN = Noun(
    {
        "sources.sources": Operation(
            "sources",
            "The sources and the health of their deliveries",
            {
                200: told(
                    "The sources by name",
                    "Sources",
                    {
                        "items": [
                            {
                                "id": "src_01m8hsbtcxs8b97cxbfm0qpgs7",
                                "name": "Shop reviews",
                                "adapter": "generic",
                                "is_enabled": True,
                                "created_at": "2026-03-04T19:15:56.989000+00:00",
                                "last_received_at": None,
                                "received": 0,
                                "quarantined": 0,
                                "warned": 0,
                                "signature_failures": 0,
                                "last_failure_at": None,
                                "waiting": 0,
                                "fetch_code": None,
                            },
                            {
                                "id": "src_01m8hsbqb2fhcp3jejr1vpf8tt",
                                "name": "Exit survey",
                                "adapter": "qualtrics",
                                "is_enabled": True,
                                "created_at": "2026-03-04T19:15:53.826000+00:00",
                                "last_received_at": None,
                                "received": 0,
                                "quarantined": 0,
                                "warned": 0,
                                "signature_failures": 0,
                                "last_failure_at": None,
                                "waiting": 0,
                                "fetch_code": None,
                            },
                        ]
                    },
                )
            },
        ),
    },
    {
        "Source": Shape(
            (Source, Health, Fetching),
            "A source and the health of its deliveries.",
            without=("workspace_id", "options", "health", "sealed"),
            more=dict.fromkeys(_COUNTS, COUNT),
        ),
        "Sources": closed({"items": listed("Source")}),
    },
)
