"""A name, readers and a timing in, recipients and times of notifications out: shared by alerts and watches."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.received.sources import checked_name
from vocservice.store.review.timing import Timing, kept, timing_in


@dataclass(frozen=True, slots=True)
class Telling:
    """Recipients and timing of notifications.

    Attributes:
        readers: ids of the users who get a mail.
        tells_endpoints: whether an event is also sent to endpoints.
    """

    name: str
    timing: Timing
    readers: tuple[str, ...]
    tells_endpoints: bool

    @property
    def is_digest(self) -> bool:
        return self.timing.digest_at is not None


def possible_readers(connection: Connection, workspace_id: str, role: str) -> list[User]:
    """The users of a workspace with the rights of a role."""
    return [user for user in users.listed(connection, workspace_id) if user.may(role)]


def addresses(connection: Connection, workspace_id: str, readers: Collection[str], role: str) -> tuple[str, ...]:
    """The readers who still have the right to read it."""
    return tuple(user.email for user in possible_readers(connection, workspace_id, role) if user.id in readers)


def checked(connection: Connection, user: User, wish: Telling, role: str) -> Json:
    """Check a wish; return it as table columns.

    Args:
        role: that readers need.

    Raises:
        InputError: the name is unusable, it would notify nobody (`alert_silent`), or there is no such reader (`reader_unknown`).
    """
    if not (wish.readers or wish.tells_endpoints):
        raise InputError("choose who gets a mail, or that endpoints are told", code="alert_silent")
    if set(wish.readers) - {reader.id for reader in possible_readers(connection, user.workspace_id, role)}:
        raise InputError("choose among the people of this workspace who may read it", code="reader_unknown")
    told = {"readers": list(wish.readers), "tells_endpoints": wish.tells_endpoints}
    return {"name": checked_name(wish.name), **kept(wish.timing), **told}


def told_in(row: Any) -> tuple[str, Timing, tuple[str, ...], bool]:
    """The fields of a `Telling` from a row with these columns."""
    return row.name, timing_in(row), tuple(row.readers), row.tells_endpoints
