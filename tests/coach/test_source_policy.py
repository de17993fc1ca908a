"""A source that is kept from the coach leaves no trace: not in a prompt, a brief, a file or a log.

The proof is the tester without that source: both get the same, byte for byte. Everything else a
run writes is compared too; only numbers of rows, addresses and the notice itself are masked.
"""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.cache import caches
from django.core.files.storage import default_storage
from pytest_django import DjangoAssertNumQueries

from accounts.models import Ftp, User
from coach import daily_run, record
from coach.builder import drafting, mission_builder
from coach.builder.answers import known_of
from coach.models import MissionDraft, MissionRun, ModelCall, Reflection
from coach.scored import game_told, settle_stages
from coach.wrap_up import reflections
from connections import policy, readings
from connections.models import AppleHealthUpload, Connection, DailySample, Night, Ride
from connections.sources import Source
from missions import appeals
from missions.models import EventProgress, Mission, RideMode, StageType
from notifications.models import Notification
from tests import factories
from tests.coach import drafts
from tests.conftest import StandIns, signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

SOURCES = list(Source)
# What no other source has, as it stands in prompts, briefs and files.
TELL_TALES: dict[Source, tuple[str, ...]] = {
    Source.OURA: ("61.4", "43.3", "Readiness 93"),
    Source.APPLE: ("Apple canary", '"minutes":73'),
    Source.STRAVA: ("Strava canary", '"ftp":263', '"ftp_w":263', '"minutes":97'),
    Source.FILE: ("File canary", '"minutes":83'),
}
RIDDEN = {
    Source.STRAVA: {"name": "Strava canary", "duration_s": 97 * 60, "np_w": 233.0},
    Source.APPLE: {
        "name": "Apple canary",
        "duration_s": 73 * 60,
        "np_w": None,
        "average_hr_bpm": 149.0,
    },
    Source.FILE: {"name": "File canary", "duration_s": 83 * 60, "np_w": 171.0},
}


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def keep_back(settings: LazySettings, name: str, switch: str) -> None:
    one = {**settings.SOURCES[name], switch: False}
    settings.SOURCES = {**settings.SOURCES, name: one}


@pytest.fixture(autouse=True)
def _own_sources(settings: LazySettings) -> None:
    settings.SOURCES = dict(settings.SOURCES)


# --- a tester with every source, or with all but one ---


def a_tester(email: str, *, without: str = "") -> User:
    user = factories.tester(email, lthr_bpm=166, hr_max_bpm=184)
    Ftp.objects.create(user=user, effective_date=ago(200), power_w=220)
    for source in SOURCES:
        if source != without:
            GIVEN[source](user)
    return user


def _oura(user: User) -> None:
    _connected(user, Source.OURA)
    for n in range(40):
        factories.night(user, ago(n), hrv_ms=61.4 + n % 4, resting_hr_bpm=43.3 + n % 3)
    DailySample.objects.create(
        user=user,
        source=Source.OURA,
        local_date=TODAY,
        kind=DailySample.Kind.READINESS,
        value=93,
        unit="score",
        measured_at=NOW - timedelta(hours=5),
    )


def _apple(user: User) -> None:
    AppleHealthUpload.objects.create(
        user=user,
        file_name="export.zip",
        stored_name="x.upload",
        size_bytes=10,
        status=AppleHealthUpload.Status.DONE,
        finished_at=NOW,
        exported_at=NOW - timedelta(days=3),
    )
    for n in range(50):
        factories.night(
            user,
            ago(n),
            source=Source.APPLE,
            hrv_ms=87.6 + n % 5,
            hrv_kind=Night.HrvKind.SDNN,
            resting_hr_bpm=57.7 + n % 2,
        )
    for days in (4, 6, 12, 19, 26, 33):
        _ride(user, Source.APPLE, days)


def _strava(user: User) -> None:
    _connected(user, Source.STRAVA)
    Ftp.objects.create(user=user, effective_date=ago(30), power_w=263, source=Ftp.Source.STRAVA)
    for days in (4, 5, 11, 20, 27, 50, 90):
        _ride(user, Source.STRAVA, days)


def _file(user: User) -> None:
    for days in (3, 13, 18, 40):
        _ride(user, Source.FILE, days)


GIVEN = {Source.OURA: _oura, Source.APPLE: _apple, Source.STRAVA: _strava, Source.FILE: _file}


