"""Names of filters in, URL parameters out, as `vocservice.web.workbench.selecting` reads them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from vocservice.reporting.rows import POLARITIES, SCORE_KINDS
from vocservice.store.analysed.reading import NO, OWN, YES
from vocservice.web.described.parts import DAY, TEXT, Parameter
from vocservice.web.requests.query import LONGEST, MOST_VALUES
from vocservice.web.workbench.selecting import LEVELS, MANY, MOST_OWN, NOT

_LEVEL = {"enum": LEVELS}
_NUMBER = {"type": "number"}
_TYPED = {**TEXT, "maxLength": LONGEST}
_VALUES = {"anyOf": [_TYPED, {"type": "array", "items": _TYPED, "maxItems": MOST_VALUES}]}
_SAID: Mapping[str, Parameter] = {
    one.name: one
    for one in (
        Parameter("since", DAY, "first day, by the sender's time or else the time of receipt"),
        Parameter("until", DAY, "last day"),
        Parameter("source", about="id or name of a source, or `api`"),
        Parameter("stage", about="`none`: no stage was given"),
        Parameter("factor", about="with `stage`: the factor at that stage"),
        Parameter("polarity", {"enum": POLARITIES}, "of the factor"),
        Parameter("scope", about="`any_service`, `any_experience`: alone or with the other; `any`: any scope, `none`: none was given"),
        Parameter("score_kind", {"enum": SCORE_KINDS}),
        Parameter("level_from", _LEVEL, "lowest level of sentiment"),
        Parameter("level_to", _LEVEL, "highest level of sentiment"),
        Parameter("scale", about="a score on this scale, as the report names it; `any`: on the only one there is"),
        Parameter("score_from", _NUMBER, "lowest score, in the sender's units"),
        Parameter("score_to", _NUMBER, "highest score"),
        Parameter("outcome", about="how a transcript ended; `any`: any outcome, `none`: none was given"),
        Parameter("owner", about="a team: records that blame something it owns"),
        Parameter("metric", about="records that blame something that moves this metric"),
        Parameter("model", about="version of the model that labelled it"),
        Parameter("taxonomy", about="version of the taxonomy that labelled it"),
        Parameter(
            "fixed", {"enum": (YES, NO)}, "among records of an experience issue: whether the issues of everything they blame are closed"
        ),
        Parameter("reason", about="a given reason for review"),
        Parameter("needs_review", {"enum": ("true", "false")}, "of transcripts: whether somebody should look at it"),
        Parameter("is_corrected", {"enum": ("true", "false")}, "whether a person's labels replace the model's"),
        Parameter("customer_of", about="id of a record: records of the same customer"),
        Parameter(
            NOT,
            {
                "type": "array",
                "items": {"anyOf": [{"enum": MANY}, {"type": "string", "pattern": rf"^{re.escape(OWN)}.+"}]},
                "maxItems": MOST_VALUES,
            },
            "names of filters: records that have none of their values",
        ),
        Parameter("before_since", DAY, "first day of the first of two periods to compare; needs the other three"),
        Parameter("before_until", DAY),
        Parameter("after_since", DAY),
        Parameter("after_until", DAY),
        Parameter("by", about="a custom field by which figures are broken down and which drivers control for"),
        Parameter("target", about="a custom field with yes and no answers, such as willingness to recommend: the drivers explain it"),
        Parameter(
            "cell",
            about="`STAGE.FACTOR` or `STAGE.FACTOR.POLARITY`: the records of a cell of the journey map; `any` is any stage or factor, "
            "`group:NAME` any factor of a group",
        ),
        Parameter("q", _TYPED, 'words that the customer used, all of them: `word`, `begin*`, `"a phrase"`, `-without`'),
        Parameter("about", _TYPED, "query by meaning; needs a model in the process"),
        Parameter("like", _TYPED, "id of a record to find similar ones to"),
        Parameter("cursor", about="cursor of the previous answer; continues the word search"),
    )
}


def filters(names: Iterable[str]) -> tuple[Parameter, ...]:
    """The parameters with these names (plain text unless described otherwise), and those of custom fields."""
    return (*_named(names), _own(""))


def of_side(names: Iterable[str], prefix: str, side: str) -> tuple[Parameter, ...]:
    """The same with a prefix, for one of two sets."""
    sided = (replace(one, name=prefix + one.name, about=f"{side}: {one.about}" if one.about else side) for one in _named(names))
    return (*sided, _own(prefix))


def _named(names: Iterable[str]) -> tuple[Parameter, ...]:
    return tuple(_several(_SAID.get(name) or Parameter(name)) for name in names)


def _several(one: Parameter) -> Parameter:
    """A list for repeatable parameters."""
    if one.name not in MANY:
        return one
    return replace(one, schema={"type": "array", "items": one.schema, "maxItems": MOST_VALUES})


def _own(prefix: str) -> Parameter:
    """Custom fields: each is a parameter by itself, like the members of an exploded object."""
    members = {"propertyNames": {"pattern": rf"^{prefix}{re.escape(OWN)}.+"}, "additionalProperties": _VALUES, "maxProperties": MOST_OWN}
    about = f"custom fields, as `{prefix}{OWN}plan=pro`; `other`: a value that few share"
    return Parameter(f"{prefix}own", {"type": "object", **members}, about)
