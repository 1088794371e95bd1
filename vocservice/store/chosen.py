"""The name of a workspace in, its id out; without a name the only workspace."""

from sqlalchemy import Connection, select

from vocservice.errors import InputError
from vocservice.store.schema import workspaces


def workspace_id(connection: Connection, name: str | None = None) -> str:
    """The id of the chosen workspace.

    Raises:
        InputError: there is none with this name, or, without a name, there are several or none (`workspace_unknown`).
    """
    wanted = select(workspaces.c.id).where(workspaces.c.name == name) if name else select(workspaces.c.id)
    found = list(connection.scalars(wanted.limit(2)))
    if len(found) == 1:
        return str(found[0])
    if name:
        raise InputError("there is no workspace of this name", code="workspace_unknown")
    message = "there are several workspaces: say which" if found else "there is no workspace yet: voc init makes one"
    raise InputError(message, code="workspace_unknown")
