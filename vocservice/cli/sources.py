"""Names and secrets in, sources out: `voc source add`, `list`, `secret`, `url`, `access` and `disable`."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from vocservice.cli.holding import ACTOR, Held, held, in_workspace, secret_of
from vocservice.cli.listing import print_all
from vocservice.errors import InputError
from vocservice.ingest.registry import adapter as adapter_of

LOCAL = "http://127.0.0.1:8000"
HOURS = 24.0


@click.group()
def source() -> None:
    """Manage sources of feedback and see their health."""


@source.command()
@click.argument("name")
@click.option("--adapter", required=True, help="The sender: typeform, zendesk, generic ... (docs/intake.md).")
@click.option("--secret", help="Signing secret of the sender; - reads a line of standard input.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Adapter option; the value as JSON or text.")
@in_workspace
def add(name: str, adapter: str, secret: str | None, options: tuple[str, ...], workspace: str | None) -> None:
    """Add a source and print its URL once."""
    from vocservice.store.received import sources

    secrets = [secret_of(secret)] if secret else []
    with held(workspace) as here:
        given: dict[str, Any] = {"adapter": adapter, "secrets": secrets, "options": _options(options), "actor": ACTOR}
        made, token = sources.create(here.connection, here.vault, here.workspace_id, name=name, **given)
        url = _url(here, token)
    click.echo(f"{made.id} {made.name}\n{url}\n\n{adapter_of(adapter).setup.replace('{url}', url)}")


@source.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_sources(as_json: bool, workspace: str | None) -> None:
    """List the sources and the health of their deliveries."""
    from vocservice.store.received import sources

    with held(workspace) as here:
        found = [_shown(made) for made in sources.listed(here.connection, here.workspace_id)]
    print_all("sources", found, map(_line, found), as_json=as_json)


@source.command()
@click.argument("name")
@click.option("--add", "new", help="Accept this secret beside the present one; - reads a line of standard input.")
@click.option("--remove", is_flag=True, help="Accept only the newest secret from now on.")
@in_workspace
def secret(name: str, new: str | None, remove: bool, workspace: str | None) -> None:
    """Rotate the secret of a source: add the new one, change the sender, remove the old one."""
    from vocservice.store.received import sources

    if bool(new) == remove:
        raise click.UsageError("give either --add or --remove")
    added = secret_of(new) if new else None
    with held(workspace) as here:
        found = _named(here, name)
        if added:
            sources.add_secret(here.connection, here.vault, found, added, actor=ACTOR)
        else:
            sources.remove_secret(here.connection, here.vault, found, actor=ACTOR)
    click.echo(f"{found.id} {found.name}: {'the new secret is accepted too' if new else 'only the newest secret is accepted'}")


@source.command(name="url")
@click.argument("name")
@click.option("--renew", is_flag=True, help="Create a new URL and print it once; the source stays the same.")
@click.option("--overlap", type=click.FloatRange(0), default=HOURS, show_default=True, help="Hours during which the old URL still works.")
@click.option("--end", is_flag=True, help="Stop accepting deliveries at older URLs.")
@in_workspace
def change_url(name: str, renew: bool, overlap: float, end: bool, workspace: str | None) -> None:
    """Replace the URL of a source that leaked or was lost: create a new one, change the sender, then end the old one or let it expire."""
    from vocservice.store.received import sources

    if renew == end:
        raise click.UsageError("give either --renew or --end; a URL is shown only once, when it is made")
    with held(workspace) as here:
        found = _named(here, name)
        if end:
            sources.end_old_urls(here.connection, found, actor=ACTOR)
            said = "only the newest URL is accepted"
        else:
            token = sources.renew_url(here.connection, found, overlap=timedelta(hours=overlap), actor=ACTOR)
            said = f"the old URL still works for {overlap:g} hours\n{_url(here, token)}"
    click.echo(f"{found.id} {found.name}: {said}")


@source.command()
@click.argument("name")
@click.option("--token", help="Token of the sender's API; - reads a line of standard input.")
@click.option("--base-url", help="Address of the sender's API, if it has several (Qualtrics: the data centre).")
@click.option("--forget", is_flag=True, help="Forget the token.")
@in_workspace
def access(name: str, token: str | None, base_url: str | None, forget: bool, workspace: str | None) -> None:
    """Give access to the API of a sender whose webhooks contain only ids (SurveyMonkey, Qualtrics)."""
    from vocservice.ingest.connector import check_base_url
    from vocservice.store.received import accesses
    from vocservice.store.received.accesses import Access

    if bool(token) == forget:
        raise click.UsageError("give either --token or --forget")
    address = check_base_url(base_url) if base_url else None
    given = Access(secret_of(token), address) if token else None
    with held(workspace) as here:
        found = _named(here, name)
        if given:
            accesses.put(here.connection, here.vault, here.workspace_id, found.id, given, actor=ACTOR)
        else:
            accesses.drop(here.connection, here.workspace_id, found.id, actor=ACTOR)
    click.echo(f"{found.id} {found.name}: {'answers are fetched with the token' if token else 'the token is forgotten'}")


@source.command()
@click.argument("name")
@click.option("--enable", is_flag=True, help="Accept deliveries again.")
@in_workspace
def disable(name: str, enable: bool, workspace: str | None) -> None:
    """Refuse further deliveries of a source; what it has received is kept."""
    from vocservice.store.received import sources

    with held(workspace) as here:
        found = sources.set_enabled(here.connection, _named(here, name), enable, actor=ACTOR)
    click.echo(f"{found.id} {found.name}: {'enabled' if enable else 'disabled'}")


def _url(here: Held, token: str) -> str:
    """The URL of a token; warns if `http.public_url` is not set."""
    base = here.settings.http.public_url.rstrip("/")
    if not base:
        click.echo(f"http.public_url is not set: senders need the address of this service in place of {LOCAL}", err=True)
    return f"{base or LOCAL}/v1/hooks/{token}"


def _named(here: Held, name: str) -> Any:
    from vocservice.store.received import sources

    return sources.by_name(here.connection, here.workspace_id, name)


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    return dict(_option(text) for text in given)


def _option(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError("an --option is KEY=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _line(row: Mapping[str, Any]) -> str:
    state = "" if row["is_enabled"] else "  disabled"
    counts = f"received {row['received']}, quarantined {row['quarantined']}, warned {row['warned']}"
    return f"{row['id']}  {row['name']} ({row['adapter']}){state}: {counts}, refused {row['signature_failures']}"


def _shown(made: Any) -> Mapping[str, Any]:
    named = {"id": made.id, "name": made.name, "adapter": made.adapter, "is_enabled": made.is_enabled}
    return named | {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(made.health).items()}
