"""`/v1/subjects`: export and erasure of everything about a customer, by their key."""

from vocservice.store.received.erasure import Erased
from vocservice.web.api.subjects import LONGEST
from vocservice.web.described.parts import COUNT, TEXT, TIME, Noun, Operation, closed, json_body, refused, told
from vocservice.web.described.shapes import Shape

_BODY = json_body("Subject", {"subject": "customer-17"})
_UNUSABLE = refused("There is no customer key, or there are other fields: invalid_type", shared="SubjectUnusable")

_ERASED = {"records": 0, "bodies": 0, "answers": 0, "batches_to_search": 0}
_BATCH = closed(
    {
        "id": TEXT,
        "name": TEXT,
        "status": TEXT,
        "created_at": TIME,
        "names_customer": {"type": ["boolean", "null"], "description": "true, or null if no worker has searched it yet"},
    }
)

NOUN = Noun(
    {
        "subjects.export": Operation(
            "export_subject",
            "Export everything stored about a customer",
            {200: told("What is held", "Held", {"items": [], "batches": []}), 422: _UNUSABLE},
            body=_BODY,
        ),
        "subjects.erase": Operation(
            "erase_subject",
            "Permanently erase everything about a customer",
            {200: told("Permanently erased", "Erased", _ERASED), 422: _UNUSABLE},
            body=_BODY,
        ),
    },
    {
        "Subject": closed(
            {"subject": {"type": ["string", "integer"], "maxLength": LONGEST}},
            description="A customer by their pseudonymous key, which ignores case.",
        ),
        "Held": closed(
            {"items": {"type": "array", "items": {"type": "object"}}, "batches": {"type": "array", "items": _BATCH}},
            description="Everything stored about a customer, redacted, oldest first, and the batches whose files name the customer.",
        ),
        "Erased": Shape(
            (Erased,),
            "How many records, quarantined bodies and stored answers were erased, and how many batches a worker will search.",
            more=dict.fromkeys(_ERASED, COUNT),
        ),
    },
)
