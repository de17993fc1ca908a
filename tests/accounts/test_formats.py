import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import formats
from accounts.formats import Reader
from accounts.models import User

DAY = date(2026, 11, 4)
AT = datetime(2026, 11, 4, 17, 5, 9, tzinfo=UTC)
BRITISH = Reader("imperial", "24", "dmy", 0)
AMERICAN = Reader("imperial", "12", "mdy", 6)
HUNGARIAN = Reader("metric", "24", "ymd", 0)


@pytest.fixture(autouse=True)
def _in_paris() -> Iterator[None]:
    with timezone.override("Europe/Paris"):
        yield


@pytest.mark.parametrize(
    ("name", "day_first", "month_first", "year_first"),
    [
        ("full_date", "4 November 2026", "November 4, 2026", "2026 November 4"),
        ("weekday_date", "Wednesday 4 November", "Wednesday, November 4", "Wednesday November 4"),
        (
            "full_weekday_date",
            "Wednesday 4 November 2026",
            "Wednesday, November 4, 2026",
            "Wednesday 2026 November 4",
        ),
        ("day_month", "4 November", "November 4", "November 4"),
        ("short_date", "4 Nov", "Nov 4", "Nov 4"),
        ("short_weekday_date", "Wed 4 Nov", "Wed, Nov 4", "Wed Nov 4"),
        ("month_year", "November 2026", "November 2026", "2026 November"),
    ],
)
def test_dates_stand_in_the_order_of_their_reader(
    name: str, day_first: str, month_first: str, year_first: str
) -> None:
    written = getattr(formats, name)

    told = []
    for reader in (BRITISH, AMERICAN, HUNGARIAN):
        with formats.written_for(reader):
            told.append(written(DAY))

    assert told == [day_first, month_first, year_first]


@pytest.mark.parametrize(
    ("name", "of_24", "of_12"),
    [
        ("clock", "18:05", "6:05 pm"),
        ("clock_s", "18:05:09", "6:05:09 pm"),
        ("moment", "4 November 2026, 18:05", "November 4, 2026, 6:05 pm"),
        ("zoned_moment", "4 November 2026, 18:05 CET", "November 4, 2026, 6:05 pm CET"),
        ("day_moment", "4 November, 18:05", "November 4, 6:05 pm"),
        ("short_moment", "4 Nov, 18:05", "Nov 4, 6:05 pm"),
        ("weekday_moment", "Wednesday 4 November, 18:05", "Wednesday, November 4, 6:05 pm"),
    ],
)
def test_moments_are_told_here_and_by_the_readers_clock(name: str, of_24: str, of_12: str) -> None:
    written = getattr(formats, name)

    told = []
    for reader in (BRITISH, AMERICAN):
        with formats.written_for(reader):
            told.append(written(AT))

    assert told == [of_24, of_12]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (time(0, 5), "12:05 am"),
        (time(6, 0), "6:00 am"),
        (time(11, 59), "11:59 am"),
        (time(12, 0), "12:00 pm"),
        (time(23, 30), "11:30 pm"),
    ],
)
def test_half_days_turn_at_noon_and_at_midnight(at: time, words: str) -> None:
    with formats.written_for(AMERICAN):
        assert formats.clock(at) == words


def test_evening_there_is_the_next_day_here() -> None:
    assert formats.day_moment(datetime(2026, 11, 4, 23, 30, tzinfo=UTC)) == "5 November, 00:30"


@pytest.mark.parametrize(
    ("last", "day_first", "month_first", "year_first"),
    [
        (date(2026, 11, 4), "4 November 2026", "November 4, 2026", "2026 November 4"),
        (
            date(2026, 11, 6),
            "4 to 6 November 2026",
            "November 4 to 6, 2026",
            "2026 November 4 to 6",
        ),
        (
            date(2026, 12, 6),
            "4 November to 6 December 2026",
            "November 4 to December 6, 2026",
            "2026 November 4 to December 6",
        ),
        (
            date(2027, 11, 4),
            "4 November 2026 to 4 November 2027",
            "November 4, 2026 to November 4, 2027",
            "2026 November 4 to 2027 November 4",
        ),
    ],
)
def test_span_says_once_what_both_days_have_alike(
    last: date, day_first: str, month_first: str, year_first: str
) -> None:
    told = []
    for reader in (BRITISH, AMERICAN, HUNGARIAN):
        with formats.written_for(reader):
            told.append(formats.span(DAY, last))

    assert told == [day_first, month_first, year_first]


@time_machine.travel(AT, tick=False)
@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 11, 4, 22, 59, tzinfo=UTC), "today"),
        (datetime(2026, 11, 4, 23, 0, tzinfo=UTC), "tomorrow"),
        (datetime(2026, 11, 2, 23, 0, tzinfo=UTC), "yesterday"),
        (datetime(2026, 11, 6, 5, 0, tzinfo=UTC), "Friday, November 6"),
    ],
)
def test_near_day_is_near_to_where_the_reader_is(at: datetime, words: str) -> None:
    with formats.written_for(AMERICAN):
        assert formats.near_day(at) == words


