"""Forms in, which custom fields show as segments out: an admin hides fields that are personal or useless, or shows them again."""

from flask import Response, make_response, redirect, request, url_for

from vocservice.errors import InputError
from vocservice.reporting.own import most_told
from vocservice.store.accounts.users import ADMIN
from vocservice.store.analysed import own
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role

blueprint = people.pages("fields")

SHOWN = 100


@blueprint.get("/admin/fields")
@require_role(ADMIN)
def listing() -> Response:
    """The most frequent custom fields, and the hidden ones."""
    return _page()


@blueprint.post("/admin/fields")
@require_role(ADMIN)
def change() -> Response:
    """Hide or show a field."""
    form, user = request.form, person()
    try:
        own.set_hidden(people.database(), user.workspace_id, form.get("name", ""), form.get("do") != "show", actor=user.actor)
    except InputError as error:
        return _page(status=422, fault=error.message)
    return make_response(redirect(url_for("fields.listing"), 303))


def _page(*, status: int = 200, fault: str = "") -> Response:
    fields, counts = own.seen(people.database(), person().workspace_id)
    shown = [name for name in most_told(counts, SHOWN) if name not in fields.hidden]
    values = {"hidden": sorted(fields.hidden), "shown": shown, "counts": counts, "fields": fields}
    return people.shown("admin_fields.html", status=status, fault=fault, **values)
