"""The URL of an endpoint in, the only allowed address out: prevents requests to internal networks (SSRF).

The name is resolved once and the connection goes to the checked address, so that a name that changes between the
check and the call (DNS rebinding) has no effect.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vocservice.errors import EndpointError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
PORTS = {"https": 443, "http": 80}
LONGEST_URL = 2000
_EMBEDDED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))  # NAT64, IPv4-compatible: the last 32 bits


@dataclass(frozen=True, slots=True)
class Policy:
    """Policy for endpoints: plain HTTP, or private addresses, only if the settings allow it."""

    allow_http: bool = False
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an endpoint's URL; `address` is what to connect to."""

    scheme: str
    host: str
    port: int
    path: str
    address: str = ""


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def parse(url: str, policy: Policy) -> Target:
    """Parse a URL for events.

    Raises:
        EndpointError: it is not a URL, has a user or a fragment, or is plain HTTP (`endpoint_refused`).
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise EndpointError("the URL cannot be read") from None
    if parts.scheme != "https" and not (policy.allow_http and parts.scheme == "http"):
        raise EndpointError("events are sent over https only")
    if not parts.hostname or "@" in parts.netloc or parts.fragment or len(url) > LONGEST_URL or not _is_plain(url):
        raise EndpointError("the URL must be plain: https, a host, perhaps a port, a path and a query")
    path = parts.path or "/"
    return Target(parts.scheme, parts.hostname, port, f"{path}?{parts.query}" if parts.query else path)


def _is_plain(url: str) -> bool:
    """Whether every character is allowed in a request line."""
    return url.isascii() and url.isprintable() and " " not in url


def checked(url: str, policy: Policy, resolver: Resolve = resolve) -> Target:
    """The target with its address, if all addresses of its name are public.

    Raises:
        EndpointError: as in `parse`; the name is unknown (`endpoint_unknown_host`), or one of its addresses is not public.
    """
    target = parse(url, policy)
    try:
        found = list(resolver(target.host, target.port))
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise EndpointError("the host of the URL is not known", code="endpoint_unknown_host")
    if not policy.allow_private and not all(is_public(address) for address in found):
        raise EndpointError("the host of the URL is in a private or reserved network")
    return Target(target.scheme, target.host, target.port, target.path, found[0])


def is_public(address: str) -> bool:
    """Whether an address is public, including embedded IPv4 addresses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast and not one.is_reserved and not _is_of_site(one) for one in _unwrapped(found))


def _is_of_site(address: IPAddress) -> bool:
    """Whether it is in a network used for private addresses before fc00::/7, some still in use."""
    return isinstance(address, ipaddress.IPv6Address) and address.is_site_local


def _unwrapped(address: IPAddress) -> list[IPAddress]:
    """An address, or the IPv4 addresses embedded in an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if any(address in network for network in _EMBEDDED):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return [inner] if inner is not None else [address]