def _connected(user: User, source: Source) -> None:
    """Broken since an hour ago, so that no run reads what the stand-ins have."""
    factories.connection(
        user,
        source,
        state=Connection.State.BROKEN,
        last_success_at=NOW - timedelta(hours=1),
        last_error=f"{source.title()} wants a new consent.",
    )


def _ride(user: User, source: Source, days: int) -> Ride:
    told = RIDDEN[source]
    return factories.ride(
        user,
        ago(days),
        source=source,
        external_id=f"{source}-{days}",
        elapsed_s=told["duration_s"],
        has_power_meter=told["np_w"] is not None,
        average_power_w=told["np_w"],
        **told,
    )


# --- what they get ---


@dataclass
class Got:
    """Everything that was told to a model, a tester or a disk, with its tell-tales."""

    prompts: list[str]
    files: dict[str, Any]
    mails: list[tuple[str, ...]]
    rows: list[Any]
    notices: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(
            [
                *self.prompts,
                json.dumps(self.files, ensure_ascii=False, separators=(",", ":")),
                *("\n".join(mail) for mail in self.mails),
                json.dumps(self.rows, ensure_ascii=False, separators=(",", ":")),
            ]
        )


def missions_of(user: User) -> tuple[Mission, Mission]:
    """An event on its sixth day, and one that ended a fortnight ago, both settled by now."""
    prices = Mission._meta.get_field("points_schema").get_default()
    prices["bonuses"] = {
        "consecutive_2": {"threshold": 2, "points": 17},
        "breakaway_1": {"threshold": 1, "points": 19},
    }
    running = factories.mission(
        user,
        state=Mission.State.EVENT_ACTIVE,
        event_start=ago(5),
        event_end=ago(-3),
        points_schema=prices,
    )
    over = factories.mission(
        user,
        name="Tour of the Hills",
        state=Mission.State.MISSION_COMPLETE,
        event_start=ago(20),
        event_end=ago(17),
        points_schema=prices,
    )
    running.stages.filter(number=2).update(stage_type=StageType.MOUNTAIN)
    for mission in (running, over):
        settle_stages(mission, readings.gather_all(user, TODAY), local_date=TODAY, now=NOW)
    return running, over


