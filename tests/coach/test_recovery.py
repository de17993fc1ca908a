"""HRV, resting heart rate, sleep and readiness: each from the source that counts for it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from coach import brief
from coach.observe import draw_up
from coach.recovery import of_the_night
from coach.situation import Situation
from connections import days, precedence, readings
from connections.models import DailySample, Night
from connections.sources import Source
from missions.models import Mission
from tests import factories
from tests.coach.samples import SITUATION, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

SDNN = Night.HrvKind.SDNN
OURA, APPLE = "oura", "apple"


def ago(count: int) -> date:
    return TODAY - timedelta(days=count)


def nights(user: User, source: Source, count: int, *, since: int = 0, **fields: Any) -> None:
    """Oura: 52 ms, 50 bpm, 7.5 h that ended 1 h ago; Apple Health: 80 ms SDNN, 58 bpm, 7 h, 2 h."""
    usual: dict[str, Any] = {"hrv_ms": 52.0, "resting_hr_bpm": 50.0, "asleep_s": 27_000}
    if source == Source.APPLE:
        usual = {"hrv_ms": 80.0, "hrv_kind": SDNN, "resting_hr_bpm": 58.0, "asleep_s": 25_200}
    for n in range(since, since + count):
        told = {**usual, **fields}
        if told["hrv_ms"]:
            told["hrv_ms"] += n % 3
        if source == Source.APPLE:
            told["ended_at"] = datetime.combine(ago(n), datetime.min.time(), tzinfo=UTC)
            told["ended_at"] += timedelta(hours=3, minutes=30)
        factories.night(user, ago(n), source=source, **told)


def last_night(user: User, source: Source, **fields: Any) -> None:
    Night.objects.filter(user=user, source=source, local_date=TODAY).update(**fields)


def told(user: User) -> dict[str, Any]:
    return of_the_night(readings.gather(user, TODAY), TODAY, NOW)


def sources_of(told: dict[str, Any]) -> tuple[Any, ...]:
    return told["hrv_source"], told["rhr_source"], told["sleep_source"], told["night_source"]


def test_of_two_settled_sources_the_first_counts_for_everything(tester: User) -> None:
    nights(tester, Source.OURA, 30)
    nights(tester, Source.APPLE, 60)

    found = told(tester)

    assert sources_of(found) == (OURA, OURA, OURA, OURA)
    assert (found["hrv"], found["hrv_kind"], found["rhr"], found["sleep_h"]) == (
        52.0,
        "rmssd",
        50.0,
        7.5,
    )


def test_order_can_differ_by_metric_and_each_value_keeps_its_source_age_and_baseline(
    tester: User,
) -> None:
    nights(tester, Source.OURA, 30)
    nights(tester, Source.APPLE, 60)
    precedence.choose(tester, {"hrv": [APPLE, OURA], "sleep": [APPLE]})

    found = told(tester)

    assert found == {
        "readiness": 78,
        "readiness_source": "lr_readiness_v1",
        "readiness_age_h": 2.0,
        "readiness_reason": None,
        "hrv": 80.0,
        "hrv_kind": "sdnn",
        "hrv_baseline": 81.0,
        "hrv_7d_z": -0.2,
        "rhr": 50.0,
        "rhr_baseline": 50.0,
        "sleep_h": 7.0,
        "sleep_7d_h": 7.0,
        "night_source": "apple+oura",
        "night_age_h": 2.0,
        "hrv_source": APPLE,
        "hrv_age_h": 2.0,
        "rhr_source": OURA,
        "rhr_age_h": 1.0,
        "sleep_source": APPLE,
        "sleep_age_h": 2.0,
        "temperature_deviation": None,
    }


def test_new_ring_waits_for_its_baseline_metric_by_metric(tester: User) -> None:
    """Fourteen values before tonight make a usual; the ring's HRV lacks one."""
    nights(tester, Source.APPLE, 60)
    nights(tester, Source.OURA, 15)
    Night.objects.filter(source=OURA, local_date=ago(3)).update(hrv_ms=None, hrv_kind="")

    assert sources_of(told(tester)) == (APPLE, OURA, OURA, "apple+oura")


def test_without_any_baseline_the_first_with_a_value_counts(tester: User) -> None:
    nights(tester, Source.APPLE, 5)
    nights(tester, Source.OURA, 5)
    last_night(tester, Source.OURA, resting_hr_bpm=None)

    found = told(tester)

    assert sources_of(found) == (OURA, APPLE, OURA, "oura+apple")
    assert (found["hrv_baseline"], found["rhr_baseline"]) == (None, None)


def test_source_that_did_not_tell_of_tonight_gives_way(tester: User) -> None:
    nights(tester, Source.OURA, 40, since=3)
    nights(tester, Source.APPLE, 60)

    found = told(tester)

    assert sources_of(found) == (APPLE, APPLE, APPLE, APPLE)
    assert (found["hrv"], found["hrv_kind"]) == (80.0, "sdnn")


def test_kinds_of_hrv_and_sources_are_never_mixed_in_one_baseline(tester: User) -> None:
    """Apple's rMSSD begins a baseline of its own, though its SDNN has one, and Oura's rMSSD too."""
    nights(tester, Source.APPLE, 40, since=3)
    nights(tester, Source.APPLE, 3, hrv_ms=45.0, hrv_kind=Night.HrvKind.RMSSD)
    nights(tester, Source.OURA, 40, since=2)

    found = told(tester)

    assert (found["hrv"], found["hrv_kind"], found["hrv_source"]) == (45.0, "rmssd", APPLE)
    assert (found["hrv_baseline"], found["hrv_7d_z"]) == (None, None)
    assert found["rhr_baseline"] == 58.0


