from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Ftp, User, timezone_names, validate_timezone
from tests import factories
from tests.factories import TODAY


def test_timezone_names_are_places_after_utc() -> None:
    names = timezone_names()

    assert names[0] == "UTC"
    assert names[1:] == sorted(names[1:])
    assert {"Europe/Paris", "Asia/Kathmandu", "America/Argentina/Ushuaia"} <= set(names)


@pytest.mark.parametrize("name", ["Etc/GMT-3", "CET", "EST5EDT", "posixrules", "GMT+0"])
def test_timezone_names_leave_out_what_is_no_place(name: str) -> None:
    assert name not in timezone_names()


@pytest.mark.parametrize("name", ["Mars/Olympus", "europe/paris", "", "../etc/passwd", "\0"])
def test_timezone_that_does_not_exist_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_timezone(name)

    assert refusal.value.messages == [
        f"{name} is not a time zone. Choose one from the list, such as Europe/Paris."
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["Rider@Example.ORG", " rider@example.org ", "RIDER@EXAMPLE.ORG"])
def test_address_has_one_spelling_however_it_is_typed(typed: str) -> None:
    user = User.objects.create_user(typed, "correct horse battery")

    assert user.email == "rider@example.org"
    assert User.objects.get_by_natural_key(typed) == user


@pytest.mark.django_db
def test_address_is_taken_whatever_its_case(tester: User) -> None:
    second = User(email="TESTER@example.org", password="x")

    with pytest.raises(ValidationError) as refusal:
        second.full_clean()

    assert list(refusal.value.message_dict) == ["email"]


@pytest.mark.django_db
def test_natural_key_without_an_address_finds_nobody(tester: User) -> None:
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(None)


@pytest.mark.django_db
def test_superuser_is_an_operator() -> None:
    user = User.objects.create_superuser("Ops@example.org", "correct horse battery")

    assert (user.email, user.is_staff, user.is_superuser) == ("ops@example.org", True, True)


@pytest.mark.django_db
def test_password_is_kept_hashed(tester: User) -> None:
    assert "correct horse battery" not in tester.password
    assert tester.check_password("correct horse battery")


@pytest.mark.django_db
def test_threshold_heart_rate_at_the_maximum_is_refused_in_words(tester: User) -> None:
    tester.hr_max_bpm = tester.lthr_bpm = 180

    with pytest.raises(ValidationError) as refusal:
        tester.full_clean()

    assert refusal.value.messages == [
        "The threshold heart rate must be below the maximum heart rate."
    ]
    with pytest.raises(IntegrityError):
        tester.save()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("hr_max_bpm", "lthr_bpm"), [(None, None), (180, None), (None, 180), (181, 180)]
)
def test_heart_rates_may_be_unknown_or_in_order(
    tester: User, hr_max_bpm: int | None, lthr_bpm: int | None
) -> None:
    tester.hr_max_bpm, tester.lthr_bpm = hr_max_bpm, lthr_bpm

    tester.full_clean()
    tester.save()


@pytest.mark.parametrize(
    ("timezone", "minute_before", "minute_after"),
    [
        ("Pacific/Kiritimati", date(2026, 7, 4), date(2026, 7, 5)),
        ("Pacific/Honolulu", date(2026, 7, 3), date(2026, 7, 4)),
        ("Europe/Paris", date(2026, 7, 4), date(2026, 7, 4)),
    ],
)
def test_local_date_changes_at_midnight_where_the_tester_lives(
    timezone: str, minute_before: date, minute_after: date
) -> None:
    user = User(timezone=timezone)

    assert user.local_date(datetime(2026, 7, 4, 9, 59, tzinfo=UTC)) == minute_before
    assert user.local_date(datetime(2026, 7, 4, 10, 0, tzinfo=UTC)) == minute_after


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("day", "power_w"),
    [
        (date(2026, 1, 9), None),
        (date(2026, 1, 10), 220),
        (date(2026, 5, 31), 220),
        (date(2026, 6, 1), 235),
        (date(2026, 7, 4), 235),
    ],
)
def test_ftp_holds_from_its_date_until_the_next(
    tester: User, day: date, power_w: int | None
) -> None:
    Ftp.objects.create(user=tester, effective_date=date(2026, 6, 1), power_w=235)
    Ftp.objects.create(user=tester, effective_date=date(2026, 1, 10), power_w=220)

    valid = tester.ftps.valid_on(day)

    assert (valid.power_w if valid else None) == power_w


