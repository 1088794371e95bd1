"""A name, readers and a timing in, who is told of something and when out: what alerts and watches have in common."""

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
    """Who is told of something, and when.

    Attributes:
        readers: ids of the users who get a mail.
        tells_endpoints: whether an event is sent to endpoints.
    """

    name: str
    timing: Timing
    readers: tuple[str, ...]
    tells_endpoints: bool

    @property
    def is_digest(self) -> bool:
        return self.timing.digest_at is not None


def possible_readers(connection: Connection, workspace_id: str, role: str) -> list[User]:
    """The people of a workspace who may what a role may."""
    return [user for user in users.listed(connection, workspace_id) if user.may(role)]


def addresses(connection: Connection, workspace_id: str, readers: Collection[str], role: str) -> tuple[str, ...]:
    """Of those among the readers who may still read it."""
    return tuple(user.email for user in possible_readers(connection, workspace_id, role) if user.id in readers)


def checked(connection: Connection, user: User, wish: Telling, role: str) -> Json:
    """What somebody wants, as the columns of a table hold it.

    Args:
        role: what a reader must be.

    Raises:
        InputError: the name will not do, it would tell nobody (`alert_silent`), or there is no such reader (`reader_unknown`).
    """
    if not (wish.readers or wish.tells_endpoints):
        raise InputError("choose who gets a mail, or that endpoints are told", code="alert_silent")
    if set(wish.readers) - {reader.id for reader in possible_readers(connection, user.workspace_id, role)}:
        raise InputError("choose among the people of this workspace who may read it", code="reader_unknown")
    told = {"readers": list(wish.readers), "tells_endpoints": wish.tells_endpoints}
    return {"name": checked_name(wish.name), **kept(wish.timing), **told}


def told_in(row: Any) -> tuple[str, Timing, tuple[str, ...], bool]:
    """The fields of a `Telling` in a row with these columns."""
    return row.name, timing_in(row), tuple(row.readers), row.tells_endpoints
