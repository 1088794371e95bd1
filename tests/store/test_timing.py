"""Tests of `store.review.timing`: when an alert may speak, in its own time zone, over midnight and where the clocks change."""

from datetime import UTC, datetime, time

import pytest

from vocservice.errors import InputError
from vocservice.store.review.timing import EVERY_DAY, Timing, timing_of

BERLIN = "Europe/Berlin"
NIGHT = (time(22), time(7))
NOON = (time(12), time(13))
PLAIN = {"zone": "UTC", "cool_down": 0, "quiet": ("", ""), "digest_at": "", "days": EVERY_DAY}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("timing", "now", "last", "expected"),
    [
        (Timing(), "2026-11-27 10:00", None, "2026-11-27 10:00"),
        (Timing(), "2026-11-27 10:00", "2026-11-27 09:59", "2026-11-27 10:00"),
        (Timing(cool_down=15), "2026-11-27 10:00", "2026-11-27 09:50", "2026-11-27 10:05"),
        (Timing(cool_down=15), "2026-11-27 10:00", "2026-11-27 09:45", "2026-11-27 10:00"),
        (Timing(quiet=NIGHT), "2026-11-27 23:00", None, "2026-11-28 07:00"),
        (Timing(quiet=NIGHT), "2026-11-28 06:59", None, "2026-11-28 07:00"),
        (Timing(quiet=NIGHT), "2026-11-28 07:00", None, "2026-11-28 07:00"),
        (Timing(quiet=NIGHT), "2026-11-27 21:59", None, "2026-11-27 21:59"),
        (Timing(quiet=NIGHT, cool_down=60), "2026-11-27 21:30", "2026-11-27 21:10", "2026-11-28 07:00"),
        (Timing(quiet=NOON), "2026-11-27 12:30", None, "2026-11-27 13:00"),
        (Timing(quiet=NOON), "2026-11-27 13:00", None, "2026-11-27 13:00"),
        (Timing(zone=BERLIN, quiet=NIGHT), "2026-11-27 21:30", None, "2026-11-28 06:00"),
        (Timing(zone=BERLIN, quiet=NIGHT), "2026-07-01 21:30", None, "2026-07-02 05:00"),
        (Timing(zone=BERLIN, quiet=(time(1), time(4))), "2026-03-29 00:30", None, "2026-03-29 02:00"),  # the clocks go forward at 2
        (Timing(zone=BERLIN, quiet=(time(22), time(2, 30))), "2026-10-25 00:10", None, "2026-10-25 00:30"),  # 2 to 3 comes twice
        (Timing(zone=BERLIN, quiet=(time(22), time(2, 30))), "2026-10-25 01:10", None, "2026-10-25 01:30"),
        (Timing(digest_at=time(8)), "2026-11-27 07:59", None, "2026-11-27 08:00"),
        (Timing(digest_at=time(8)), "2026-11-27 08:00", None, "2026-11-28 08:00"),
        (Timing(digest_at=time(8), days=(0,)), "2026-11-27 07:00", None, "2026-11-30 08:00"),
        (Timing(digest_at=time(8), days=(4,)), "2026-11-27 09:00", None, "2026-12-04 08:00"),
        (Timing(zone=BERLIN, digest_at=time(8)), "2026-10-24 12:00", None, "2026-10-25 07:00"),  # the clocks went back in between
        (Timing(zone="Pacific/Auckland", digest_at=time(8), days=(5,)), "2026-11-27 12:00", None, "2026-11-27 19:00"),
    ],
)
def test_an_alert_is_sent_as_soon_as_allowed(timing: Timing, now: str, last: str | None, expected: str) -> None:
    assert timing.next_at(utc(now), utc(last) if last else None) == utc(expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Europe/Atlantis"},
        {"zone": ""},
        {"cool_down": -1},
        {"cool_down": 10_081},
        {"quiet": ("22:00", "")},
        {"quiet": ("", "07:00")},
        {"quiet": ("24:00", "07:00")},
        {"digest_at": "8"},
        {"digest_at": "-"},
        {"digest_at": "08:00", "days": ()},
    ],
    ids=str,
)
def test_what_no_clock_shows_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError) as refused:
        timing_of(**{**PLAIN, **wrong})  # type: ignore[arg-type]
    assert refused.value.code == "timing_invalid"


def test_what_is_written_is_read() -> None:
    read = timing_of(zone=BERLIN, cool_down=5, quiet=("22:00", "07:00"), digest_at="", days=())
    assert read == Timing(BERLIN, 5, NIGHT, None, EVERY_DAY)
    assert timing_of(**{**PLAIN, "quiet": ("10:00", "10:00")}).quiet is None  # type: ignore[arg-type]
