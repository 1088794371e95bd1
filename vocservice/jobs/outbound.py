"""A queued event in, a signed POST to its endpoint out (Standard Webhooks): retried for days, then stored as failed for a replay.

Only 2xx is success, redirects are failures, 410 disables the endpoint, Retry-After is obeyed. Failures store the status.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from vocservice.errors import EndpointError
from vocservice.ingest.signature import sign_standard
from vocservice.jobs.backoff import half_jitter
from vocservice.jobs.guard import Policy, Resolve, checked, resolve
from vocservice.jobs.sending import Answer, Send, post
from vocservice.store import jobs
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.analysed.endpoints import Endpoint
from vocservice.store.analysed.outbound import Delivery
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store

MAX_ATTEMPTS = 11  # about three days
GONE = 410
AGENT = "vocservice"
_FIRST, _FACTOR, _MOST = 5.0, 4.0, 86_400.0

Wait = Callable[[int], float]


def wait_after(attempt: int) -> float:
    """Seconds after a failed attempt: from 5 seconds to a day, half of it random."""
    return half_jitter(attempt, first=_FIRST, factor=_FACTOR, most=_MOST)


@dataclass(frozen=True, slots=True)
class Outbound:
    """Delivers events."""

    store: Store
    policy: Policy
    send: Send = post
    resolver: Resolve = resolve
    wait: Wait = wait_after

    def run(self, job: Job, lease: Lease) -> None:
        """Try once and store the outcome.

        Raises:
            StoreError: the database does not answer.
        """
        with self.store.database.read() as connection:
            delivery = outbound.delivery(connection, job.target)
            endpoint = endpoints.get(connection, delivery.endpoint_id) if delivery else None
            secrets = endpoints.open_secrets(connection, self.store.vault, endpoint) if endpoint else ()
        if delivery is None or endpoint is None or not endpoint.is_enabled:
            self._finish(job, lease, delivery)
            return
        self._keep(job, lease, delivery, endpoint, self._try(delivery, endpoint, secrets))

    def _try(self, delivery: Delivery, endpoint: Endpoint, secrets: Sequence[str]) -> Answer:
        body = orjson.dumps(delivery.payload)
        try:
            target = checked(endpoint.url, self.policy, self.resolver)
        except EndpointError:
            return Answer(None)
        signed = sign_standard(body, *secrets, now=datetime.now(UTC), delivery_id=delivery.id)
        return self.send(target, {"Content-Type": "application/json", "User-Agent": AGENT, **signed}, body)

    def _keep(self, job: Job, lease: Lease, delivery: Delivery, endpoint: Endpoint, answer: Answer) -> None:
        is_done = answer.status is not None and 200 <= answer.status < 300
        is_over = answer.status == GONE or job.attempts >= lease.max_attempts
        with self.store.database.write() as connection:
            if is_done or is_over:
                is_ours = jobs.finish(connection, lease, job.id)
            else:
                delay = max(self.wait(job.attempts), answer.retry_after or 0.0)
                is_ours = jobs.fail(connection, lease, job, code="delivery_failed", delay=delay)
            if not is_ours:
                return  # another worker took it and stores the outcome
            state = "delivered" if is_done else "failed" if is_over else "queued"
            is_there = outbound.note(connection, delivery.id, state=state, status=answer.status)
            if is_there and answer.status == GONE:
                endpoints.set_enabled(connection, endpoint, False, actor="worker")

    def _finish(self, job: Job, lease: Lease, delivery: Delivery | None) -> None:
        """There is no target: the endpoint is gone or disabled."""
        with self.store.database.write() as connection:
            if jobs.finish(connection, lease, job.id) and delivery is not None:
                outbound.note(connection, delivery.id, state="failed", status=None)
