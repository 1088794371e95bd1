"""`/v1/issues`: experience issues and their inflow."""

from vocservice.store.analysed.issues import MOST, STATUSES, Issue
from vocservice.web.described.parts import COUNT, SHARE, Noun, Operation, closed, listed, refused, told
from vocservice.web.described.shapes import Shape
from vocservice.web.described.usual import READING_FULL

_EXAMPLE = {
    "id": "iss_01jd3x8m7k5w2v9q4t6r0b1c2d",
    "title": "Delivery is late",
    "stage": "purchase",
    "factor": "fulfilment",
    "cause": "",
    "owner": "operations",
    "status": "mending",
    "opened_on": "2026-02-02",
    "closed_on": None,
    "evidence": {"records": 120, "complaints": 31},
    "changed_at": "2026-02-16T09:30:00+00:00",
    "has_returned": False,
    "inflow": {
        "before": {"n": 120, "value": 0.26, "low": 0.16, "high": 0.36},
        "recent": {"n": 96, "value": 0.12, "low": 0.02, "high": 0.22},
        "difference": {"n": 216, "value": -0.14, "low": -0.24, "high": -0.04},
        "p": 0.01,
        "verdict": "fallen",
        "remedy": "",
        "told": None,
        "before_days": {"first": "2025-11-11", "last": "2026-01-05"},
        "recent_days": {"first": "2026-02-03", "last": "2026-03-02"},
        "weeks": [{"monday": "2026-02-23", "complaints": 6, "records": 48, "is_after": True}],
    },
}

_INFLOW = "vocservice.reporting.inflow"
_HOW = Shape(
    (f"{_INFLOW}:Told",),
    "",
    more={
        "complaints": {**COUNT, "description": "complaints of the stage and factor, on both sides, by the customers counted"},
        "without": {**COUNT, "description": "how many of these have no vector of the bundle"},
        "part": {**SHARE, "description": "share of customers counted, a random sample: at most the half that did not form the cause"},
    },
)
_OF = {**COUNT, "description": "for a cause: over the customers counted"}
_WEEK = Shape((f"{_INFLOW}:InflowWeek",), "", more={"complaints": _OF, "records": _OF})
_IN = Shape(
    (f"{_INFLOW}:Inflow",),
    "",
    more={
        "remedy": {"description": "what is missing for a verdict"},
        "told": {
            "anyOf": [_HOW, {"type": "null"}],
            "description": "for one cause, the bundle whose vectors identified its complaints; null for all complaints",
        },
        "weeks": {"items": _WEEK},
    },
)

NOUN = Noun(
    {
        "issues_api.listing_json": Operation(
            "issues",
            "Experience issues with their inflow, live ones first",
            {
                200: told(f"The issues, at most {MOST}", "Issues", {"issues": [_EXAMPLE]}),
                400: refused("It has no parameters: parameter_invalid"),
                503: READING_FULL,
            },
        ),
        "issues_api.one_json": Operation(
            "issue", "One experience issue with its inflow", {200: told("The issue", "Issue", _EXAMPLE), 503: READING_FULL}
        ),
    },
    {
        "Issues": closed({"issues": listed("Issue")}),
        "Issue": Shape(
            (Issue,),
            "docs/workbench.md says when one may be closed.",
            without=("opened_by",),
            more={
                "status": {"enum": STATUSES},
                "closed_on": {"description": "null unless closed"},
                "evidence": {"description": "counts at the time it was opened"},
                "has_returned": {"type": "boolean", "description": "it is closed, but complaints come in as before or more often"},
                "inflow": _IN,
            },
        ),
    },
    unknown={"issue_id": refused("No such issue in the key's workspace: not_found")},
)
