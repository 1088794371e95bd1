"""What every adapter offers, and the base class that holds what most of them share."""

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
    """A payload written by us: its bytes and content type."""

    body: bytes
    content_type: str = "application/json"


class Adapter(Protocol):
    """One sender: how its deliveries are checked and read.

    Attributes:
        name: key of the registry.
        label: name on pages.
        setup: instructions as plain text; `setup.replace("{url}", url)` puts the webhook's URL in. Other braces are meant.
        needs_secret: whether every source has a secret, without which no delivery is let in.
        takes_secret: whether `verify` checks a signature at all. Else the caller checks the token in the path, nothing more.
        content_types: media types that the route lets in (`+json` types count as application/json).
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
        """Check the signature on the raw bytes against one secret, or two while they are rotated.

        Raises:
            SignatureError: missing, garbled, wrong or stale.
        """

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        """The events of a delivery.

        Raises:
            UnusableBodyError: the body is not what this sender sends.
            ConfigError: `options` did not come from `check_options`.
        """

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options of a source, checked and complete, ready to be stored as JSON.

        Raises:
            ConfigError: names the option, never its value.
        """

    def check_secrets(self, secrets: Sequence[str]) -> None:
        """Whether these may be the secrets of a source.

        Raises:
            ConfigError: none where one is needed, one where no signature is checked, more than two, too short, of the wrong form, or a
                published test secret.
        """

    def sample(self, number: int = 1) -> Sample:
        """A realistic payload; `number` varies ids and text."""

    def sample_for(self, options: Mapping[str, Any], secrets: Sequence[str], number: int = 1) -> Sample:
        """As `sample`, in the form that a source with these options and secrets takes."""

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        """The headers that make `body` a signed delivery; empty for a sender that signs nothing."""


class Options(BaseModel):
    """Base of the options of a source."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone(value: str) -> str:
    read_zone(value)
    return value


Zone = Annotated[str, AfterValidator(_zone)]
O = TypeVar("O", bound=Options)  # noqa: E741


class BaseAdapter(ABC, Generic[O]):
    """An unsigned sender of JSON with the options `O`; subclasses say what differs."""

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
        """The options as a record."""
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
