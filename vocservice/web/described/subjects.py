"""`/v1/subjects`: a customer by their key, and what is held or was erased of them."""

from vocservice.store.received.erasure import Erased
from vocservice.web.api.subjects import LONGEST
from vocservice.web.described.parts import COUNT, TEXT, TIME, Noun, Operation, closed, json_body, refused, told
from vocservice.web.described.shapes import Shape

_BODY = json_body("Subject", {"subject": "customer-17"})
_UNUSABLE = refused("There is no customer's key, or more than that: invalid_type", shared="SubjectUnusable")

_ERASED = {"records": 0, "bodies": 0, "answers": 0, "batches_to_search": 0}
_BATCH = closed(
    {
        "id": TEXT,
        "name": TEXT,
        "status": TEXT,
        "created_at": TIME,
        "names_customer": {"type": ["boolean", "null"], "description": "true, or null where no worker has searched it yet"},
    }
)

NOUN = Noun(
    {
        "subjects.export": Operation(
            "export_subject",
            "Everything held of a customer",
            {200: told("What is held", "Held", {"items": [], "batches": []}), 422: _UNUSABLE},
            body=_BODY,
        ),
        "subjects.erase": Operation(
            "erase_subject",
            "Erase everything of a customer for good",
            {200: told("It is erased and cannot come back", "Erased", _ERASED), 422: _UNUSABLE},
            body=_BODY,
        ),
    },
    {
        "Subject": closed(
            {"subject": {"type": ["string", "integer"], "maxLength": LONGEST}},
            description="A customer by their pseudonymous key; upper and lower case are one.",
        ),
        "Held": closed(
            {"items": {"type": "array", "items": {"type": "object"}}, "batches": {"type": "array", "items": _BATCH}},
            description="Everything held of a customer, redacted as it is kept, oldest first, "
            "and the batches whose files name the customer.",
        ),
        "Erased": Shape(
            (Erased,),
            "How many records, quarantined bodies and kept answers were erased, and in how many batches a worker searches the files after.",
            more=dict.fromkeys(_ERASED, COUNT),
        ),
    },
)
