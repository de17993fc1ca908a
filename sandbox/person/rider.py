"""Who the synthetic rider is. Nothing here changes from day to day."""

import random
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

HOME = ZoneInfo("Europe/Paris")
FIRST_NAME, LAST_NAME = "Robin", "Marchand"
EMAIL = "robin.marchand@example.org"
CITY, COUNTRY = "Grenoble", "France"
BIRTH_DATE = date(1985, 3, 14)
FTP_W = 228
LTHR_BPM = 166
MAX_HR_BPM = 184
RESTING_HR_BPM = 50
RMSSD_MS = 52
WEIGHT_KG = 70.4
HEIGHT_M = 1.78

# The accounts were opened on this day; nothing is known from before it.
FIRST_DATE = date(2024, 1, 1)


def luck(local_date: date, subject: str) -> random.Random:
    """The same throw of the dice for the same day and subject, in every process."""
    return random.Random(f"{local_date.isoformat()}/{subject}")


def at_home(local_date: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """That wall-clock time at the rider's home, in UTC so that differences count real seconds."""
    wall = datetime.combine(local_date, time(hour, minute, second), tzinfo=HOME)
    return wall.astimezone(UTC)


def age_on(local_date: date) -> int:
    had_birthday = (local_date.month, local_date.day) >= (BIRTH_DATE.month, BIRTH_DATE.day)
    return local_date.year - BIRTH_DATE.year - (0 if had_birthday else 1)
