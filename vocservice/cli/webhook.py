"""The name of a sender in, its signed sample sent or checked out: `voc webhook send`, to try a source without its sender."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener
from uuid import uuid4

import click

from vocservice.cli.failures import FAULT, OK
from vocservice.cli.holding import held, in_workspace, secret_of
from vocservice.errors import InputError, SignatureError, StoreError, UnusableBodyError
from vocservice.ingest.adapter import Adapter
from vocservice.ingest.registry import ADAPTERS
from vocservice.ingest.registry import adapter as adapter_of
from vocservice.ingest.trying import made_up, tried

SECONDS = 30
HERE = "http://localhost/v1/hooks/"
_SHOWN = 2000


class _Stay(HTTPRedirectHandler):
    """Follows no redirects: a signed delivery is for the named host only."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> Request | None:
        return None


@click.group()
def webhook() -> None:
    """Send or check sample deliveries of a sender."""


@dataclass(frozen=True, slots=True)
class _Setup:
    """Adapter of the sample, its secrets, newest first, and its options."""

    adapter: Adapter
    secrets: tuple[str, ...]
    options: Mapping[str, Any]


@webhook.command()
@click.option("--url", help="URL of the source, as `voc source add` printed it; without it the sample is only checked locally.")
@click.option("--adapter", help="Adapter whose sample to send.")
@click.option("--source", help="Source in this store, with its adapter, secret and options; or the name of an adapter.")
@click.option("--secret", default="", help="Signing secret; - reads a line of standard input.")
@click.option("--number", type=click.IntRange(1), default=1, show_default=True, help="Number of the sample; each is a different record.")
@in_workspace
def send(url: str | None, adapter: str | None, source: str | None, secret: str, number: int, workspace: str | None) -> int:
    """Sign a sample delivery and send it, or check it locally.

    Exit codes: 0 accepted, 1 refused.
    """
    if bool(adapter) == bool(source):
        raise click.UsageError("give either --adapter or --source")
    setup = _plain(str(adapter)) if adapter else _of(str(source), workspace)
    if secret:
        setup = replace(setup, secrets=(secret_of(secret),))
    if url is None:
        return _tried(setup, number)
    status, answer = post(url, setup.adapter.name, next(iter(setup.secrets), ""), options=setup.options, number=number)
    click.echo(f"{status} {answer}")
    return OK if status < 300 else FAULT


def _tried(setup: _Setup, number: int) -> int:
    """As the test button on the page; nothing is sent or stored."""
    secrets = setup.secrets or tuple(filter(None, [made_up(setup.adapter)]))
    try:
        events = tried(setup.adapter, secrets, setup.options, url=HERE, number=number)
    except (SignatureError, UnusableBodyError) as error:
        click.echo(f"{setup.adapter.label}: the sample was refused: {error.message}")
        return FAULT
    count = f"{len(events)} event{'' if len(events) == 1 else 's'}"
    click.echo(f"{setup.adapter.label}: the sample was checked and read, {count}; nothing was sent or stored")
    return OK


def post(url: str, name: str, secret: str, *, options: Mapping[str, Any] | None = None, number: int = 1) -> tuple[int, str]:
    """Send a sample built for a source's secret and options; return the status and the start of the answer.

    Raises:
        ConfigError: there is no such adapter.
        InputError: the URL is not HTTP, or nothing answers there.
    """
    sender = adapter_of(name)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise InputError("the URL must begin with http:// or https://")
    if sender.needs_secret and not secret:
        raise InputError(f"{sender.label} signs its deliveries: give --secret or --source")
    sample = sender.sample_for(options or {}, [secret] if secret else [], number)
    headers = sender.sign(sample.body, secret, now=datetime.now(UTC), delivery_id=f"msg_{uuid4().hex}", url=url) if secret else {}
    request = Request(url, sample.body, {**headers, "Content-Type": sample.content_type}, method="POST")  # noqa: S310
    try:
        with build_opener(_Stay).open(request, timeout=SECONDS) as answer:
            return answer.status, answer.read(_SHOWN).decode("utf-8", "replace")
    except HTTPError as error:
        return error.code, error.read(_SHOWN).decode("utf-8", "replace")
    except (URLError, OSError, HTTPException) as error:
        raise InputError(f"nobody answers there ({type(error).__name__})") from None


def _plain(name: str) -> _Setup:
    """An adapter without a source."""
    found = adapter_of(name)
    return _Setup(found, (), found.check_options({}))


def _of(name: str, workspace: str | None) -> _Setup:
    """A source with its secrets; if none has this name, the adapter of this name."""
    from vocservice.store.received import sources

    try:
        with held(workspace) as here:
            found = sources.by_name(here.connection, here.workspace_id, name)
            opened = tuple(sources.open_secrets(here.vault, found))
    except (InputError, StoreError):  # there is no such source, or no store
        if name not in ADAPTERS:
            raise
        return _plain(name)
    return _Setup(adapter_of(found.adapter), opened, found.options)
