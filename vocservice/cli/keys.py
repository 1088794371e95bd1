"""Names and scopes in, API keys out: `voc key add`, `list`, `rotate` and `revoke`."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from vocservice.cli.holding import ACTOR, held, in_workspace
from vocservice.cli.listing import print_all

if TYPE_CHECKING:
    from vocservice.store.accounts.keys import Key

DAYS = 365
HOURS = 24.0


@click.group()
def key() -> None:
    """Manage API keys."""


@key.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What the key may do; repeatable (docs/http.md).")
@click.option("--days", type=click.IntRange(0), default=DAYS, show_default=True, help="Days until it expires; 0 for never.")
@in_workspace
def add(name: str, scopes: tuple[str, ...], days: int, workspace: str | None) -> None:
    """Create a key and print it once."""
    from vocservice.store.accounts import keys
    from vocservice.store.database import now

    with held(workspace) as here:
        ends = now(here.connection) + timedelta(days=days) if days else None
        made, token = keys.create(here.connection, here.workspace_id, name=name, scopes=scopes, expires_at=ends, actor=ACTOR)
    _tell(made, token)


@key.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_keys(as_json: bool, workspace: str | None) -> None:
    """List the keys, without their secrets."""
    from vocservice.store.accounts import keys

    with held(workspace) as here:
        found = keys.listed(here.connection, here.workspace_id)
    print_all("keys", map(_shown, found), map(_line, found), as_json=as_json)


@key.command()
@click.argument("key_id")
@click.option("--overlap", type=click.FloatRange(0), default=HOURS, show_default=True, help="Hours during which the old key still works.")
@in_workspace
def rotate(key_id: str, overlap: float, workspace: str | None) -> None:
    """Replace a key, given by id or prefix; the old one works a while longer."""
    from vocservice.store.accounts import keys

    with held(workspace) as here:
        old = keys.get(here.connection, here.workspace_id, key_id)
        made, token = keys.rotate(here.connection, old, overlap=timedelta(hours=overlap), actor=ACTOR)
    _tell(made, token)


@key.command()
@click.argument("key_id")
@in_workspace
def revoke(key_id: str, workspace: str | None) -> None:
    """Revoke a key, given by id or prefix, at once."""
    from vocservice.store.accounts import keys

    with held(workspace) as here:
        ended = keys.revoke(here.connection, keys.get(here.connection, here.workspace_id, key_id), actor=ACTOR)
    click.echo(f"{ended.id} {ended.name}: revoked")


def _tell(made: "Key", token: str) -> None:
    """Print only the key to standard output, so that it can be piped into a vault."""
    ends = f"expires {made.expires_at:%Y-%m-%d}" if made.expires_at else "never expires"
    click.echo(f"{made.id} {made.name}: {', '.join(made.scopes)}; {ends}. It is shown this once:", err=True)
    click.echo(token)


def _line(made: "Key") -> str:
    rotated = f"  rotated, ends {made.expires_at:%Y-%m-%d %H:%M} UTC" if made.rotated_at else ""
    state = rotated if made.is_valid else "  revoked" if made.revoked_at else "  expired"
    return f"{made.id}  voc_{made.prefix}_...  {made.name}: {', '.join(made.scopes)}{state}"


def _shown(made: "Key") -> dict[str, Any]:
    plain = {name: getattr(made, name) for name in ("id", "name", "prefix", "scopes", "is_valid")}
    times = {name: getattr(made, name) for name in ("created_at", "expires_at", "rotated_at", "revoked_at", "last_used_at")}
    return plain | {name: at.isoformat() if isinstance(at, datetime) else None for name, at in times.items()}
