"""Figures of the analysed records: report, charts, comparison, search and themes."""

from collections.abc import Iterable

from vocservice.web.described.filters import filters, of_side
from vocservice.web.described.parts import COUNT, DAY, NUMBER, TEXT, Noun, Operation, Parameter, closed, refused, told
from vocservice.web.described.shapes import Choices, Shape
from vocservice.web.described.usual import READING_FULL
from vocservice.web.workbench.asking import LISTED
from vocservice.web.workbench.selecting import CHOSEN, FILTERS, FIRST, SECOND, SOUGHT

_ASKED = {
    "type": "object",
    "additionalProperties": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
    "description": "the parameters that select this; a repeated one is a list",
}
_FORMAT = {"const": 1}
_BY = {"enum": ["meaning", "words"], "description": "what the records were grouped by"}
_THEMES = "vocservice.reporting.themes"
_EMERGING = "vocservice.reporting.emerging"
_NAMED = {
    "terms": {"description": "its name: distinguishing words, best first; empty if too few customers share one"},
    "usual": {"description": "if there is no name, the words that most of its customers use"},
}


def charts() -> Iterable[str]:
    """The names of the charts."""
    from vocservice.reporting.charted import CHARTED

    return CHARTED


_CHARTS = Choices(charts)
_UNKNOWN_CHART = refused("No such chart: chart_unknown")
_UNTOLD = refused(
    "A parameter is unknown or wrong, the custom field is hidden, or the target has no yes and no answers: "
    "parameter_invalid, field_hidden, target_unfit",
    shared="FiguresUntold",
)
_HEADLINES = {
    "records": 1,
    "skipped": {},
    "customers": None,
    "heard": {"customers": 1, "worth": 1.0},
    "transcripts": 1,
    "sentiment": {"n": 1, "value": None, "low": None, "high": None},
    "negative": {"n": 1, "value": None, "low": None, "high": None},
    "scores": [
        {
            "name": "nps (0 to 10)",
            "is_assumed": False,
            "mean": {"n": 1, "value": None, "low": None, "high": None},
            "nps": {"n": 1, "value": None, "low": None, "high": None},
        }
    ],
    "unused_scores": 0,
    "channels": {"not told": 1},
    "models": {"voc-1.6.1": 1},
    "taxonomies": {"voc/1.0.0": 1},
    "unread_dates": 0,
    "dates": {"dated": 1, "undated": 0, "future": 0, "first": "2026-03-04", "last": "2026-03-04"},
}
_REPORT = {
    "format": 1,
    "taxonomy": "voc/1.0.0",
    "title": "Voice of the customer",
    "made": "2026-03-04",
    "headlines": _HEADLINES,
    "journey": {},
    "scope": {},
    "drivers": {},
    "series": [],
    "handovers": [],
    "comparison": None,
    "comparison_is_default": True,
    "splits": [],
    "causes": [],
    "segment": None,
    "segments": [],
    "quotes": [],
    "customers_wanted": 5,
    "themes": None,
    "other_drivers": [],
    "since": None,
    "until": None,
}
_CHART = {
    "asked": {},
    "format": 1,
    "chart": "headlines",
    "title": "Headlines",
    "definition": {"title": "Headlines", "text": "What was said in all, and how."},
    "taxonomy": "voc/1.0.0",
    "made": "2026-03-04",
    "records": 1,
    "data": _HEADLINES,
}

