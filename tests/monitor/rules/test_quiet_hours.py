"""Quiet hours are hours on the wall, on whatever day and across every change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from aed.errors import ConfigError
from aed.monitor.rules.quiet_hours import QuietHours, find_time_zone, local_time

BERLIN = ZoneInfo("Europe/Berlin")


def quiet_minutes(text: str, from_utc: datetime, hours: int) -> list[str]:
    """Local times, by the minute, that are quiet; asked of every minute of UTC, of which none is doubtful."""
    moments = [local_time(from_utc + timedelta(minutes=minute), BERLIN) for minute in range(hours * 60)]
    return [f"{moment:%d %H:%M}" for moment in moments if QuietHours.parse(text).covers(moment)]


def test_a_night_spans_midnight() -> None:
    hours = QuietHours.parse("22:00-07:00")
    asked = [datetime(2026, 6, 3, hour, 30) for hour in (21, 22, 0, 6, 7)]
    assert [hours.covers(moment) for moment in asked] == [False, True, True, True, False]
    assert not hours.covers(datetime(2026, 6, 3, 7, 0))
    assert hours.covers(datetime(2026, 6, 3, 22, 0))


def test_days_are_those_of_the_beginning() -> None:
    hours = QuietHours.parse("fri-sat 23:00-02:00")
    assert hours.covers(datetime(2026, 6, 5, 23, 30))  # a Friday
    assert hours.covers(datetime(2026, 6, 7, 1, 0))  # Sunday, begun on Saturday
    assert not hours.covers(datetime(2026, 6, 8, 1, 0))
    assert not hours.covers(datetime(2026, 6, 5, 1, 0))
    assert QuietHours.parse("sun-mon 1:00-2:00").days == {6, 0}


def test_when_the_clocks_go_back_the_hour_that_comes_twice_is_quiet_twice() -> None:
    night = quiet_minutes("02:00-03:00", datetime(2026, 10, 24, 22, tzinfo=UTC), 6)  # Berlin: 24 h at 00:00
    assert len(night) == 120
    assert set(night) == {f"25 02:{minute:02d}" for minute in range(60)}


def test_when_the_clocks_go_forward_an_hour_that_is_not_there_is_not_missed() -> None:
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert quiet_minutes("02:00-03:00", start, 6) == []
    night = quiet_minutes("01:30-03:30", start, 6)
    assert (night[0], night[-1], len(night)) == ("29 01:30", "29 03:29", 60)


def test_a_night_of_the_change_ends_by_the_clock_at_the_wall() -> None:
    for start, hours in ((datetime(2026, 10, 24, 18, tzinfo=UTC), 10), (datetime(2026, 3, 28, 18, tzinfo=UTC), 8)):
        night = quiet_minutes("22:00-07:00", start, 14)
        assert (night[0][3:], night[-1][3:]) == ("22:00", "06:59")
        assert len(night) == hours * 60  # nine hours by the wall


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("22-7", "expected such as 22:00-07:00"),
        ("25:00-07:00", "is no time of a day"),
        ("22:60-07:00", "is no time of a day"),
        ("07:00-07:00", "for the whole day write 00:00-24:00"),
        ("xyz 07:00-08:00", "'xyz' is no day"),
    ],
)
def test_what_is_no_stretch_of_a_day_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        QuietHours.parse(text)


def test_the_whole_day_and_time_zones() -> None:
    assert QuietHours.parse("00:00-24:00").covers(datetime(2026, 1, 1, 23, 59))
    assert find_time_zone("America/New_York").key == "America/New_York"
    for name in ("Atlantis/City", "/etc/passwd", "../x"):
        with pytest.raises(ConfigError, match="there is no time zone"):
            find_time_zone(name)