def test_nobody_s_fresh_night_is_none_with_its_usual(tester: User) -> None:
    nights(tester, Source.OURA, 40, since=3)

    found = told(tester)

    assert (found["hrv"], found["rhr"], found["sleep_h"]) == (None, None, None)
    assert (found["rhr_baseline"], found["readiness_reason"]) == (50.0, "stale_reading")
    assert sources_of(found) == (OURA, OURA, OURA, OURA)


# --- readiness ---


def score(user: User, value: float, day: date = TODAY, **fields: Any) -> None:
    DailySample.objects.create(
        user=user,
        source=fields.pop("source", OURA),
        local_date=day,
        kind=DailySample.Kind.READINESS,
        value=value,
        unit="score",
        measured_at=NOW - timedelta(hours=4),
        **fields,
    )


def readiness(user: User) -> tuple[Any, ...]:
    found = told(user)
    return found["readiness"], found["readiness_source"], found["readiness_age_h"]


def test_own_score_comes_before_the_house_score_unless_another_order_was_chosen(
    tester: User,
) -> None:
    nights(tester, Source.OURA, 40)
    nights(tester, Source.APPLE, 40)
    score(tester, 91)

    assert readiness(tester) == (91, OURA, 1.0)
    precedence.choose(tester, {"readiness": [APPLE, OURA]})
    assert readiness(tester) == (78, "lr_readiness_v1", 2.0)


def test_chosen_order_goes_on_where_a_source_has_nothing_to_say(tester: User) -> None:
    precedence.choose(tester, {"readiness": [APPLE, OURA]})
    nights(tester, Source.APPLE, 10)
    score(tester, 91)

    assert readiness(tester)[:2] == (91, OURA)


def test_house_score_of_a_chosen_source_is_of_its_nights_alone(tester: User) -> None:
    nights(tester, Source.OURA, 40)
    nights(tester, Source.APPLE, 40, asleep_s=21_600)
    precedence.choose(tester, {"readiness": [APPLE]})
    of_apple = readiness(tester)

    Night.objects.filter(source=OURA).delete()

    assert readiness(tester) == of_apple


# --- what people see of it ---


def test_chips_name_the_source_of_each_value(tester: User, mission: Mission) -> None:
    nights(tester, Source.OURA, 30)
    nights(tester, Source.APPLE, 60)
    precedence.choose(tester, {"hrv": [APPLE, OURA]})
    read = readings.gather(tester, TODAY)

    drawn_up = draw_up(mission, read, local_date=TODAY, now=NOW)

    chips = {chip.label: str(chip) for chip in brief.numbers_in(drawn_up)}
    assert chips["HRV"] == "HRV 80 ms SDNN (Apple Health, 2 h ago)"
    assert chips["HRV, your usual"].endswith("ms SDNN (Apple Health, 2 h ago)")
    assert chips["Resting heart rate"] == "Resting heart rate 50 bpm (Oura, 1 h ago)"
    assert chips["Sleep"] == "Sleep 7.5 h (Oura, 1 h ago)"


def test_situation_of_before_there_were_several_sources_still_names_the_one() -> None:
    added = ("hrv_source", "hrv_age_h", "rhr_source", "rhr_age_h", "sleep_source", "sleep_age_h")
    metrics = {name: one for name, one in SITUATION["metrics"].items() if name not in added}
    stored = {**situation().model_dump(mode="json"), "metrics": metrics}
    del stored["kept_back"]

    chips = brief.numbers_in(Situation.model_validate(stored))

    assert [str(chip) for chip in chips if chip.label == "HRV"] == ["HRV 53 ms (Oura, 1 h ago)"]


# --- one truth ---


@pytest.mark.parametrize(
    "orders", [{}, {"hrv": [APPLE, OURA]}, {"sleep": [APPLE], "resting_hr": [APPLE]}]
)
@pytest.mark.parametrize(("rings", "watches"), [(30, 60), (14, 60), (15, 15), (3, 3), (0, 40)])
def test_day_shows_what_the_coach_goes_by(
    tester: User, orders: Any, rings: int, watches: int
) -> None:
    nights(tester, Source.OURA, rings)
    nights(tester, Source.APPLE, watches)
    precedence.choose(tester, orders)

    (day,) = days.days_between(tester, TODAY, TODAY, NOW)
    found = told(tester)

    shown = [
        (one.value, one.source, one.age_h)
        for metric in ("hrv", "resting_hr", "sleep")
        if (one := day.readings[metric])
    ]
    assert shown == [
        (found["hrv"], found["hrv_source"], found["hrv_age_h"]),
        (found["rhr"], found["rhr_source"], found["rhr_age_h"]),
        (found["sleep_h"], found["sleep_source"], found["sleep_age_h"]),
    ]


@pytest.mark.parametrize("order", [[], [APPLE, OURA], [OURA, APPLE]])
@pytest.mark.parametrize(("rings", "watches"), [(30, 60), (30, 15), (30, 14), (30, 0), (0, 40)])
def test_day_shows_the_readiness_the_coach_goes_by_or_none(
    tester: User, order: list[str], rings: int, watches: int
) -> None:
    nights(tester, Source.OURA, rings)
    nights(tester, Source.APPLE, watches)
    score(tester, 91)
    precedence.choose(tester, {"readiness": order})

    (day,) = days.days_between(tester, TODAY, TODAY, NOW)

    one = day.readings["readiness"]
    is_own = readiness(tester)[1] == OURA
    assert (one and (one.value, one.source, one.age_h)) == (readiness(tester) if is_own else None)
    assert is_own is (order != [APPLE, OURA] or watches < 15)
