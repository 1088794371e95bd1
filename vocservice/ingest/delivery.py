"""One HTTP request of a sender as it came, after its content encoding was undone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What an adapter sees of a request.

    Attributes:
        body: the raw bytes.
        headers: by lower-case name.
        url: the public URL as configured, for schemes that sign it.
        received_at: aware UTC.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    received_at: datetime = field(default_factory=_now)

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; blank where there is none."""
        return self.header("content-type").partition(";")[0].strip().lower()

    def header(self, name: str) -> str:
        """The header's value, blank where there is none."""
        return self.headers.get(name.lower(), "")
