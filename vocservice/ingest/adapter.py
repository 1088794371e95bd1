"""The adapter protocol, and a base class with what most adapters share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from vocservice.errors import ConfigError
from vocservice.ingest import signature
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.times import read_zone

JSON_TYPES = frozenset({"application/json"})
FORM_TYPE = "application/x-www-form-urlencoded"
_SIGNED = "the adapter standard_webhooks where the sender can sign"


class Sample(NamedTuple):
    """A sample payload: bytes and content type."""

    body: bytes
    content_type: str = "application/json"


class Adapter(Protocol):
    """One sender: how its deliveries are verified and parsed.

    Attributes:
        name: key of the registry.
        label: name on pages.
        setup: instructions as plain text; `setup.replace("{url}", url)` inserts the webhook's URL. Other braces are literal.
        needs_secret: whether a source must have a secret; without one, deliveries are refused.
        takes_secret: whether `verify` checks a signature. If not, only the token in the path is checked, by the caller.
        content_types: media types that the route accepts (`+json` types count as application/json).
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def setup(self) -> str: ...
    @property
    def needs_secret(self) -> bool: ...
    @property
    def takes_secret(self) -> bool: ...
    @property
    def content_types(self) -> frozenset[str]: ...

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        """Check the signature of the raw bytes against one secret, or two during a rotation.

        Raises:
            SignatureError: missing, garbled, wrong or stale.
        """

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        """Parse the events of a delivery.

        Raises:
            UnusableBodyError: the body is not what this sender sends.
            ConfigError: `options` did not come from `check_options`.
        """

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Check and complete the options of a source; the result can be stored as JSON.

        Raises:
            ConfigError: names the option, never its value.
        """

    def check_secrets(self, secrets: Sequence[str]) -> None:
        """Check that these can be the secrets of a source.

        Raises:
            ConfigError: one is missing or not supported, there are more than two, one is too short or malformed, or is a
                published test secret.
        """

    def sample(self, number: int = 1) -> Sample:
        """Return a realistic payload; `number` varies ids and text."""

    def sample_for(self, options: Mapping[str, Any], secrets: Sequence[str], number: int = 1) -> Sample:
        """As `sample`, in the form expected with these options and secrets."""

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        """Return the headers that sign `body`; empty if the sender does not sign."""


class Options(BaseModel):
    """Base of the options of a source."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone(value: str) -> str:
    read_zone(value)
    return value


Zone = Annotated[str, AfterValidator(_zone)]
O = TypeVar("O", bound=Options)  # noqa: E741


class BaseAdapter(ABC, Generic[O]):
    """Unsigned JSON sender with the options `O`; subclasses override the rest."""

    name: ClassVar[str]
    label: ClassVar[str]
    setup: ClassVar[str]
    needs_secret: ClassVar[bool] = False
    content_types: ClassVar[frozenset[str]] = JSON_TYPES
    options_type: type[O]

    @property
    def takes_secret(self) -> bool:
        return type(self).verify is not BaseAdapter.verify

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        return

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.read_options(options).model_dump(mode="json")

    def read_options(self, options: Mapping[str, Any]) -> O:
        """Return the options as a record."""
        try:
            return self.options_type.model_validate(dict(options))
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'options'}: {fault['msg']}" for fault in error.errors())
            raise ConfigError(f"the options of this {self.label} source are wrong: {faults}") from None

    def check_secrets(self, secrets: Sequence[str]) -> None:
        if self.needs_secret and not secrets:
            raise ConfigError(f"a {self.label} source needs its signing secret")
        if secrets and not self.takes_secret:
            raise ConfigError(f"no signature of {self.label} is checked, so a secret would prove nothing: leave it out, or use {_SIGNED}")
        signature.check_secrets(secrets)

    @abstractmethod
    def sample(self, number: int = 1) -> Sample: ...

    def sample_for(self, options: Mapping[str, Any], secrets: Sequence[str], number: int = 1) -> Sample:
        return self.sample(number)

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        return {}
