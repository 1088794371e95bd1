"""A signal in, woken workers out. Redis only carries the signal: without it, workers poll.

`Ringer` is for producers, `listen` for workers. Only an empty message is sent.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import Any

from vocservice.jobs.backoff import full_jitter

log = logging.getLogger("vocservice.jobs")

CHANNEL = "voc:work"
_MUTED_SECONDS = 5.0


class Ringer:
    """Notifies workers; does nothing without Redis, and costs little while it is unavailable."""

    def __init__(self, redis_url: str = ""):
        self._url = redis_url
        self._client: Any = None
        self._muted_until = 0.0

    def ring(self) -> bool:
        """Notify; False if nobody was reached."""
        if not self._url or monotonic() < self._muted_until:
            return False
        from redis.exceptions import RedisError

        try:
            self._client = self._client or _connect(self._url, timeout=0.25)
            return bool(self._client.publish(CHANNEL, b""))
        except (RedisError, OSError, ValueError):
            self._muted_until = monotonic() + _MUTED_SECONDS
            return False


class Alarm:
    """What a worker's loop sleeps on: ends after a time, on a signal, or at shutdown."""

    def __init__(self) -> None:
        self._event = Event()

    def ring(self) -> None:
        """Wake the sleeper."""
        self._event.set()

    def sleep(self, seconds: float) -> None:
        """Sleep until a signal, or for a number of seconds."""
        self._event.wait(seconds)
        self._event.clear()


def listen(redis_url: str, alarms: Sequence[Alarm], stop: Event) -> Thread | None:
    """Wake the alarms on every Redis message, in a separate thread; None without Redis."""
    if not redis_url:
        return None
    thread = Thread(target=_listen, args=(redis_url, alarms, stop), name="bell", daemon=True)
    thread.start()
    return thread


def _listen(redis_url: str, alarms: Sequence[Alarm], stop: Event) -> None:
    failures = 0
    while not stop.is_set():
        try:
            for _ in _rings(redis_url, stop):
                failures = 0
                for alarm in alarms:
                    alarm.ring()
        except Exception as error:  # on any error of the client, polling continues
            failures += 1
            if failures == 1:
                log.warning("no bell, polling goes on: %s", type(error).__name__)
            stop.wait(full_jitter(failures, first=0.5, most=30.0))


def _rings(redis_url: str, stop: Event) -> Any:
    """One item per message, and one when connected."""
    client = _connect(redis_url, timeout=2.0)
    with suppress(OSError), client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(CHANNEL)
        yield None
        while not stop.is_set():
            if heard.get_message(timeout=1.0):
                yield None


def _connect(redis_url: str, *, timeout: float) -> Any:
    import redis

    return redis.Redis.from_url(redis_url, socket_timeout=timeout, socket_connect_timeout=timeout)
