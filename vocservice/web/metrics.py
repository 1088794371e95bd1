"""Requests and the store in, metrics for Prometheus out: `GET /metrics`.

Requests are counted by method, route pattern and status, over all processes of a server; everything else is read from the
database on request. No label contains a path, a customer's id or a text.
"""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, current_app, g, request

from vocservice.errors import StoreError
from vocservice.store.figures import Figures, figures
from vocservice.web import logs
from vocservice.web.kept import Kept
from vocservice.web.serving.server import METRICS_FOLDER
from vocservice.web.state import state

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

blueprint = Blueprint("metrics", __name__)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FRESH_SECONDS = 5.0
_NAME = "vocservice.metrics"


class Counts:
    """The requests of an application, counted in this process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self.requests = Counter("voc_requests", "Requests answered", (*labels, "status"), registry=self.registry)
        self.unlimited = Counter("voc_unlimited_requests", "Requests let through while Redis was gone", registry=self.registry)
        self.seconds = Histogram("voc_request_seconds", "Seconds until the answer", labels, buckets=BUCKETS, registry=self.registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)


class StoreFigures:
    """Metrics of the store, cached for a few seconds; `voc_store_up` is 0 if they are unavailable."""

    def __init__(self, kept: Kept[Figures]):
        self._kept = kept

    def collect(self) -> "Iterator[Metric]":
        """Yield the metrics for Prometheus."""
        try:
            found = self._kept.value()
        except StoreError:
            yield _gauge("voc_store_up", "Whether the store answers", (), {(): 0})
            return
        yield _gauge("voc_store_up", "Whether the store answers", (), {(): 1})
        yield _gauge("voc_jobs", "Jobs by kind and state", ("kind", "state"), found.jobs)
        yield _gauge("voc_oldest_due_seconds", "Seconds that the oldest untaken job is due", ("kind",), _keyed(found.oldest_due))
        yield _gauge("voc_records", "Records by status", ("status",), _keyed(found.records))
        yield _gauge("voc_deliveries", "Events to endpoints by state", ("state",), _keyed(found.deliveries))
        yield _gauge("voc_signature_failures", "Deliveries wrongly signed", ("source",), _keyed(found.signature_failures))
        yield _gauge("voc_quarantined", "Deliveries that could not be used", ("source",), _keyed(found.quarantined))


def register(app: Flask) -> None:
    """Count the requests of an application."""
    app.extensions[_NAME] = Counts(), Kept(_figures, seconds=FRESH_SECONDS)
    app.after_request(_count)


@blueprint.get("/metrics")
def metrics() -> Response:
    """The metrics in the Prometheus text format."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    everywhere = CollectorRegistry()
    everywhere.register(StoreFigures(current_app.extensions[_NAME][1]))
    body = generate_latest(_requests()) + generate_latest(everywhere)
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _requests() -> "CollectorRegistry":
    """The registry of all processes if they share a folder, else of this one."""
    counts: Counts = current_app.extensions[_NAME][0]
    if METRICS_FOLDER not in os.environ:
        return counts.registry
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared


def _figures() -> Figures:
    with state().stored.open().database.read() as connection:
        return figures(connection)


def _count(answer: Response) -> Response:
    counts: Counts = current_app.extensions[_NAME][0]
    counts.count(logs.method_of(request), logs.route_of(request) or "none", answer.status_code, logs.seconds())
    if g.get("is_unlimited"):
        counts.unlimited.inc()
    return answer


def _keyed(values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(key,): value for key, value in values.items()}


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, told, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
