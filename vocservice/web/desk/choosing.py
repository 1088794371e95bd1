"""The parameters of a URL in, the queue filters they ask for out, and back; unknown values are ignored."""

from collections.abc import Mapping
from typing import get_args
from urllib.parse import urlencode

from vocservice.reporting.recovery import handling
from vocservice.store.review.reviews import Assignee, Choice, Sort, State
from vocservice.web.requests.query import told
from vocservice.web.state import state as web_state

FILTERS = ("state", "label", "scope", "channel", "assignee", "owner", "tag", "overdue", "sort", "unfixed")
_DEFAULTS = {"state": "pending", "sort": "urgency"}


def choice_of(args: Mapping[str, str]) -> Choice:
    """The filters that these parameters ask for."""
    asked = {name: told(args, name) for name in FILTERS}
    state: State = next((name for name in get_args(State) if name == asked["state"]), "pending")
    sort: Sort = next((name for name in get_args(Sort) if name == asked["sort"]), "urgency")
    looking, owner = _person(asked["assignee"]), _person(asked["owner"])
    plain = (asked["label"], asked["scope"], asked["channel"])
    own = handling(web_state().model.taxonomy()) if asked["unfixed"] == "1" else ()
    return Choice(state, *plain, looking, owner, asked["tag"], asked["overdue"] == "1", sort, asked["unfixed"] == "1", own)


def filters_of(choice: Choice) -> dict[str, str]:
    """The parameters that ask for these filters, without defaults."""
    values = {name: getattr(choice, name) for name in FILTERS}
    values |= {name: "1" if values[name] else "" for name in ("overdue", "unfixed")}
    return {name: str(value) for name, value in values.items() if value and value != _DEFAULTS.get(name)}


def query_of(choice: Choice) -> str:
    """The same as the query of a URL, with its question mark; blank for the default."""
    filters = filters_of(choice)
    return f"?{urlencode(filters)}" if filters else ""


def _person(asked: str) -> Assignee:
    return next((who for who in get_args(Assignee) if who == asked), "")
