"""E-mail addresses and passwords in, users out: `voc user add`, `list`, `password`, `disable`, `enable`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from vocservice.cli.holding import ACTOR, Held, held, in_workspace
from vocservice.cli.listing import print_all
from vocservice.errors import InputError

if TYPE_CHECKING:
    from vocservice.store.accounts.users import User

ROLES = ("analyst", "support_lead", "admin")


@click.group()
def user() -> None:
    """Manage the people who may sign in.

    Passwords are asked for on a terminal, or read as one line of standard input; never an argument.
    """


@user.command()
@click.argument("email")
@click.option("--name", help="Name shown to others; the part before the @ by default.")
@click.option("--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True, help="What they may do.")
@in_workspace
def add(email: str, name: str | None, role: str, workspace: str | None) -> None:
    """Add a user."""
    from vocservice.store.accounts import users

    password = _asked()
    with held(workspace) as here:
        shown = name or email.partition("@")[0]
        made = users.add(here.connection, here.workspace_id, email=email, name=shown, role=role, password=password, actor=ACTOR)
    click.echo(f"{made.id} {made.role}")


@user.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_users(as_json: bool, workspace: str | None) -> None:
    """List the users."""
    from vocservice.store.accounts import users

    with held(workspace) as here:
        found = users.listed(here.connection, here.workspace_id)
    lines = (f"{one.id}  {one.email}  {one.name}: {one.role}{'' if one.is_active else '  disabled'}" for one in found)
    print_all("users", map(_shown, found), lines, as_json=as_json)


@user.command()
@click.argument("email")
@in_workspace
def password(email: str, workspace: str | None) -> None:
    """Set a new password; this unlocks the user and ends their sessions."""
    from vocservice.store.accounts import users

    given = _asked()
    with held(workspace) as here:
        users.set_password(here.connection, _found(here, email), given, actor=ACTOR)


@user.command()
@click.argument("email")
@in_workspace
def disable(email: str, workspace: str | None) -> None:
    """Disable a user and end their sessions; their decisions stay."""
    _set_active(email, workspace, False)


@user.command()
@click.argument("email")
@in_workspace
def enable(email: str, workspace: str | None) -> None:
    """Let a disabled user in again."""
    _set_active(email, workspace, True)


def _set_active(email: str, workspace: str | None, is_active: bool) -> None:
    from vocservice.store.accounts import users

    with held(workspace) as here:
        users.set_active(here.connection, _found(here, email), is_active, actor=ACTOR)


def _found(here: Held, email: str) -> "User":
    """Find the user with an address, in this workspace."""
    from vocservice.store.accounts import users

    return users.get(here.connection, here.workspace_id, users.by_email(here.connection, email).id)


def _asked() -> str:
    """Read a password; on a terminal, twice.

    Raises:
        InputError: standard input is empty.
    """
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise InputError("there is no password on standard input")
    return line


def _shown(one: "User") -> dict[str, Any]:
    plain = {name: getattr(one, name) for name in ("id", "email", "name", "role", "is_active")}
    return plain | {"last_login_at": one.last_login_at.isoformat() if one.last_login_at else None}
