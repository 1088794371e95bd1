"""`/v1/rules`: rules of a workspace, their versions, and tests on past records."""

from typing import get_args

from vocservice.rules.tokens import LONGEST
from vocservice.store.review.handling import LONGEST_TAG
from vocservice.store.review.rule_hits import Hit
from vocservice.store.review.rule_trials import EXAMPLES
from vocservice.store.review.rules import LONGEST_NAME, LONGEST_OWNER, LONGEST_REASON, MOST_URGENCY, Effect, Rule
from vocservice.web.api.rules import Changed, Tried, Written
from vocservice.web.described.parts import (
    COUNT,
    DAY,
    NUMBER,
    SHARE,
    TEXT,
    TIME,
    Noun,
    Operation,
    Parameter,
    Schema,
    closed,
    json_body,
    listed,
    ref,
    refused,
    told,
)
from vocservice.web.described.shapes import Shape

_LONGEST_ADDRESS = 255


def _text(most: int, about: str) -> Schema:
    return {"maxLength": most, "minLength": 1, "description": about}


_FIELDS = {
    "name": _text(LONGEST_NAME, "name shown on the desk; unique"),
    "owner": _text(LONGEST_OWNER, "who is responsible for it"),
    "expression": _text(LONGEST, "the rule"),
    "reason": _text(LONGEST_REASON, "what readers are told"),
    "urgency": {**COUNT, "maximum": MOST_URGENCY, "description": "points in the queue"},
    "tag": {"maxLength": LONGEST_TAG},
    "assignee": {"maxLength": _LONGEST_ADDRESS, "description": "e-mail address of the person who gets the record"},
}
_EFFECT = "`review` brings a record to the desk, `route` only adds the tag or assigns the person"
_WRITTEN = {**_FIELDS, "effect": {"enum": get_args(Effect), "default": "review", "description": _EFFECT}}
_HELD = {
    **_FIELDS,
    "effect": {"description": _EFFECT},
    "version": {"minimum": 1},
    "fault": {"type": ["string", "null"], "description": "what it names that the present taxonomy does not have"},
}
_UNTOLD = ("workspace_id", "assignee_id")
_UNKNOWN = refused("No such rule in the key's workspace: rule_unknown", shared="RuleUnknown")
_UNUSABLE = refused("The body has another shape, or its expression is not a rule: invalid_type, rule_invalid", shared="RuleUnusable")
_REFUSED = refused(
    "No body, cut off, not valid JSON, not UTF-8 or not valid gzip: empty_body, bad_request, invalid_json, invalid_encoding, invalid_gzip, "
    "or the rule is invalid, its name is taken, or there are too many: rule_unusable, tag_unusable, name_taken, rules_full",
    shared="RuleRefused",
)
_RULE = {
    "id": "rule_01m8hsbretwevcqqrtzqvymbvr",
    "name": "Broken",
    "owner": "Digital",
    "expression": "factor.technology is negative",
    "reason": "It is broken",
    "effect": "review",
    "urgency": 20,
    "tag": None,
    "assignee": None,
    "is_enabled": True,
    "version": 1,
    "taxonomy": "voc/1.0.0",
    "changed_by": "key:key_01m8hsbnzj48awd6d9g3dqd01f",
    "changed_at": "2026-03-04T19:15:54.953000+00:00",
    "created_at": "2026-03-04T19:15:54.953000+00:00",
    "fault": None,
}
_MADE = {
    "id": "rule_01m8hsbzwwtd74p3bbbn8f89tg",
    "name": "Leaving in chat",
    "owner": "Support",
    "expression": "scope is service_complaint and flag.churn_risk > 0.6 and channel is chat",
    "reason": "Leaves over something that support can fix",
    "effect": "review",
    "urgency": 20,
    "tag": None,
    "assignee": None,
    "is_enabled": False,
    "version": 1,
    "taxonomy": "voc/1.0.0",
    "changed_by": "key:key_01m8hsbnzj48awd6d9g3dqd01f",
    "changed_at": "2026-03-04T19:16:02.587000+00:00",
    "created_at": "2026-03-04T19:16:02.587000+00:00",
    "fault": None,
}
_SENT = {
    "name": "Leaving in chat",
    "owner": "Support",
    "expression": "scope is service_complaint and churn_risk > 0.6 and channel is chat",
    "reason": "Leaves over something that support can fix",
}
_CHANGED = {**_MADE, "is_enabled": True, "version": 2, "changed_at": "2026-03-04T19:17:10.104000+00:00"}

