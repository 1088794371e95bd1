"""A sender's name and a URL in, its signed sample sent there out: `voc webhook send`, to try a source without its sender."""

from datetime import UTC, datetime
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener
from uuid import uuid4

import click

from vocservice.cli.failures import FAULT, OK
from vocservice.cli.holding import held, in_workspace, secret_of
from vocservice.errors import InputError
from vocservice.ingest.registry import adapter as adapter_of

SECONDS = 30
_SHOWN = 2000


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: a signed delivery is for the one who was named."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> Request | None:
        return None


@click.group()
def webhook() -> None:
    """Deliveries as senders would send them."""


@webhook.command()
@click.option("--url", required=True, help="The URL of the source, as `voc source add` showed it.")
@click.option("--adapter", help="Whose sample to send.")
@click.option("--source", help="Name of a source here: its adapter, and its secret where it has one.")
@click.option("--secret", default="", help="What to sign with; - reads a line of standard input.")
@click.option("--number", type=click.IntRange(1), default=1, show_default=True, help="Which sample: another number, another record.")
@in_workspace
def send(url: str, adapter: str | None, source: str | None, secret: str, number: int, workspace: str | None) -> int:
    """Sign a sample of an adapter and send it.

    Exit codes: 0 it was taken, 1 it was refused.
    """
    if bool(adapter) == bool(source):
        raise click.UsageError("give either --adapter or --source")
    name, known = (adapter, "") if adapter else _of(str(source), workspace)
    status, answer = post(url, str(name), secret_of(secret) if secret else known, number=number)
    click.echo(f"{status} {answer}")
    return OK if status < 300 else FAULT


def post(url: str, name: str, secret: str, *, number: int = 1) -> tuple[int, str]:
    """Send a sample of an adapter; returns the status and the start of the answer.

    Raises:
        ConfigError: there is no such adapter.
        InputError: the URL is none of HTTP, or nobody answers there.
    """
    sender = adapter_of(name)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise InputError("the URL must begin with http:// or https://")
    if sender.needs_secret and not secret:
        raise InputError(f"{sender.label} signs what it sends: give --secret or --source")
    sample = sender.sample(number)
    headers = sender.sign(sample.body, secret, now=datetime.now(UTC), delivery_id=f"msg_{uuid4().hex}", url=url) if secret else {}
    request = Request(url, sample.body, {**headers, "Content-Type": sample.content_type}, method="POST")  # noqa: S310
    try:
        with build_opener(_Stay).open(request, timeout=SECONDS) as answer:
            return answer.status, answer.read(_SHOWN).decode("utf-8", "replace")
    except HTTPError as error:
        return error.code, error.read(_SHOWN).decode("utf-8", "replace")
    except (URLError, OSError, HTTPException) as error:
        raise InputError(f"nobody answers there ({type(error).__name__})") from None


def _of(name: str, workspace: str | None) -> tuple[str, str]:
    """The adapter and the newest secret of a source."""
    from vocservice.store import sources

    with held(workspace) as here:
        found = sources.by_name(here.connection, here.workspace_id, name)
        return found.adapter, next(iter(sources.open_secrets(here.vault, found)), "")
