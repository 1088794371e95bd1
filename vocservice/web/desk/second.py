"""Sampled decided records in, second readings out, and the agreement of readers with each other and with the model."""

from typing import Any

from flask import Response

from vocservice.store.accounts.users import ANALYST, SUPPORT_LEAD
from vocservice.store.review import second, urgency
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.desk.pages import words
from vocservice.web.state import state

blueprint = people.pages("second")


@blueprint.get("/desk/second")
@require_role(SUPPORT_LEAD)
def waiting() -> Response:
    """The records that this person can read second, and the disagreements that they can settle."""
    with people.database().read() as connection:
        lists: dict[str, Any] = {"waiting": second.waiting(connection, person()), "disputes": second.disputes(connection, person())}
    return people.shown("second.html", **lists, **words())


@blueprint.get("/desk/agreement")
@require_role(ANALYST)
def agreement() -> Response:
    """Kappa of each label."""
    from vocservice.reporting.agreement import agreements  # brings numpy

    with people.database().read() as connection:
        pairs = list(second.pairs(connection, person().workspace_id))
        standing = second.standing(connection, person().workspace_id)
    rows = list(agreements(pairs, state().model.taxonomy()))
    values: dict[str, Any] = {"rows": rows, "n": len(pairs), "standing": standing, "share": urgency.rules().second_reading.share}
    return people.shown("agreement.html", **values, **words())
