"""An address in, the HTTP service out: `voc serve`, until it is stopped."""

import click

from vocservice.settings import load_settings

DEFAULT_BIND = "127.0.0.1:8000"
_HIGHEST_PORT = 65535


@click.command()
@click.option("--bind", default=DEFAULT_BIND, show_default=True, envvar="VOC_BIND", metavar="HOST:PORT", help="Where to listen.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; each loads the model.")
@click.option("--threads", type=click.IntRange(1, 256), default=4, show_default=True, help="Requests that one process answers at a time.")
def serve(bind: str, workers: int, threads: int) -> None:
    """Serve the HTTP API and the start page.

    There is no login: bind to loopback or a private network, or put a proxy that authenticates in front.
    """
    from vocservice.web.server import Plan
    from vocservice.web.server import serve as run

    host, port = parse_bind(bind)
    run(Plan(host, port, workers=workers, threads=threads), load_settings())


def parse_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        click.BadParameter: it is neither.
    """
    host, _, port = bind.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise click.BadParameter(f"give HOST:PORT, such as {DEFAULT_BIND}", param_hint="--bind")
    return host.removeprefix("[").removesuffix("]"), int(port)