NOUN = Noun(
    {
        "rules_api.listed": Operation("rules", "The rules of the workspace by name", {200: told("The rules", "Rules", {"items": [_RULE]})}),
        "rules_api.create": Operation(
            "create_rule",
            "Add a rule, disabled by default",
            {201: told("The rule, with its expression written out", "Rule", _MADE), 400: _REFUSED, 422: _UNUSABLE},
            body=json_body("RuleWritten", _SENT),
        ),
        "rules_api.test": Operation(
            "test_rule",
            "Test a rule on past records",
            {
                200: told(
                    "Counts, overlap with the model and with people's decisions",
                    "RuleTrial",
                    {
                        "expression": "scope is service_complaint and flag.churn_risk > 0.6 and channel is chat",
                        "records": 1,
                        "hits": 0,
                        "cut": False,
                        "overlap": {"both": 0, "rule_only": 0, "model_only": 1},
                        "queue": {"before": 1, "after": 1},
                        "rule": {"decided": 0, "confirmed": 0, "dismissed": 0, "precision": None, "interval": None},
                        "model": {"decided": 0, "confirmed": 0, "dismissed": 0, "precision": None, "interval": None},
                        "weeks": [{"week": "2026-11-23", "records": 1, "hits": 0}],
                        "examples": [],
                    },
                ),
                400: refused(
                    "No body, cut off, not valid JSON, not UTF-8 or not valid gzip: "
                    "empty_body, bad_request, invalid_json, invalid_encoding, invalid_gzip, "
                    "or since is not a time: parameter_invalid"
                ),
                404: _UNKNOWN,
                422: _UNUSABLE,
            },
            body=json_body("RuleTried", {"expression": _SENT["expression"]}),
        ),
        "rules_api.one": Operation(
            "rule", "One rule with its versions", {200: told("The rule", "RuleVersions", {**_RULE, "versions": [_RULE]})}
        ),
        "rules_api.change": Operation(
            "change_rule",
            "Save a new version of a rule",
            {
                200: told("The rule as stored now", "Rule", _CHANGED),
                400: _REFUSED,
                409: refused("A newer version exists: rule_conflict"),
                422: _UNUSABLE,
            },
            body=json_body("RuleChanged", {**_SENT, "version": 1, "is_enabled": True}),
        ),
    },
    {
        "RuleWritten": Shape((Written,), more=_WRITTEN, optional=("effect",)),
        "RuleChanged": Shape(
            (Changed,), more={**_WRITTEN, "version": {"minimum": 1, "description": "the version that was read"}}, optional=("effect",)
        ),
        "Rule": Shape((Rule,), without=_UNTOLD, more=_HELD),
        "RuleVersions": Shape((Rule,), without=_UNTOLD, more={**_HELD, "versions": {**listed("Rule"), "description": "newest first"}}),
        "Rules": closed({"items": listed("Rule")}),
        "RuleTried": Shape(
            (Tried,),
            "an expression, or the id of a stored rule",
            more={
                "expression": {"maxLength": LONGEST},
                "since": {"format": "date-time"},
            },
            also={"oneOf": [{"required": ["expression"]}, {"required": ["id"]}]},
        ),
        "RuleJudged": closed(
            {
                "decided": NUMBER,
                "confirmed": NUMBER,
                "dismissed": NUMBER,
                "precision": {"type": ["number", "null"], **SHARE},
                "interval": {
                    "anyOf": [{"type": "array", "items": {"type": "number", **SHARE}, "minItems": 2, "maxItems": 2}, {"type": "null"}]
                },
            }
        ),
        "RuleTrial": closed(
            {
                "expression": TEXT,
                "records": NUMBER,
                "hits": NUMBER,
                "cut": {"type": "boolean", "description": "older records were not tested"},
                "overlap": closed({"both": NUMBER, "rule_only": NUMBER, "model_only": NUMBER}),
                "queue": closed({"before": NUMBER, "after": NUMBER}),
                "rule": ref("RuleJudged"),
                "model": ref("RuleJudged"),
                "weeks": {"type": "array", "items": closed({"week": DAY, "records": NUMBER, "hits": NUMBER})},
                "examples": {
                    "type": "array",
                    "items": closed({"record": TEXT, "at": TIME, "because": TEXT, "text": TEXT}),
                    "maxItems": EXAMPLES,
                },
            }
        ),
        "StoredHit": Shape(
            (Hit,),
            "A rule of the workspace that matched the analysis.",
            only=("rule_id", "name", "owner", "version", "effect", "reason", "because", "evidence", "at"),
            names={"rule_id": "id"},
            more={
                "version": {"minimum": 1},
                "effect": {"enum": get_args(Effect)},
                "because": {"description": "the tests that held"},
                "queue": {**TEXT, "description": "its tag"},
            },
            optional=("queue",),
        ),
    },
    (Parameter("rule_id", place="path", shared="RuleId"),),
    {"rule_id": _UNKNOWN},
)
