"""A fetch job in, the sender's answer stored out."""

from collections.abc import Callable, Mapping, Sequence

from vocservice.errors import EndpointError, FetchError
from vocservice.ingest.connector import Connector, Http, QualtricsConnector, SurveyMonkeyConnector
from vocservice.ingest.events import Event
from vocservice.jobs.guard import Policy, checked
from vocservice.jobs.sending import exchange
from vocservice.store import jobs
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.received import accesses, waiting
from vocservice.store.received.accesses import Access
from vocservice.store.received.waiting import Waiting

MAX_ATTEMPTS = 12  # six and a half hours at most

_MOST_BYTES = 4 * 1024**2

Connect = Callable[[str | None, Http], Connector]


def _surveymonkey(base_url: str | None, http: Http) -> Connector:
    return SurveyMonkeyConnector(base_url=base_url, http=http) if base_url else SurveyMonkeyConnector(http=http)


def _qualtrics(base_url: str | None, http: Http) -> Connector:
    if not base_url:
        raise FetchError("this source has no address of its API", code="access_missing")
    return QualtricsConnector(base_url=base_url, http=http)


CONNECTORS: Mapping[str, Connect] = {"surveymonkey": _surveymonkey, "qualtrics": _qualtrics}


class Asking:
    """The network call of connectors: a GET over HTTPS to a checked address; no redirect, fifteen seconds in total, at most 4 MiB."""

    def __init__(self, policy: Policy):
        self._policy = Policy(allow_private=policy.allow_private)

    def __call__(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return status and body.

        Raises:
            FetchError: the address is not allowed (`endpoint_refused`), unknown (`endpoint_unknown_host`), or did not answer so.
        """
        try:
            answer = exchange(checked(url, self._policy), "GET", headers, most_bytes=_MOST_BYTES)
        except EndpointError as error:
            raise FetchError("the sender's API is at no address that may be asked", code=error.code) from None
        if answer is None:
            raise FetchError("the sender's API did not answer in time, or with more than 4 MiB")
        return answer


class Fetching:
    """Fetches from senders what their webhooks left out."""

    def __init__(self, store: Store, policy: Policy, connectors: Mapping[str, Connect] = CONNECTORS):
        self._store, self._connectors, self._asking = store, connectors, Asking(policy)

    def run(self, job: Job, lease: Lease) -> None:
        """Fetch, store and finish.

        Raises:
            FetchError: the sender did not answer, or no access was given (`access_missing`).
            UnusableBodyError: the answer is not in the documented form.
            StoreError: the database does not answer.
        """
        with self._store.database.read() as connection:
            wanted = waiting.of(connection, job)
            access = accesses.of(connection, self._store.vault, wanted.source_id) if wanted else None
        events = self._ask(wanted, access, job.payload["reference"]) if wanted else ()
        with self._store.database.write() as connection:
            if wanted is None:
                jobs.finish(connection, lease, job.id)
            else:
                waiting.settle(connection, self._store.vault, lease, job, wanted, events)

    def _ask(self, wanted: Waiting, access: Access | None, reference: Mapping[str, str]) -> Sequence[Event]:
        if wanted.adapter not in self._connectors:
            raise FetchError("nothing is known of this sender's API", code="access_missing")
        if access is None:
            raise FetchError("this source has no token of its API", code="access_missing")
        return self._connectors[wanted.adapter](access.base_url, self._asking).fetch(reference, token=access.token).events
