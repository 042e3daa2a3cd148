"""Hours in which a rule tells nothing, as people write them: "22:00-07:00", "sat-sun 13:00-15:00".

They are hours on the wall: a moment is turned from UTC into local time first, and then compared. So nothing has to be
computed across a change of daylight saving time: an hour that comes twice is quiet twice, one that is left out is not
missed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from aed.errors import ConfigError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? +)?(\d\d?):(\d\d) *- *(\d\d?):(\d\d)")
_MINUTES_OF_DAY = 24 * 60


@dataclass(frozen=True)
class QuietHours:
    """One stretch of the day.

    Attributes:
        days: On which it begins, 0 for Monday.
        start_minute: Since midnight.
        end_minute: Since midnight, on the next day where it is not after the start; no longer part of it.
        text: As it was written.
    """

    days: frozenset[int]
    start_minute: int
    end_minute: int
    text: str

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """Read "22:00-07:00" or "mon-fri 22:00-07:00"; the days are those of the beginning.

        Raises:
            ConfigError: It is written otherwise, or is no time of a day.
        """
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            raise ConfigError(f"quiet hours '{text}': expected such as 22:00-07:00 or mon-fri 22:00-07:00")
        start, end = (_minute(text, *found.group(hour, hour + 1)) for hour in (3, 5))
        if start == end:
            raise ConfigError(f"quiet hours '{text}' begin when they end: for the whole day write 00:00-24:00")
        return cls(_days(text, found["first"], found["last"]), start, end, text.strip())

    def covers(self, local: datetime) -> bool:
        """Return whether a moment, in local time, lies in it."""
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.start_minute < self.end_minute:
            return day in self.days and self.start_minute <= minute < self.end_minute
        is_of_today = day in self.days and minute >= self.start_minute
        return is_of_today or ((day - 1) % len(DAYS) in self.days and minute < self.end_minute)


def local_time(utc: datetime, zone: tzinfo | None) -> datetime:
    """Return a moment on the clock at the wall; the computer's own time zone without one."""
    return utc.astimezone(zone)


def find_time_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # where there is none of that name, it is a KeyError
        raise ConfigError(
            f"there is no time zone '{name}': expected a name such as Europe/Berlin or America/New_York"
        ) from error


def _minute(text: str, hour: str, minute: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > _MINUTES_OF_DAY:
        raise ConfigError(f"quiet hours '{text}': {hour}:{minute} is no time of a day: expected 00:00 to 24:00")
    return total


def _days(text: str, first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(len(DAYS)))
    for day in (first, last or first):
        if day not in DAYS:
            raise ConfigError(f"quiet hours '{text}': '{day}' is no day: expected one of {' '.join(DAYS)}")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return frozenset((start + step) % len(DAYS) for step in range((end - start) % len(DAYS) + 1))
