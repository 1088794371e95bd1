"""The adapters by name."""

from collections.abc import Mapping

from vocservice.errors import ConfigError
from vocservice.ingest.adapter import Adapter
from vocservice.ingest.generic import GenericAdapter, StandardWebhooksAdapter

_ALL: tuple[Adapter, ...] = (GenericAdapter(), StandardWebhooksAdapter())
ADAPTERS: Mapping[str, Adapter] = {adapter.name: adapter for adapter in _ALL}


def adapter(name: str) -> Adapter:
    """The adapter of this name.

    Raises:
        ConfigError: there is none; names those there are.
    """
    try:
        return ADAPTERS[name]
    except KeyError:
        raise ConfigError(f"there is no such adapter; there are {', '.join(ADAPTERS)}") from None
