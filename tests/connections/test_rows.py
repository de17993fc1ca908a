from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, models
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from connections import rows
from connections.models import DailySample, Night, Ride
from connections.rows import keep_nights, keep_rides, keep_samples
from connections.sources import Source
from tests.factories import NOW, TODAY

LATER = NOW + timedelta(days=1)


def ride(user: User, external_id: str = "7", **fields: Any) -> Ride:
    values: dict[str, Any] = {
        "source": Source.STRAVA,
        "started_at": NOW,
        "local_date": TODAY,
        "sport": "Ride",
        "duration_s": 3600,
        "elapsed_s": 3700,
        "np_w": 200.0,
        "read_at": NOW,
        **fields,
    }
    return Ride(user=user, external_id=external_id, **values)


def night(user: User, **fields: Any) -> Night:
    values = {"source": Source.OURA, "local_date": TODAY, "asleep_s": 27_000, **fields}
    return Night(user=user, **values)


def sample(user: User, value: float = 70.4, **fields: Any) -> DailySample:
    values = {
        "source": Source.APPLE,
        "local_date": TODAY,
        "kind": DailySample.Kind.WEIGHT,
        "unit": "kg",
        **fields,
    }
    return DailySample(user=user, value=value, **values)


def everything(model: type[models.Model]) -> list[dict[str, Any]]:
    return [dict(row) for row in model._default_manager.order_by("pk").values()]


def test_keeping_twice_is_once(tester: User) -> None:
    for _ in range(2):
        assert keep_rides([ride(tester), ride(tester, "8")]) == 2
        assert keep_nights([night(tester)]) == 1
        assert keep_samples([sample(tester)]) == 1

    assert sorted(Ride.objects.values_list("external_id", flat=True)) == ["7", "8"]
    assert Night.objects.count() == 1
    assert DailySample.objects.count() == 1


def test_rows_are_kept_whole(tester: User) -> None:
    full = ride(
        tester,
        name="Col",
        distance_m=40_000.5,
        climb_m=900.0,
        energy_kj=800.0,
        average_power_w=180.0,
        has_power_meter=True,
        average_hr_bpm=140.0,
        max_hr_bpm=171.0,
        suffer_score=88.0,
    )

    keep_rides([full])

    [kept] = everything(Ride)
    told = {field.attname: getattr(full, field.attname) for field in Ride._meta.concrete_fields}
    assert {**kept, "id": None} == {**told, "id": None}


def test_later_values_win_and_the_row_stays_the_same(tester: User) -> None:
    keep_rides([ride(tester, name="before", np_w=200.0)])
    before = Ride.objects.get()

    keep_rides([ride(tester, name="after", np_w=None, read_at=LATER)])

    after = Ride.objects.get()
    assert after.pk == before.pk
    assert (after.name, after.np_w, after.read_at) == ("after", None, LATER)


def test_older_word_adds_what_is_missing_and_changes_nothing(tester: User) -> None:
    keep_samples([sample(tester, 71.0)])
    keep_nights([night(tester, asleep_s=25_000)])
    keep_rides([ride(tester, name="now")])
    known = [everything(model) for model in (DailySample, Night, Ride)]
    yesterday = TODAY - timedelta(days=1)

    told = [
        keep_samples([sample(tester, 80.0), sample(tester, local_date=yesterday)], is_newest=False),
        keep_nights([night(tester), night(tester, local_date=yesterday)], is_newest=False),
        keep_rides([ride(tester, name="then"), ride(tester, "8")], is_newest=False),
    ]

    assert told == [2, 2, 2]
    for model, before in zip((DailySample, Night, Ride), known, strict=True):
        assert everything(model)[:-1] == before


def test_duplicates_in_one_batch_are_one_row_with_the_last_values(tester: User) -> None:
    told = keep_samples([sample(tester, 70.0), sample(tester, 71.0), sample(tester, 72.0)])

    assert told == 1
    assert [row.value for row in DailySample.objects.all()] == [72.0]


def test_same_key_of_another_tester_or_source_is_another_row(tester: User, stranger: User) -> None:
    keep_rides([ride(tester), ride(stranger), ride(tester, source=Source.APPLE)])
    keep_nights([night(tester), night(stranger), night(tester, source=Source.APPLE)])
    keep_samples(
        [
            sample(tester),
            sample(stranger),
            sample(tester, kind=DailySample.Kind.STEPS, unit="steps"),
        ]
    )

    assert [model._default_manager.count() for model in (Ride, Night, DailySample)] == [3, 3, 3]


def test_batches_bound_what_is_in_memory(
    tester: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(rows, "BATCH", 10)
    days = (TODAY - timedelta(days=n) for n in range(25))

    # Three batches, between the beginning and the end of one transaction.
    with django_assert_num_queries(5):
        assert keep_nights(night(tester, local_date=day) for day in days) == 25

    assert Night.objects.count() == 25


def test_nothing_to_keep_writes_nothing(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        assert keep_rides([]) == 0


def test_hrv_without_its_kind_is_refused(tester: User) -> None:
    with pytest.raises(IntegrityError, match="hrv_says_its_kind"):
        keep_nights([night(tester, hrv_ms=50.0)])