@pytest.mark.parametrize(
    ("first", "order", "words"),
    [
        (0, [0, 1, 2, 3, 4, 5, 6], "Monday to Sunday"),
        (5, [5, 6, 0, 1, 2, 3, 4], "Saturday to Friday"),
        (6, [6, 0, 1, 2, 3, 4, 5], "Sunday to Saturday"),
    ],
)
def test_week_begins_where_its_reader_begins_it(first: int, order: list[int], words: str) -> None:
    with formats.written_for(Reader(first_weekday=first)):
        assert (formats.weekdays(), formats.week()) == (order, words)


@pytest.mark.parametrize(
    ("metres", "metric", "imperial"),
    [
        (0, "0.0 km", "0.0 mi"),
        (42_345, "42.3 km", "26.3 mi"),
        (99_949, "99.9 km", "62.1 mi"),
        (99_950, "100 km", "62.1 mi"),
        (1_234_567, "1,235 km", "767 mi"),
    ],
)
def test_distances_are_in_the_readers_units(metres: float, metric: str, imperial: str) -> None:
    with formats.written_for(HUNGARIAN):
        assert formats.distance(metres) == metric
    with formats.written_for(AMERICAN):
        assert formats.distance(metres) == imperial


def test_climbs_are_in_the_readers_units() -> None:
    with formats.written_for(AMERICAN):
        assert (formats.climb(1_250), formats.climb(0.2)) == ("4,101 ft", "1 ft")
    assert (formats.climb(1_250.4), formats.climb(0)) == ("1,250 m", "0 m")


def test_nobody_reads_as_most_do() -> None:
    assert formats.reader() == Reader("metric", "24", "dmy", 0)


def test_reader_of_before_comes_back() -> None:
    with formats.written_for(AMERICAN), formats.written_for(HUNGARIAN):
        pass
    assert formats.reader() is formats.NOBODY


def test_reader_is_what_an_account_says_and_the_other_way_round() -> None:
    user = User()

    assert AMERICAN.put_on(user) == ("units", "clock", "date_order", "first_weekday")
    assert Reader.of(user) == AMERICAN


def test_filters_leave_what_is_missing_empty() -> None:
    told = Template(
        "[{{ none|full_date }}|{{ none|clock }}|{{ empty|distance }}|{{ day|day_month }}]"
    )

    assert told.render(Context({"none": None, "empty": "", "day": DAY})) == "[|||4 November]"


def test_filters_tell_moments_in_the_zone_of_their_block() -> None:
    source = (
        '{% load tz %}{{ at|clock }} {% timezone "Asia/Tokyo" %}{{ at|moment }}{% endtimezone %}'
    )

    assert Template(source).render(Context({"at": AT})) == "18:05 5 November 2026, 02:05"


def answer_to(user: User | AnonymousUser) -> str:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{formats.clock(AT)}, {formats.short_date(AT)}")

    request = RequestFactory().get("/")
    request.user = user
    return formats.of_the_reader(view)(request).content.decode()


def test_pages_are_written_for_whoever_is_signed_in() -> None:
    told = [answer_to(user) for user in (User(clock="12", date_order="mdy"), AnonymousUser())]

    assert told == ["6:05 pm, Nov 4", "18:05, 4 Nov"]
    assert formats.reader() is formats.NOBODY


@pytest.mark.django_db
def test_pages_without_a_date_ask_for_nobody(
    client: object, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    request = RequestFactory().get("/")  # without a user: asking for one would fail

    with django_assert_num_queries(0):
        formats.of_the_reader(lambda _: HttpResponse())(request)


# --- In every template ---------------------------------------------------------------------------

TEMPLATES = Path(settings.BASE_DIR) / "templates"
# The stand-ins are other companies' sites, and write as those do; the console writes ISO, in UTC.
OURS = sorted(
    path.relative_to(TEMPLATES).as_posix()
    for path in TEMPLATES.rglob("*.*")
    if not {"sandbox", "admin"} & set(path.relative_to(TEMPLATES).parts)
)
FIXED = re.compile(
    r"""\|\s*(?:date|time)\b(?!:["'](?:c|Y-m-d|Y-m|Y|M|F)["'])|\|\s*naturalday|\{%\s*now\b"""
)


@pytest.mark.parametrize("name", OURS)
def test_templates_write_dates_and_times_for_their_reader(name: str) -> None:
    assert FIXED.findall((TEMPLATES / name).read_text()) == []


@pytest.mark.parametrize(
    ("source", "is_fixed"),
    [
        ('{{ at|date:"j F" }}', True),
        ("{{ at|date:'H:i' }}", True),
        ("{{ at|date }}", True),
        ("{{ at|time }}", True),
        ("{{ at|naturalday }}", True),
        ('{% now "Y" %}', True),
        ('{{ at|date:"c" }}', False),
        ("{{ at|date:'Y-m-d' }}", False),
        ("{{ at|full_date }}{{ at|timezone:zone|clock }}{{ at|naturaltime }}", False),
    ],
)
def test_what_is_written_the_same_for_everybody_is_found(source: str, is_fixed: bool) -> None:
    assert bool(FIXED.search(source)) is is_fixed
