"""A form in, recipients and timing of notifications out; also the choices such a form offers."""

from collections.abc import Mapping, Sequence

from flask import request

from vocservice.errors import InputError
from vocservice.store.review.telling import Telling, possible_readers
from vocservice.store.review.timing import Timing, kept, timing_of, zones
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person
from vocservice.web.state import state

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Form = Mapping[str, Sequence[str]]


def told_in_form() -> tuple[str, Timing, tuple[str, ...], bool]:
    """The fields of a `Telling`, from a form.

    Raises:
        InputError: a mail is requested without a mail server (`mail_missing`), or a time, day, number or time
            zone is invalid (`timing_invalid`, `number_invalid`).
    """
    form = request.form
    readers = tuple(form.getlist("reader"))
    if readers:
        check_mail()
    return form.get("name", ""), _timing(), readers, form.get("endpoints") == "on"


def check_mail() -> None:
    """Check that mail can be sent.

    Raises:
        InputError: no mail server is set (`mail_missing`).
    """
    if not state().sends_mail:
        raise InputError("no mail server is set (mail.host), so nobody can be mailed", code="mail_missing")


def number_in_form(name: str) -> int:
    """An integer; 0 if blank.

    Raises:
        InputError: it is not an integer (`number_invalid`).
    """
    text = request.form.get(name, "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InputError("write whole numbers for minutes and points", code="number_invalid")
    return int(text)


def offered(role: str) -> Mapping[str, object]:
    """The choices of a form: readers of a role, days and time zones; and whether mail can be sent."""
    with people.database().read() as connection:
        readers = possible_readers(connection, person().workspace_id, role)
    return {"readers": readers, "days": DAYS, "zones": zones(), "sends_mail": state().sends_mail}


def form_sent() -> Form:
    """The values of a refused form."""
    return request.form.to_dict(flat=False)


def form_of(one: Telling) -> Form:
    """The stored values as fields of the form."""
    timing = kept(one.timing)
    return {
        "name": [one.name],
        "reader": list(one.readers),
        "endpoints": ["on"] if one.tells_endpoints else [],
        "when": ["digest" if one.is_digest else "instant"],
        "zone": [timing["zone"]],
        "cool_down": [str(timing["cool_down"])],
        "day": [DAYS[day] for day in timing["days"]],
        **{name: [timing[name]] for name in ("quiet_from", "quiet_to", "digest_at") if timing[name]},
    }


def _timing() -> Timing:
    form = request.form
    is_digest = form.get("when") == "digest"
    return timing_of(
        zone=form.get("zone", ""),
        cool_down=number_in_form("cool_down"),
        quiet=("", "") if is_digest else (form.get("quiet_from", ""), form.get("quiet_to", "")),
        digest_at=form.get("digest_at", "") or "-" if is_digest else "",
        days=[DAYS.index(day) for day in form.getlist("day") if day in DAYS],
    )