NOUN = Noun(
    {
        "report.report": Operation(
            "report",
            "Every figure of the analysed records",
            {200: told("Every figure; null, with its n, if not known", "Report", _REPORT), 400: _UNTOLD, 503: READING_FULL},
            filters(FILTERS),
        ),
        "charts_api.charts_json": Operation(
            "charts",
            "The charts of the workbench by name",
            {
                200: told(
                    "The charts",
                    "Charts",
                    {
                        "charts": [
                            {"chart": "headlines", "title": "Headlines"},
                            {"chart": "journey", "title": "Journey map"},
                            {"chart": "factors", "title": "Factors over all stages"},
                        ]
                    },
                )
            },
        ),
        "charts_api.chart_json": Operation(
            "chart",
            "The numbers of one chart",
            {
                200: told("The numbers, for the same records as the page; null, with its n, if not known", "Chart", _CHART),
                400: _UNTOLD,
                404: _UNKNOWN_CHART,
                503: READING_FULL,
            },
            (Parameter("name", _CHARTS, "of a chart", place="path"), *filters(FILTERS)),
        ),
        "comparing_api.compare_json": Operation(
            "compare",
            "Two sets of records side by side",
            {
                200: told(
                    "Both sets. A set without parameters is every record not in the other; without any, the last four weeks against the "
                    "four before",
                    "Contrast",
                    {
                        "asked": {"a_since": "2026-01-01", "a_until": "2026-12-31", "b_since": "2025-01-01", "b_until": "2025-12-31"},
                        "format": 1,
                        "taxonomy": "voc/1.0.0",
                        "comparison": {},
                        "gaps": [
                            {
                                "before": {"n": 1, "value": None, "low": None, "high": None},
                                "after": {"n": 0, "value": None, "low": None, "high": None},
                                "difference": {"n": 1, "value": None, "low": None, "high": None},
                                "p": None,
                                "q": None,
                                "verdict": "unknown",
                                "figure": "negative sentiment",
                            }
                        ],
                        "splits": [],
                        "causes": [],
                        "shared": 0,
                        "versions": [],
                    },
                ),
                503: READING_FULL,
            },
            (*of_side(CHOSEN, FIRST, "of the first set"), *of_side(CHOSEN, SECOND, "of the second set")),
        ),
        "asking_api.search_json": Operation(
            "search",
            "The records that match a query, best first",
            {
                200: told(
                    "The records found; one of q, about and like must be given",
                    "Search",
                    {
                        "items": [
                            {
                                "record": "rec_01m8hsbp5hwrf6qtpx2tc8tfvd",
                                "source": "api",
                                "channel": None,
                                "created_at": "2026-03-04T19:15:52.624000+00:00",
                                "received_at": "2026-03-04T19:15:52.624000+00:00",
                                "subject": None,
                                "score_kind": "nps",
                                "score_value": 3.0,
                                "score_scale": None,
                                "text": "The app crashed.",
                                "stages": ["use", "cultivation"],
                                "factors": ["technology-", "courtesy+"],
                                "flags": ["churn_risk"],
                                "sentiment": -1,
                                "sentiment_score": -0.4,
                                "scope": "experience_issue",
                                "outcome": "resolved",
                                "reasons": ["repeat_contact"],
                                "needs_review": True,
                                "model": "voc-1.6.1",
                                "taxonomy": "voc/1.0.0",
                                "is_corrected": False,
                                "segments": ["plan=pro"],
                                "closeness": None,
                            }
                        ],
                        "records": 1,
                        "saying": None,
                        "compared": None,
                        "fault": None,
                        "cursor": None,
                    },
                ),
                404: refused("No such record in the key's workspace: not_found"),
                503: READING_FULL,
            },
            filters((*FILTERS, *SOUGHT)),
        ),
        "themes_api.themes_json": Operation(
            "themes",
            "Themes of a selection or a cell",
            {
                200: told(
                    "The themes with enough customers",
                    "Themes",
                    {
                        "total": 1,
                        "records": 1,
                        "customers": 1,
                        "left_out": 0,
                        "by": "words",
                        "least": 5,
                        "themes": [],
                        "other": 1,
                        "apart": 0.0,
                    },
                ),
                503: READING_FULL,
            },
            filters((*FILTERS, "cell")),
        ),
        "themes_api.new_themes_json": Operation(
            "newThemes",
            "Themes that no factor explains, in two periods",
            {
                200: told(
                    "Themes with their shares before and after, most clearly growing first",
                    "NewThemes",
                    {
                        "days_before": ["2026-10-04", "2026-10-31"],
                        "days_after": ["2026-11-01", "2026-03-04"],
                        "n_before": 0,
                        "n_after": 1,
                        "unexplained_before": 0,
                        "unexplained_after": 0,
                        "left_out": 0,
                        "by": "words",
                        "least": 5,
                        "themes": [],
                        "hidden": 0,
                        "too_few": True,
                    },
                ),
                503: READING_FULL,
            },
            filters(FILTERS),
        ),
    },
    {
        "Report": Shape(
            ("vocservice.reporting.report:Report",),
            "docs/report.md defines each figure.",
            without=("pending", "is_kept"),
            more={
                "format": _FORMAT,
                "taxonomy": TEXT,
                "since": {"description": "first day of the period; null here, because the filters contain it"},
                "until": {"description": "last day of the period; null here, because the filters contain it"},
                "themes": {"description": "themes of the quoted cells; null if not requested, as here"},
                "other_drivers": {"description": "drivers of each other kind of score with enough scores"},
            },
            is_shallow=True,
        ),
        "Estimate": Shape(("vocservice.reporting.estimate:Estimate",), more={"n": COUNT}),
        "Quote": Shape(("vocservice.reporting.quotes:Quote",)),
        "Themes": Shape(
            (f"{_THEMES}:Themes",),
            more={
                **dict.fromkeys(("total", "records", "customers", "left_out", "least", "other"), COUNT),
                "by": _BY,
                "themes": {
                    "items": Shape((f"{_THEMES}:Theme",), "", more={"records": COUNT, "customers": COUNT, "quotes": {"maxItems": 3}})
                },
            },
        ),
        "NewThemes": Shape(
            (f"{_EMERGING}:Emerging",),
            more={
                **dict.fromkeys(("n_before", "n_after", "unexplained_before", "unexplained_after", "left_out", "least", "hidden"), COUNT),
                "by": _BY,
                "themes": {
                    "items": Shape(
                        (f"{_EMERGING}:NewTheme",),
                        "",
                        more={**dict.fromkeys(("customers", "hits_before", "hits_after"), COUNT), **_NAMED, "quotes": {"maxItems": 3}},
                    )
                },
            },
        ),
        "Search": closed(
            {
                "items": {
                    "type": "array",
                    "maxItems": LISTED,
                    "items": {
                        "type": "object",
                        "required": ["record", "closeness"],
                        "description": "a row of the records export, and the cosine similarity to the query",
                    },
                },
                "records": NUMBER,
                "saying": {"type": ["integer", "null"], "description": "records that match the words; null where none were asked for"},
                "compared": {
                    "type": ["integer", "null"],
                    "description": "records with a vector to compare; null if meaning was not requested",
                },
                "fault": {"type": ["string", "null"], "description": "why meaning could not be searched"},
                "cursor": {"type": ["string", "null"], "description": "cursor of the next records with the words; null at the end"},
            }
        ),
        "Charts": closed({"charts": {"type": "array", "items": closed({"chart": _CHARTS, "title": TEXT})}}),
        "Chart": closed(
            {
                "asked": _ASKED,
                "format": _FORMAT,
                "chart": _CHARTS,
                "title": TEXT,
                "definition": closed({"title": TEXT, "text": TEXT}),
                "taxonomy": TEXT,
                "made": DAY,
                "records": NUMBER,
                "data": {"type": ["object", "array", "null"], "description": "that part of the report; null if there is none"},
            },
            description="docs/report.md defines each figure; docs/workbench.md names the charts.",
        ),
        "Contrast": Shape(
            ("vocservice.reporting.contrast:Contrast",),
            "docs/workbench.md says what is compared.",
            more={
                "asked": _ASKED,
                "format": _FORMAT,
                "taxonomy": TEXT,
                "causes": {"description": "each difference split four ways; docs/report.md"},
                "shared": {**COUNT, "description": "records in both sets"},
                "versions": {"description": "models and taxonomies that labelled only one of the two"},
            },
            is_shallow=True,
        ),
    },
)
