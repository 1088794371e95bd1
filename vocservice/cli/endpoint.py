"""URLs in, endpoints for events out: `voc endpoint add`, `list`, `events`, `rotate`, `end-old-secrets`, `disable`, `enable`,
`remove`, `deliveries` and `replay`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from vocservice.cli.holding import ACTOR, Held, held, in_workspace, opened
from vocservice.cli.listing import print_all

if TYPE_CHECKING:
    from vocservice.store.analysed.endpoints import Endpoint
    from vocservice.store.analysed.outbound import Delivery

HOURS = 24.0


@click.group()
def endpoint() -> None:
    """Manage the endpoints that receive signed events."""


@endpoint.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, help="Event to send; repeatable, all by default.")
@in_workspace
def add(url: str, events: tuple[str, ...], workspace: str | None) -> None:
    """Add an endpoint and print its signing secret once."""
    from vocservice.jobs.guard import Policy, checked
    from vocservice.store.analysed import endpoints

    with opened(workspace) as here:
        checked(url, Policy(here.settings.outbound.allow_http, here.settings.outbound.allow_private))
        with here.database.write() as connection:
            wanted = events or endpoints.EVENTS
            made, secret = endpoints.create(connection, here.vault, here.workspace_id, url=url, events=wanted, actor=ACTOR)
    click.echo(f"{made.id}: {', '.join(made.events)}; its secret is shown only once", err=True)
    click.echo(secret)


@endpoint.command()
@click.argument("endpoint_id")
@click.option("--event", "wanted", multiple=True, required=True, help="Event to send; repeatable.")
@in_workspace
def events(endpoint_id: str, wanted: tuple[str, ...], workspace: str | None) -> None:
    """Choose the events that are sent to an endpoint."""
    from vocservice.store.analysed import endpoints

    with _chosen(workspace, endpoint_id) as (here, chosen):
        changed = endpoints.set_events(here.connection, chosen, wanted, actor=ACTOR)
    click.echo(f"{changed.id}: {', '.join(changed.events)}")


@endpoint.command()
@click.argument("endpoint_id")
@click.option("--overlap", type=click.FloatRange(0), default=HOURS, show_default=True, help="Hours the old secret still signs too.")
@in_workspace
def rotate(endpoint_id: str, overlap: float, workspace: str | None) -> None:
    """Make a new signing secret and print it once; the old one also signs for a while."""
    from vocservice.store.analysed import endpoints

    with _chosen(workspace, endpoint_id) as (here, chosen):
        made, secret = endpoints.rotate(here.connection, here.vault, chosen, overlap=timedelta(hours=overlap), actor=ACTOR)
    click.echo(f"{made.id}: its new secret is shown only once", err=True)
    click.echo(secret)


@endpoint.command(name="end-old-secrets")
@click.argument("endpoint_id")
@in_workspace
def end_old_secrets(endpoint_id: str, workspace: str | None) -> None:
    """Sign with the newest secret only."""
    from vocservice.store.analysed import endpoints

    with _chosen(workspace, endpoint_id) as (here, chosen):
        endpoints.end_old_secrets(here.connection, chosen, actor=ACTOR)
    click.echo(f"{chosen.id}: deliveries are signed with the newest secret only")


@endpoint.command()
@click.argument("endpoint_id")
@in_workspace
def remove(endpoint_id: str, workspace: str | None) -> None:
    """Remove an endpoint and its delivery log."""
    from vocservice.store.analysed import endpoints

    with _chosen(workspace, endpoint_id) as (here, chosen):
        endpoints.remove(here.connection, chosen, actor=ACTOR)
    click.echo(f"{chosen.id}: removed")


@endpoint.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_endpoints(as_json: bool, workspace: str | None) -> None:
    """List the endpoints, without their secrets."""
    from vocservice.store.analysed import endpoints

    with held(workspace) as here:
        found = endpoints.listed(here.connection, here.workspace_id)
    print_all("endpoints", map(_endpoint, found), map(_line, found), as_json=as_json)


@endpoint.command()
@click.argument("endpoint_id")
@in_workspace
def disable(endpoint_id: str, workspace: str | None) -> None:
    """Stop sending to an endpoint."""
    _switch(endpoint_id, workspace, is_enabled=False)


@endpoint.command()
@click.argument("endpoint_id")
@in_workspace
def enable(endpoint_id: str, workspace: str | None) -> None:
    """Resume sending to an endpoint."""
    _switch(endpoint_id, workspace, is_enabled=True)


@endpoint.command()
@click.argument("endpoint_id")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Newest deliveries to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def deliveries(endpoint_id: str, limit: int, as_json: bool, workspace: str | None) -> None:
    """List past and pending deliveries of an endpoint, newest first."""
    from vocservice.store.analysed import outbound

    with _chosen(workspace, endpoint_id) as (here, chosen):
        found = outbound.log_of(here.connection, chosen, limit=limit)
    lines = (f"{one.id}  {one.event}  {one.state}  {one.attempts} tries  last status {one.last_status or 'none'}" for one in found)
    print_all("deliveries", map(_delivery, found), lines, as_json=as_json)


@endpoint.command()
@click.argument("endpoint_id")
@click.option("--delivery", "delivery_ids", multiple=True, help="Replay this delivery, whatever its state; repeatable.")
@in_workspace
def replay(endpoint_id: str, delivery_ids: tuple[str, ...], workspace: str | None) -> None:
    """Replay failed deliveries, or those given."""
    from vocservice.store.analysed import outbound

    with _chosen(workspace, endpoint_id) as (here, chosen):
        count = outbound.replay(here.connection, chosen, delivery_ids=delivery_ids or None, actor=ACTOR)
    click.echo(f"{count} queued again")


@contextmanager
def _chosen(workspace: str | None, endpoint_id: str) -> Iterator[tuple[Held, "Endpoint"]]:
    """Yield the workspace and one of its endpoints, in one transaction."""
    from vocservice.store.analysed import endpoints

    with held(workspace) as here:
        yield here, endpoints.get(here.connection, endpoint_id, workspace_id=here.workspace_id)


def _switch(endpoint_id: str, workspace: str | None, *, is_enabled: bool) -> None:
    from vocservice.store.analysed import endpoints

    with _chosen(workspace, endpoint_id) as (here, chosen):
        endpoints.set_enabled(here.connection, chosen, is_enabled, actor=ACTOR)
    click.echo(f"{chosen.id}: {'enabled' if is_enabled else 'disabled'}")


def _line(one: "Endpoint") -> str:
    old = f"  old secret until {one.old_secret_until:%Y-%m-%d %H:%M} UTC" if one.old_secret_until else ""
    return f"{one.id}  {one.url}  {', '.join(one.events)}{'' if one.is_enabled else '  disabled'}{old}"


def _endpoint(one: "Endpoint") -> dict[str, object]:
    plain = {"id": one.id, "url": one.url, "events": list(one.events), "enabled": one.is_enabled}
    old = one.old_secret_until.isoformat() if one.old_secret_until else None
    return plain | {"created_at": one.created_at.isoformat(), "old_secret_until": old}


def _delivery(one: "Delivery") -> dict[str, object]:
    times = {"created_at": one.created_at.isoformat(), "delivered_at": one.delivered_at.isoformat() if one.delivered_at else None}
    return {"id": one.id, "event": one.event, "state": one.state, "attempts": one.attempts, "last_status": one.last_status, **times}
