"""One HTTP request of a sender, after decoding its content encoding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The parts of a request that adapters use.

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
        """The media type in lower case, without parameters; blank if missing."""
        return self.header("content-type").partition(";")[0].strip().lower()

    def header(self, name: str) -> str:
        """The header's value, blank if missing."""
        return self.headers.get(name.lower(), "")
