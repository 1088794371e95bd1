"""The start page, the API description and the probes: routes that need no key and no store."""

from vocservice.web.described.parts import TEXT, Answer, Body, Content, Noun, Operation, closed, refused, told

_HTML = "text/html"
_FORM = "application/x-www-form-urlencoded"


def _page(about: str) -> Answer:
    return Answer(about, {_HTML: Content(TEXT)})


NOUN = Noun(
    {
        "health.livez": Operation(
            "livez", "Whether the process answers", {200: told("It does", closed({"status": {"const": "ok"}}), {"status": "ok"})}
        ),
        "health.readyz": Operation(
            "readyz",
            "Whether texts can be analysed",
            {
                200: told(
                    "The model is loaded and the store answers",
                    closed(
                        {
                            "status": {"const": "ready"},
                            "model": {"type": ["string", "null"]},
                            "taxonomy": {"type": ["string", "null"]},
                            "store": {
                                "enum": ["ok", "absent"],
                                "description": "`absent`: no store was created; only routes that need none are served",
                            },
                        }
                    ),
                    {"status": "ready", "model": "voc-1.6.1", "taxonomy": "voc/1.0.0", "store": "ok"},
                ),
                503: refused(
                    "There is no usable model, the store does not answer, or the process stops: "
                    "bundle_invalid, store_unavailable, store_damaged, schema_mismatch, key_missing, stopping"
                ),
            },
        ),
        "openapi.openapi": Operation(
            "openapi",
            "This document",
            {
                200: told(
                    "OpenAPI 3.1",
                    {"type": "object"},
                    {"openapi": "3.1.0", "info": {"title": "vocservice", "version": "1.0.0"}, "paths": {}, "components": {}},
                )
            },
        ),
        "page.form": Operation("form", "A page with a form for one text", {200: _page("The page")}),
        "page.result": Operation(
            "result",
            "The same page with the labels of the text",
            body=Body(
                {
                    _FORM: Content(
                        {"type": "object", "properties": {"text": TEXT, "channel": TEXT, "question": TEXT}},
                        {"text": "The app crashed twice.", "channel": "review"},
                    )
                },
                is_required=False,
            ),
            answers={
                200: _page("The page with the labels"),
                403: _page("The page saying that this service analyses for API keys only"),
                413: refused("The form is too large: body_too_large"),
                422: _page("The page with the reason why the text cannot be processed"),
                503: _page(
                    "The page saying that there is no usable model or too much to analyse at a time; for too many large forms at once a "
                    "problem: uploads_full"
                ),
            },
        ),
    }
)
