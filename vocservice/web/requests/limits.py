"""A caller in, whether it may proceed out: a token bucket per API key, in this process or shared in Redis.

While Redis is unavailable, requests are not limited (`Limiter.opened` counts them): feedback matters more than fairness.
"""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Protocol

from flask import Flask, Response, g

from vocservice.web.problems import RequestError

log = logging.getLogger("vocservice.web")

MOST_CALLERS = 10_000
_MUTED_SECONDS = 5.0
_CONNECT_SECONDS = 0.25
# One bucket: level and time of last refill, by the clock of Redis; it expires once it must be full.
_TAKE = """
local at = redis.call('TIME'); local now = tonumber(at[1]) + tonumber(at[2]) / 1000000
local held = redis.call('HMGET', KEYS[1], 'level', 'at')
local size, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local level = math.min(size, (tonumber(held[1]) or size) + (now - (tonumber(held[2]) or now)) * rate)
local ok = level >= 1
if ok then level = level - 1 end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil(size / rate) + 1)
return {ok and 1 or 0, tostring(level)}
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """The state of a caller's bucket of `limit` a minute after one request."""

    is_allowed: bool
    limit: int
    level: float

    @property
    def headers(self) -> list[tuple[str, str]]:
        reset = math.ceil((self.limit - self.level) * 60 / self.limit)
        return [("RateLimit-Limit", str(self.limit)), ("RateLimit-Remaining", str(int(self.level))), ("RateLimit-Reset", str(reset))]

    @property
    def retry_seconds(self) -> int:
        return max(1, math.ceil((1 - self.level) * 60 / self.limit))


class Buckets(Protocol):
    """Stores the buckets; returns None if unavailable."""

    def take(self, caller: str, *, limit: int) -> tuple[bool, float] | None: ...


class OwnBuckets:
    """Buckets in this process, least recently used first out."""

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock, self._lock = clock, Lock()
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, *, limit: int) -> tuple[bool, float] | None:
        now = self._clock()
        with self._lock:
            level, at = self._held.pop(caller, (float(limit), now))
            level = min(limit, level + (now - at) * limit / 60)
            is_allowed = level >= 1
            level -= is_allowed
            self._held[caller] = (level, now)
            if len(self._held) > MOST_CALLERS:
                self._held.popitem(last=False)
        return is_allowed, level


class RedisBuckets:
    """Buckets in Redis, by its clock; after a failure it is not used for a few seconds."""

    def __init__(self, url: str):
        self._url = url
        self._take: Any = None
        self._muted_until = 0.0

    def take(self, caller: str, *, limit: int) -> tuple[bool, float] | None:
        if monotonic() < self._muted_until:
            return None
        from redis.exceptions import RedisError

        try:
            is_allowed, level = self._script()(keys=[f"voc:rate:{caller}"], args=[limit, limit / 60])
            return bool(is_allowed), float(level)
        except (RedisError, OSError, ValueError) as error:
            log.warning("rate limits are off: Redis does not answer (%s)", type(error).__name__)
            self._muted_until = monotonic() + _MUTED_SECONDS
            return None

    def _script(self) -> Any:
        if self._take is None:
            from redis import Redis

            client = Redis.from_url(self._url, socket_timeout=_CONNECT_SECONDS, socket_connect_timeout=_CONNECT_SECONDS)
            self._take = client.register_script(_TAKE)
        return self._take


class Limiter:
    """Limits a caller's requests per minute; 0 for no limit. `opened` counts requests for which no bucket was available."""

    def __init__(self, limit: int, buckets: Buckets):
        self._limit, self._buckets = limit, buckets
        self._lock = Lock()
        self.opened = 0

    @property
    def is_limited(self) -> bool:
        return bool(self._limit)

    def spend(self, caller: str) -> Spent | None:
        """Take one token from the caller's bucket; None without a limit."""
        if not self._limit:
            return None
        taken = self._buckets.take(caller, limit=self._limit)
        if taken is None:
            with self._lock:
                self.opened += 1
            return None
        return Spent(taken[0], self._limit, taken[1])


def limiter(limit: int, *, redis_url: str) -> Limiter:
    """The limiter of an application."""
    return Limiter(limit, RedisBuckets(redis_url) if redis_url else OwnBuckets())


def spend(limiter: Limiter, caller: str) -> None:
    """Count this request; its answer reports the remaining ones.

    Raises:
        RequestError: the limit is exceeded (429).
    """
    spent = limiter.spend(caller)
    g.spent, g.is_unlimited = spent, spent is None and limiter.is_limited
    if spent and not spent.is_allowed:
        message = f"at most {spent.limit} requests a minute are answered for this key: wait"
        raise RequestError(message, code="rate_limited", status=429, headers=[("Retry-After", str(spent.retry_seconds))])


def register(app: Flask) -> None:
    """Add the remaining limit to the answers of an application."""
    app.after_request(_tell)


def _tell(answer: Response) -> Response:
    spent: Spent | None = g.get("spent")
    if spent:
        answer.headers.extend(spent.headers)
    return answer
