"""A delivery in, events out: one adapter per sender, pure functions without Flask, store or network (except `connector`).

`adapter(name)` returns an adapter; `verify` checks the signature of a `Delivery`, `parse` returns its `Parsed` events.
"""

from vocservice.ingest.adapter import Adapter, Sample
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Emptied, Erase, Event, Fetch, Parsed, Skipped, Upsert, Whole
from vocservice.ingest.registry import ADAPTERS, adapter

__all__ = [
    "ADAPTERS",
    "Adapter",
    "Delivery",
    "Emptied",
    "Erase",
    "Event",
    "Fetch",
    "Parsed",
    "Sample",
    "Skipped",
    "Upsert",
    "Whole",
    "adapter",
]
