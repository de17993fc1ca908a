from datetime import UTC, date, datetime, timedelta
from math import exp

from sandbox.person.days import day_of
from sandbox.person.nights import night_of, readiness_contributors, readiness_score
from sandbox.person.recording import distance_m, totals
from sandbox.person.rider import FTP_W, HOME, LTHR_BPM, MAX_HR_BPM, RESTING_HR_BPM, age_on
from sandbox.person.rides import Ride, ride_numbered, ride_on, rides_between, rides_until

YEAR = rides_between(date(2026, 1, 1), date(2026, 12, 31))
NIGHTS = [night_of(date(2026, 1, 1) + timedelta(days=n)) for n in range(365)]


def trimp_a_minute(bpm: float) -> float:
    share = (bpm - RESTING_HR_BPM) / (MAX_HR_BPM - RESTING_HR_BPM)
    return share * 0.64 * exp(1.92 * share)


def measured_load(ride: Ride) -> float:
    """What an outsider can tell: from the meter, else from the heart, else nothing."""
    sums = totals(ride)
    if ride.power == "meter":
        return ride.moving_s / 36 * (sums.normalized_w / FTP_W) ** 2
    if ride.has_heartrate:
        minutes = ride.moving_s / 60
        return 100 * minutes * trimp_a_minute(sums.average_hr_bpm) / 60 / trimp_a_minute(LTHR_BPM)
    return 0.0


def test_ride_of_a_day_is_always_the_same() -> None:
    ride_on.cache_clear()
    first = ride_on(date(2026, 7, 5))
    ride_on.cache_clear()

    assert ride_on(date(2026, 7, 5)) == first
    assert first is not None
    assert (first.kind, first.start_at.astimezone(HOME).date()) == ("long", date(2026, 7, 5))


def test_rides_come_four_or_five_times_a_week() -> None:
    assert 4.0 < len(YEAR) / 52 < 5.0


def test_year_of_rides_holds_every_oddity() -> None:
    oddities = {
        "estimated power": sum(ride.power == "estimated" for ride in YEAR),
        "no heart rate": sum(not ride.has_heartrate and not ride.is_manual for ride in YEAR),
        "manual": sum(ride.is_manual for ride in YEAR),
        "hidden start": sum(ride.is_start_hidden for ride in YEAR),
        "private": sum(ride.is_private for ride in YEAR),
        "indoors": sum(ride.is_indoor for ride in YEAR),
    }

    assert [name for name, count in oddities.items() if count < 3] == []
    assert sum(oddities.values()) < len(YEAR) / 2


def test_hidden_start_is_shown_one_second_after_midnight() -> None:
    hidden = next(ride for ride in YEAR if ride.is_start_hidden)

    shown = hidden.shown_start_at.astimezone(HOME)

    assert (shown.date(), f"{shown:%H:%M:%S}") == (hidden.local_date, "00:00:01")


def test_load_settles_where_an_amateur_trains() -> None:
    ctl, after_half_a_year = 0.0, []
    for n in range(900):
        day = date(2025, 1, 1) + timedelta(days=n)
        ride = ride_on(day)
        ctl += ((measured_load(ride) if ride else 0.0) - ctl) * (1 - exp(-1 / 42))
        if n > 180:
            after_half_a_year.append(ctl)

    assert 45 < sum(after_half_a_year) / len(after_half_a_year) < 55
    assert 38 < min(after_half_a_year) < max(after_half_a_year) < 60


def test_heart_follows_the_power_and_stays_under_its_maximum() -> None:
    hard = [totals(ride).average_hr_bpm for ride in YEAR if ride.kind == "tempo"]
    light = [totals(ride).average_hr_bpm for ride in YEAR if ride.kind == "easy"]

    assert min(hard) > max(light)
    assert max(totals(ride).max_hr_bpm for ride in YEAR) <= MAX_HR_BPM


def test_long_ride_is_long_and_hilly() -> None:
    ride = max(YEAR, key=lambda ride: ride.moving_s)

    assert ride.kind == "long"
    assert 60_000 < distance_m(ride) < 120_000
    assert ride.elapsed_s > ride.moving_s > 3 * 3600


def test_ride_is_found_by_its_number() -> None:
    assert [ride_numbered(ride.id) for ride in YEAR[:5]] == YEAR[:5]
    assert ride_numbered(7) is None


def test_ride_that_has_not_ended_is_not_there() -> None:
    sunday = ride_on(date(2026, 7, 5))
    assert sunday is not None

    before = rides_until(sunday.end_at - timedelta(seconds=1))
    after = rides_until(sunday.end_at)

    assert after[-1] == sunday
    assert before == after[:-1]


def test_nights_vary_and_some_are_bad() -> None:
    scores = [readiness_score(night.local_date) for night in NIGHTS]

    assert 75 < sum(scores) / 365 < 85
    assert 0.08 < sum(score < 70 for score in scores) / 365 < 0.2
    assert 49 < sum(night.hrv_ms for night in NIGHTS) / 365 < 55
    assert 48 < sum(night.lowest_hr_bpm for night in NIGHTS) / 365 < 52
    assert 5 < sum(night.is_unscored for night in NIGHTS) < 25


def test_night_adds_up_and_is_over_before_seven() -> None:
    for night in NIGHTS:
        assert night.in_bed_s == (night.wake_at - night.bed_at).total_seconds()
        assert night.wake_at.astimezone(HOME).hour < 7
        assert 3 * 3600 < night.asleep_s < night.in_bed_s


def test_contributors_are_the_nine_of_the_ring() -> None:
    scores = readiness_contributors(date(2026, 7, 4))

    assert len(scores) == 9
    assert min(scores.values()) >= 1
    assert max(scores.values()) <= 100


def test_rider_grows_older_on_the_birthday() -> None:
    assert (age_on(date(2026, 3, 13)), age_on(date(2026, 3, 14))) == (40, 41)


def test_ride_costs_energy() -> None:
    ride = YEAR[0]

    assert day_of(ride.local_date).active_kcal > totals(ride).work_kj


def test_nothing_is_known_from_before_the_account() -> None:
    assert rides_until(datetime(2023, 12, 31, tzinfo=UTC)) == []