def everything_for(user: User, missions: tuple[Mission, Mission], stand_ins: StandIns) -> Got:
    """A whole day, a look back and a draft, with their files and mails."""
    caches["sandbox"].clear()
    running, over = missions
    run = daily_run.open_run(running, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    record.keep_artifacts(run.pk)
    reflection = Reflection.objects.create(mission=over)
    reflections.write(reflection.pk)
    reflections.keep_artifact(reflection.pk)
    survey = drafts.answers(ftp_w=known_of(user, TODAY).get("ftp_w"))
    draft = drafts.draft(user, outcome=MissionDraft.Outcome.DUE, asked=1, survey=survey)
    drafting.make(draft.pk, NOW)
    drafting.keep_texts(draft.pk, NOW)
    for row in (run, reflection, draft):
        row.refresh_from_db()
    assert (run.outcome, reflection.outcome, draft.outcome) == ("decided", "written", "drafted")
    return Got(
        prompts=[json.dumps(one["messages"], ensure_ascii=False) for one in stand_ins.questions()],
        files={
            re.sub(r".*/", "", one.key): content_of(one.key)
            for one in sorted(user.artifacts.all(), key=lambda one: one.key.rpartition("/")[2])
        },
        mails=[
            (one.subject, one.text, one.html)
            for one in Notification.objects.filter(user=user).order_by("pk")
        ],
        rows=[
            *(run.situation, run.decision, run.summary, reflection.facts, reflection.reply),
            *(draft.survey, draft.drafted),
        ],
    )


def content_of(key: str) -> Any:
    with default_storage.open(key) as stored:
        return json.load(stored)


def masked(got: Got, user: User) -> str:
    """Without what two testers can never have in common, and without the notices."""
    for told in _dictionaries([got.files, got.rows]):
        told.pop("kept_back", None)
        told.pop("left_out", None)
        told.pop("latency_ms", None)
        if "sources" in told:
            told["sources"] = [one for one in told["sources"] if not one["is_withheld"]]
    text = got.text
    for notice in policy.withheld_of(user):
        words = re.escape(notice.words)
        text = re.sub(rf"<(li|p)[^>]*>{words}</\1>\n?|- {words}\n", "", text)
    text = text.replace(user.email, "somebody")
    text = re.sub(
        r"http://127\.0\.0\.1:\d+/(?:check-in|mail/unsubscribe)/[\w:-]+",
        "a link of one’s own",
        text,
    )
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a number", text)


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _dictionaries(one)


# --- the proof ---


@pytest.mark.parametrize("switch", ["IN_PROMPTS", "JOINED"])
@pytest.mark.parametrize("source", SOURCES)
def test_source_that_is_kept_back_is_as_if_it_were_not_there(
    source: Source,
    switch: str,
    stand_ins: StandIns,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    without = a_tester("without@example.org", without=source)
    plain = everything_for(without, missions_of(without), stand_ins)
    whole = a_tester("whole@example.org")
    missions = missions_of(whole)  # settled while everything was allowed
    caplog.clear()

    keep_back(settings, source, switch)
    kept = everything_for(whole, missions, stand_ins)

    logged = "\n".join(logging.Formatter().format(entry) for entry in caplog.records)
    assert [one for one in policy.withheld_of(whole) if one.source != source] == []
    (notice,) = (one.words for one in policy.withheld_of(whole))
    assert notice in kept.mails[0][1]
    assert masked(kept, whole) == masked(plain, without)
    told = kept.text + logged
    assert [word for word in TELL_TALES[source] if word in told.replace(notice, "")] == []


@pytest.mark.parametrize("source", SOURCES)
def test_source_that_is_allowed_is_in_all_of_it(source: Source, stand_ins: StandIns) -> None:
    """The proof above could fail: here are the tell-tales, and the difference."""
    without = a_tester("without@example.org", without=source)
    plain = everything_for(without, missions_of(without), stand_ins)
    whole = a_tester("whole@example.org")

    told = everything_for(whole, missions_of(whole), stand_ins)

    named = f'"{source.value}"'
    assert TELL_TALES[source][0] in "\n".join(told.prompts)
    assert TELL_TALES[source][0] in json.dumps(told.files, ensure_ascii=False)
    assert named in json.dumps(told.rows)
    assert masked(told, whole) != masked(plain, without)
    assert told.prompts[0] != plain.prompts[0]


# --- what was begun while the source was still allowed ---


def broken_off(mission: Mission, stand_ins: StandIns) -> MissionRun:
    """A run whose first answer was refused, and whose worker died then."""
    stand_ins.mode("openai", "absurd", times=1)
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    assert run.outcome == MissionRun.Outcome.DECIDED
    run.calls.filter(attempt=2).delete()
    Notification.objects.all().delete()
    MissionRun.objects.update(
        outcome=MissionRun.Outcome.UNDER_WAY, decision=None, finished_at=None, lease_until=None
    )
    return MissionRun.objects.get()


def test_run_that_broke_off_before_begins_anew_after_the_switch(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    user = a_tester("whole@example.org")
    run = broken_off(missions_of(user)[0], stand_ins)
    assert "Strava canary" in json.dumps(run.situation)
    caches["sandbox"].clear()

    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    daily_run.run_day(run)
    record.keep_artifacts(run.pk)

    run = MissionRun.objects.get()
    (question,) = stand_ins.questions()
    (artifact,) = user.artifacts.all()
    (mail,) = Notification.objects.all()
    kept = [question, run.situation, run.decision, content_of(artifact.key), mail.text, mail.html]
    assert run.outcome == MissionRun.Outcome.DECIDED
    assert [one.attempt for one in run.calls.all()] == [1]
    told = json.dumps(kept, ensure_ascii=False)
    assert [word for word in TELL_TALES[Source.STRAVA] if word in told] == []
    assert '"load_source": "apple+file"' in told


def test_run_that_broke_off_goes_on_where_nothing_was_switched(stand_ins: StandIns) -> None:
    run = broken_off(missions_of(a_tester("whole@example.org"))[0], stand_ins)
    caches["sandbox"].clear()

    daily_run.run_day(run)

    (question,) = stand_ins.questions()
    assert "cannot be used" in question["messages"][-1]["content"]
    assert [one.attempt for one in run.calls.all()] == [1, 2]


def test_look_back_that_broke_off_before_begins_anew_after_the_switch(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    user = a_tester("whole@example.org")
    reflection = Reflection.objects.create(mission=missions_of(user)[1])
    stand_ins.mode("openai", "absurd")
    reflections.write(reflection.pk)
    Reflection.objects.update(outcome=Reflection.Outcome.DUE, finished_at=None, lease_until=None)
    ModelCall.objects.filter(attempt=2).delete()
    caches["sandbox"].clear()

    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    reflections.write(reflection.pk)

    reflection.refresh_from_db()
    (question,) = stand_ins.questions()
    assert reflection.outcome == Reflection.Outcome.WRITTEN
    assert reflection.facts is not None
    assert reflection.facts["kept_back"] == ["strava"]
    assert [one["minutes"] for one in reflection.facts["stages"]] == [None, 73, 83, None]
    assert '"minutes":97' not in json.dumps(question)


def test_draft_that_broke_off_before_begins_anew_after_the_switch(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    user = a_tester("whole@example.org")
    draft = drafts.draft(user, outcome=MissionDraft.Outcome.DUE, asked=1)
    stand_ins.mode("openai", "absurd")
    drafting.make(draft.pk, NOW)
    ModelCall.objects.filter(attempt=2).delete()
    MissionDraft.objects.update(outcome=MissionDraft.Outcome.DUE, lease_until=None)
    caches["sandbox"].clear()

    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    drafting.make(draft.pk, NOW)

    (question,) = stand_ins.questions()
    assert [one["role"] for one in question["messages"]] == ["system", "user"]
    assert "263" not in question["messages"][1]["content"]
    assert '"ftp_history":[{"from":"2025-12-16","ftp_w":220}]' in question["messages"][1]["content"]


# --- the FTP of a source ---


def test_survey_begins_with_the_ftp_that_the_tester_gave_whatever_a_source_says() -> None:
    """What stands in a survey is the tester's own word from then on, and outlives any switch."""
    user = a_tester("whole@example.org")
    newest = user.ftps.valid_on(TODAY)
    assert newest is not None
    assert newest.power_w == 263

    assert known_of(user, TODAY)["ftp_w"] == 220


def test_ftp_that_a_tester_gives_counts_also_where_the_source_says_the_same(
    settings: LazySettings,
) -> None:
    user = a_tester("whole@example.org")
    keep_back(settings, Source.STRAVA, "IN_PROMPTS")

    mission_builder.confirm(drafts.drafted(user, survey=drafts.answers(ftp_w=263)), NOW)

    assert readings.gather(user, TODAY).ftp_on(TODAY) == Ftp.objects.get(effective_date=TODAY)
    assert Ftp.objects.get(effective_date=TODAY).source == Ftp.Source.TESTER


# --- the game ---


def told_of_the_game(user: User, mission: Mission) -> Any:
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    assert run.situation is not None
    return run.situation["progress"]


def test_tester_s_own_game_goes_on_counting_what_the_coach_may_not_know(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    user = a_tester("whole@example.org")
    running, _ = missions_of(user)
    before = list(EventProgress.objects.order_by("pk").values())
    assert [row.ride_key for row in running.progress.all()][:2] == [
        "strava:strava-5",
        "strava:strava-4",
    ]

    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    told = told_of_the_game(user, running)

    assert list(EventProgress.objects.order_by("pk").values()) == before
    assert running.points_total() != told["total_points"]
    # Of the first stage's ride only Strava told; Apple Health told of that day, and of no ride.
    assert [(one["number"], one["ride_mode"]) for one in told["stages"]] == [
        (1, "rest"),
        (2, "gc"),
        (3, "gc"),
    ]


def test_points_of_a_source_that_is_gone_and_kept_back_are_not_told(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    """Its rides went when it was disconnected; the stages they counted on stay settled here."""
    user = a_tester("whole@example.org", without=Source.APPLE)
    running, _ = missions_of(user)
    user.rides.filter(source=Source.STRAVA).delete()
    user.connections.filter(provider=Source.STRAVA).delete()
    user.ftps.filter(source=Ftp.Source.STRAVA).delete()

    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    told = told_of_the_game(user, running)

    assert running.points_total() > told["total_points"]
    assert [one["number"] for one in told["stages"] if one["is_completed"]] == [3]
    assert policy.withheld_of(user) == []


def test_appeal_about_a_ride_the_coach_may_know_holds_for_it_too(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    user = a_tester("whole@example.org")
    running, _ = missions_of(user)
    appeals.appeal(running, 3, to=RideMode.BREAKAWAY, reason="I was ahead.", by=user, now=NOW)
    keep_back(settings, Source.STRAVA, "IN_PROMPTS")

    told = told_of_the_game(user, running)

    assert {one["number"]: one["ride_mode"] for one in told["stages"]} == {
        1: "rest",
        2: "gc",
        3: "breakaway",
    }
    assert "breakaway_1" in told["bonuses_earned"]


@pytest.mark.parametrize("days", [2, 20])
def test_coach_s_own_game_costs_the_same_for_few_stages_and_for_many(
    days: int, settings: LazySettings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = a_tester("whole@example.org")
    mission = factories.mission(
        user, state=Mission.State.EVENT_ACTIVE, event_start=ago(days), event_end=TODAY
    )
    for n in range(days):
        factories.ride(user, ago(n + 1), source=Source.FILE, started_at=NOW - timedelta(days=n + 1))
    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    read = readings.gather(user, TODAY)

    with django_assert_num_queries(4):
        game = game_told(mission, read, local_date=TODAY)

    assert game.stages_completed == days


# --- sources that may not be joined ---


def test_source_that_may_not_be_joined_is_used_where_it_is_the_only_one(
    settings: LazySettings,
) -> None:
    user = factories.tester("only@example.org")
    _strava(user)
    factories.connection(user, Source.OURA, last_success_at=NOW)  # connected, and silent so far
    before = readings.gather(user, TODAY)

    keep_back(settings, Source.STRAVA, "JOINED")

    assert len(before.rides) == 7
    assert readings.gather(user, TODAY) == before
    factories.night(user, TODAY)
    told = readings.gather(user, TODAY)
    assert ([*told.rides], [*told.ftps], len(told.nights)) == ([], [], 1)
    assert told.rides_known_until is None


def test_of_several_that_may_not_be_joined_the_first_is_used(settings: LazySettings) -> None:
    user = a_tester("whole@example.org")
    for source in SOURCES:
        keep_back(settings, source, "JOINED")

    told = readings.gather(user, TODAY)

    rows: list[Any] = [*told.rides, *told.nights, *told.scores]
    assert {one.source for one in rows} == {"oura"}
    assert [(one.source, one.reason) for one in told.withheld] == [
        ("apple", "joined"),
        ("strava", "joined"),
        ("file", "joined"),
    ]


def test_what_is_left_of_two_policies(settings: LazySettings) -> None:
    """The model may not have Oura's; of the others Strava's may not be joined."""
    user = a_tester("whole@example.org", without=Source.APPLE)
    keep_back(settings, Source.OURA, "IN_PROMPTS")
    keep_back(settings, Source.STRAVA, "JOINED")

    told = readings.gather(user, TODAY)
    assert {ride.source for ride in told.rides} == {"file"}
    user.rides.filter(source=Source.FILE).delete()

    told = readings.gather(user, TODAY)
    assert {ride.source for ride in told.rides} == {"strava"}
    assert [(one.source, one.reason) for one in told.withheld] == [("oura", "prompts")]


def test_source_that_is_not_listed_any_more_is_kept_back(settings: LazySettings) -> None:
    user = a_tester("whole@example.org")
    user.connections.all().delete()
    settings.SOURCES = {name: one for name, one in settings.SOURCES.items() if name != Source.FILE}
    assert {ride.source for ride in readings.gather(user, TODAY).rides} == {
        "apple",
        "strava",
        "file",
    }

    keep_back(settings, Source.STRAVA, "IN_PROMPTS")

    assert {ride.source for ride in readings.gather(user, TODAY).rides} == {"apple"}


def test_policy_that_is_no_value_keeps_back(settings: LazySettings) -> None:
    settings.SOURCES = {
        **settings.SOURCES,
        "oura": {**settings.SOURCES["oura"], "IN_PROMPTS": "maybe"},
    }
    user = a_tester("whole@example.org")

    assert [one.source for one in policy.withheld_of(user)] == ["oura"]


# --- what people are told of it ---


def test_pages_of_a_run_and_of_a_look_back_say_what_was_left_out(
    stand_ins: StandIns, settings: LazySettings
) -> None:
    user = a_tester("whole@example.org")
    missions = missions_of(user)
    keep_back(settings, Source.STRAVA, "IN_PROMPTS")
    everything_for(user, missions, stand_ins)
    browser = signed_in(user)

    run, over = MissionRun.objects.get(), missions[1]
    pages = [browser.get(path).content.decode() for path in (run.get_absolute_url(), wrap_up(over))]

    (notice,) = (one.words for one in policy.withheld_of(user))
    assert f'<td>left out<span class="cue">{notice}</span></td>' in pages[0]
    assert f"<li>{notice}</li>" in pages[0]
    assert f"{notice} The points on your mission’s page count it." in pages[1]
    assert not any("Strava canary" in page for page in pages)


def wrap_up(mission: Mission) -> str:
    return f"/missions/{mission.pk}/wrap-up"
