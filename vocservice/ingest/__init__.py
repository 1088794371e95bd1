"""A delivery of a sender in, events out: one adapter a sender, pure functions without Flask, store or network (but `connector`).

`adapter(name)` gives an adapter; `verify` checks the signature of a `Delivery`, `parse` gives its `Parsed` events.
"""

from vocservice.ingest.adapter import Adapter, Sample
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Erase, Event, Fetch, Parsed, Skipped, Upsert
from vocservice.ingest.registry import ADAPTERS, adapter

__all__ = ["ADAPTERS", "Adapter", "Delivery", "Erase", "Event", "Fetch", "Parsed", "Sample", "Skipped", "Upsert", "adapter"]
