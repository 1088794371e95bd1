"""`GET /v1/taxonomy`: label sets and their labels."""

from vocservice.taxonomy import LabelSet, Taxonomy
from vocservice.web.described.parts import TEXT, Noun, Operation, closed, ref, told
from vocservice.web.described.shapes import Shape

_EXAMPLE = {
    "name": "voc",
    "version": "1.0.0",
    "owners": {
        "support": "Customer support: answers this customer now",
        "product": "Product: what is sold and how well it works",
        "marketing": "Marketing and brand: what is promised, to whom, in what words",
    },
    "metrics": {"first_contact_resolution": "First-contact resolution", "response_time": "Response time"},
    "stages": {
        "kind": "multi",
        "labels": [
            {
                "key": "awareness",
                "label": "Awareness / Interest",
                "definition": "hearing of the brand: adverts, word of mouth heard, sponsorship, first impression, "
                '"never heard of them before"',
                "excludes": "liking an offer (attraction)",
                "owner": "marketing",
                "metrics": ["nps"],
            },
            {
                "key": "discovery",
                "label": "Discovery",
                "definition": "searching, researching, comparing providers, reading reviews, finding out what is sold, "
                "looking for information before deciding",
                "excludes": "using the product's own search after purchase (use)",
                "owner": "marketing",
                "metrics": ["nps"],
            },
        ],
        "polarities": [],
        "max_labels": 3,
        "of": "verbatim",
    },
}

NOUN = Noun(
    {
        "taxonomy.taxonomy": Operation(
            "taxonomy",
            "The taxonomy: every label with its definition, owner and metrics",
            {200: told("The taxonomy", "Taxonomy", _EXAMPLE)},
        ),
    },
    {
        "Taxonomy": Shape(
            (Taxonomy,),
            "Label sets by name, beside the teams and metrics they refer to.",
            without=("sets",),
            also={"additionalProperties": ref("LabelSet")},
        ),
        "LabelSet": Shape(
            (LabelSet,),
            without=("name",),
            more={
                "labels": {
                    "type": "array",
                    "items": closed({"key": TEXT, "label": TEXT, "definition": TEXT}) | {"additionalProperties": True},
                },
            },
        ),
    },
)
