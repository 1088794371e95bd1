"""An address in, the HTTP service out: `voc serve`, until it is stopped."""

import click

from vocservice.settings import Settings, load_settings

DEFAULT_BIND = "127.0.0.1:8000"
_HIGHEST_PORT = 65535


@click.command()
@click.option("--bind", default=DEFAULT_BIND, show_default=True, envvar="VOC_BIND", metavar="HOST:PORT", help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Web processes; each loads the model.")
@click.option("--threads", type=click.IntRange(1, 256), default=32, show_default=True, help="Requests that one process handles at a time.")
@click.option("--job-workers", type=click.IntRange(0, 64), help="Background workers; one if there is a store.")
@click.option("--no-worker", is_flag=True, help="No background worker, because `voc worker` runs elsewhere.")
def serve(bind: str, workers: int, threads: int, job_workers: int | None, no_worker: bool) -> None:
    """Serve the HTTP API and the pages, with a background worker.

    `/v1/analyse`, `/metrics` and the start page need no key unless http.require_key is on: bind to loopback, or put a proxy in
    front.
    """
    from vocservice.taxonomy import load_taxonomy
    from vocservice.web.serving.server import Plan
    from vocservice.web.serving.server import serve as run

    host, port = parse_bind(bind)
    settings = load_settings()
    load_taxonomy(settings.taxonomy)
    beside = 0 if no_worker else _default_workers(settings) if job_workers is None else job_workers
    run(Plan(host, port, workers=workers, threads=threads, job_workers=beside), settings)


def _default_workers(settings: Settings) -> int:
    """One worker if there is a store."""
    from vocservice.store.opened import is_initialised

    return int(is_initialised(settings.store))


def parse_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        click.BadParameter: it is neither.
    """
    host, _, port = bind.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise click.BadParameter(f"give HOST:PORT, such as {DEFAULT_BIND}", param_hint="--bind")
    return host.removeprefix("[").removesuffix("]"), int(port)