@pytest.mark.django_db
def test_second_ftp_of_a_day_is_refused(tester: User) -> None:
    Ftp.objects.create(user=tester, effective_date=TODAY, power_w=220)

    with pytest.raises(IntegrityError):
        Ftp.objects.create(user=tester, effective_date=TODAY, power_w=230)


@pytest.mark.django_db
def test_ftp_of_a_stranger_on_the_same_day_stands_beside_it(tester: User) -> None:
    stranger = factories.tester(email="stranger@example.org")
    Ftp.objects.create(user=tester, effective_date=TODAY, power_w=220)

    Ftp.objects.create(user=stranger, effective_date=TODAY, power_w=300)

    assert [ftp.power_w for ftp in tester.ftps.all()] == [220]


@pytest.mark.parametrize(("year", "age"), [(None, None), (1984, 41), (2009, 16), (2026, 0)])
def test_age_is_the_lower_of_the_two_that_a_year_of_birth_allows(
    year: int | None, age: int | None
) -> None:
    assert User(birth_year=year).age_on(date(2026, 7, 4)) == age


@time_machine.travel("2026-07-04T06:00:00Z", tick=False)
@pytest.mark.parametrize("year", [1899, 2027, 84])
def test_year_of_birth_that_cannot_be_is_refused(tester: User, year: int) -> None:
    tester.birth_year = year

    with pytest.raises(ValidationError) as refused:
        tester.full_clean()

    assert refused.value.message_dict == {
        "birth_year": ["Write the year you were born in with four figures, such as 1984."]
    }


@pytest.mark.django_db
@pytest.mark.parametrize("update_fields", [None, ["timezone", "units"]])
def test_move_to_another_time_zone_is_noted_by_any_way_of_saving(
    tester: User, update_fields: list[str] | None
) -> None:
    before = timezone.now()
    tester.timezone = "Asia/Tokyo"
    tester.save(update_fields=update_fields)
    tester.save()

    stored = User.objects.get()
    assert (stored.timezone, stored.timezone_before) == ("Asia/Tokyo", "Europe/Paris")
    assert stored.timezone_changed_at is not None
    assert before <= stored.timezone_changed_at <= timezone.now()


@pytest.mark.django_db
def test_saving_something_else_is_no_move(tester: User) -> None:
    tester.timezone = "Asia/Tokyo"
    tester.units = User.Units.IMPERIAL
    tester.save(update_fields=["units"])

    stored = User.objects.get()
    assert (stored.timezone, stored.timezone_before) == ("Europe/Paris", "")
    assert stored.timezone_changed_at is None


@pytest.mark.django_db
def test_first_time_zone_of_an_account_is_no_move() -> None:
    user = factories.tester(health_consent_at=None, timezone="UTC")
    user.timezone, user.health_consent_at = "Europe/Paris", factories.CONSENTED_AT
    user.save()

    stored = User.objects.get()
    assert (stored.timezone_before, stored.timezone_changed_at) == ("", None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("since", "expected"),
    [(timedelta(minutes=59), ""), (timedelta(minutes=61), "Asia/Tokyo")],
)
def test_time_zone_that_is_put_right_at_once_was_no_move(
    tester: User, since: timedelta, expected: str
) -> None:
    tester.timezone = "Asia/Tokyo"
    tester.save()
    User.objects.update(timezone_changed_at=timezone.now() - since)

    tester.timezone = "Europe/Paris"
    tester.save()

    assert User.objects.get().timezone_before == expected
    assert (User.objects.get().timezone_changed_at is None) is (expected == "")
