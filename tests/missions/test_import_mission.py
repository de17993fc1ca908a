import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Ftp, User
from missions import editing, progress
from missions.models import BonusAward, EventProgress, Mission, MissionMove, Stage
from tests import factories
from tests.factories import NOW, TODAY
from tests.missions.test_legacy import SAMPLES
from tests.threads import at_once

WEEKEND = SAMPLES / "long_weekend.toml"
WEEKEND_POINTS = SAMPLES / "long_weekend_points.json"
THREE_WEEKS = SAMPLES / "three_weeks.toml"
THREE_WEEKS_POINTS = SAMPLES / "three_weeks_points.json"
BEFORE_THE_WEEKEND = datetime(2025, 4, 1, 8, tzinfo=UTC)
ROWS = (Mission, Stage, EventProgress, BonusAward, MissionMove, Ftp)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def run(
    file: Path = WEEKEND,
    *options: str,
    points: Path | None = WEEKEND_POINTS,
    user: str | None = "tester@example.org",
) -> None:
    record = ["--points", str(points)] if points else []
    whose = ["--user", user] if user else []
    call_command("import_mission", str(file), *record, *whose, *options)


def nothing_is_written() -> bool:
    return not any(model._default_manager.exists() for model in ROWS)


def test_long_weekend_is_stored_as_it_was_recorded(
    tester: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run()

    mission = Mission.objects.get()
    fields = [
        *("owner", "name", "mission_type", "state", "prep_start", "event_start", "event_end"),
        *("timezone", "send_time", "max_rhr", "min_readiness", "force_rest_tsb", "targets"),
        *("imported_from", "next_run_at"),
    ]
    assert {name: getattr(mission, name) for name in fields} == {
        "owner": tester,
        "name": "Long Weekend",
        "mission_type": "indoor_tour",
        "state": "MISSION_COMPLETE",
        "prep_start": date(2025, 3, 1),
        "event_start": date(2025, 5, 2),
        "event_end": date(2025, 5, 5),
        "timezone": "Europe/Paris",
        "send_time": time(6, 0),
        "max_rhr": 58,
        "min_readiness": 72,
        "force_rest_tsb": -22,
        "targets": {
            "ctl": 45,
            "long_ride_minutes": 90,
            "climb_minutes": 40,
            "threshold_minutes": 15,
        },
        "imported_from": "long_weekend.toml",
        "next_run_at": None,
    }
    assert list(mission.stages.values_list("number", "date", "stage_type", "is_rest_day")) == [
        (1, date(2025, 5, 2), "flat", False),
        (2, date(2025, 5, 3), "mountain", False),
        (4, date(2025, 5, 4), "flat", True),
        (3, date(2025, 5, 5), "hilly", False),
    ]
    assert list(
        mission.progress.values_list(
            *("stage__number", "ride_mode", "classified_as", "points", "ride_key"),
            *("completed_at", "settled_at"),
        )
    ) == [
        (1, "gc", "gc", 5, "strava:701", datetime(2025, 5, 2, 17, 30, tzinfo=UTC), NOW),
        (
            *(2, "breakaway", "breakaway", 15, "strava:702"),
            *(datetime(2025, 5, 3, 17, 45, tzinfo=UTC), NOW),
        ),
        (
            *(3, "breakaway", "breakaway", 11, "strava:703"),
            *(datetime(2025, 5, 5, 18, 5, tzinfo=UTC), NOW),
        ),
    ]
    assert list(
        mission.awards.filter(progress=None).values_list("name", "points", "awarded_at")
    ) == [
        ("all_mountains_breakaway", 10, NOW),
        ("consecutive_3", 8, NOW),
    ]
    assert list(
        mission.moves.filter(by=None).values_list("from_state", "to_state", "reason", "at")
    ) == [("PREP", "MISSION_COMPLETE", "Imported as recorded in long_weekend.toml.", NOW)]
    assert list(tester.ftps.values_list("effective_date", "power_w", "source")) == [
        (date(2025, 3, 1), 210, "tester")
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Long Weekend, for tester@example.org",
        (
            "Preparation from 1 March 2025, event from 2 May 2025 to 5 May 2025: 3 stages, 1 rest "
            "day."
        ),
        "State: complete, for the event is over.",
        (
            "Results: 3 stages, 31 points; bonuses: consecutive_3 (8 points), "
            "all_mountains_breakaway (10 points); together 49 points."
        ),
        "Bonus: consecutive_3_stages in the file is consecutive_3 here.",
        "Bonus: all_mountains_breakaway in the file is all_mountains_breakaway here.",
        "Bonus: all_gc_mode in the file is all_gc here.",
        "Bonus: consecutive_3 in the file is consecutive_3 here.",
        (
            "Not in the file, so as usual: an indoor tour, ridden steady to the finish, at most "
            "420 minutes a week. As in the account: the time zone Europe/Paris, the brief at "
            "06:00."
        ),
        "Everything adds up.",
        f"Imported: /missions/{mission.pk}",
    ]


def test_three_weeks_keep_what_does_not_add_up_and_tell_it(
    tester: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run(THREE_WEEKS, points=THREE_WEEKS_POINTS)

    mission = Mission.objects.get()
    told = capsys.readouterr().out
    expected = (SAMPLES / "three_weeks_flags.txt").read_text().splitlines()
    assert [line[5:] for line in told.splitlines() if line[:4].strip(" .").isdigit()] == [
        flag.replace("tour.toml", "three_weeks.toml").replace(
            "tour.json", "three_weeks_points.json"
        )
        for flag in expected
    ]
    assert "What does not add up (37):\n  1. three_weeks.toml, " in told
    assert (mission.points_total(), mission.progress.count(), mission.stages.count()) == (
        *(164, 19),
        23,
    )
    assert mission.notes.splitlines()[1] == (
        "The record claims 164 points and 21 completed stages."
    )
    assert not tester.ftps.exists()


def test_stage_types_are_those_that_were_ridden(tester: User) -> None:
    run(THREE_WEEKS, points=THREE_WEEKS_POINTS)

    ridden = dict(Stage.objects.values_list("number", "stage_type"))
    assert (ridden[3], ridden[4], ridden[20], ridden[21]) == ("hilly", "hilly", "mountain", "flat")
    assert list(Stage.objects.filter(is_rest_day=True).values_list("number", "date")) == [
        (22, date(2025, 7, 15)),
        (23, date(2025, 7, 21)),
    ]


def test_page_of_an_imported_mission_opens(tester: User, as_tester: Client) -> None:
    run(THREE_WEEKS, points=THREE_WEEKS_POINTS)

    page = as_tester.get(Mission.objects.get().get_absolute_url()).content.decode()

    assert (page.count("no record"), page.count("not settled yet"), page.count("rest day")) == (
        *(2, 0),
        2,
    )
    assert "<b>21</b>" in page
    assert "<b>22</b>" not in page


@time_machine.travel(BEFORE_THE_WEEKEND, tick=False)
def test_event_to_come_is_an_ordinary_mission_in_preparation(
    tester: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run(points=None)

    mission = Mission.objects.get()
    assert (mission.state, mission.imported_from, mission.notes, mission.moves.count()) == (
        *("PREP", "", "Imported from long_weekend.toml."),
        0,
    )
    before = list(mission.stages.values_list("pk", "number", "date"))
    progress.plan_stages(mission)
    assert list(mission.stages.values_list("pk", "number", "date")) == before
    told = capsys.readouterr().out.splitlines()
    assert told[2:4] == [
        "State: preparation, for the event is not over. Its owner starts the training.",
        "Results: none. A record of points is given with --points.",
    ]


@time_machine.travel(datetime(2025, 5, 4, 8, tzinfo=UTC), tick=False)
def test_event_that_goes_on_says_that_its_points_stay(
    tester: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run()

    mission = Mission.objects.get()
    assert (mission.state, mission.imported_from) == ("PREP", "long_weekend.toml")
    assert capsys.readouterr().out.splitlines()[2] == (
        "State: preparation, for the event is not over. Its points stay as recorded: stages that "
        "are ridden from now on are not settled here."
    )


def test_mission_without_stages_is_planned_as_usual(tester: User, tmp_path: Path) -> None:
    bare = tmp_path / "bare.toml"
    bare.write_text('name = "Century"\ngoal_date = 2025-09-01\n')

    run(bare, points=None)

    assert list(Stage.objects.values_list("number", "date", "stage_type", "is_rest_day")) == [
        (1, date(2025, 9, 1), "flat", False)
    ]
    assert Mission.objects.get().points_schema["flat"] == {"gc": 5, "breakaway": 8}


def test_dry_run_tells_all_and_writes_nothing(
    tester: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run(THREE_WEEKS, "--dry-run", points=THREE_WEEKS_POINTS)

    told = capsys.readouterr().out
    assert "together 164 points" in told
    assert "What does not add up (37):" in told
    assert told.endswith("Dry run: nothing is written.\n")
    assert nothing_is_written()


def test_strict_refuses_what_does_not_add_up(
    tester: User, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError) as refused:
        run(THREE_WEEKS, "--strict", points=THREE_WEEKS_POINTS)

    assert str(refused.value) == (
        "Nothing is imported: 37 things do not add up. Mend them, or import without --strict."
    )
    assert "What does not add up (37):" in capsys.readouterr().out
    assert nothing_is_written()


def test_strict_imports_what_adds_up(tester: User) -> None:
    run(WEEKEND, "--strict")

    assert Mission.objects.get().points_total() == 49


def test_ftp_of_the_account_stands(tester: User, capsys: pytest.CaptureFixture[str]) -> None:
    tester.ftps.create(effective_date=date(2025, 3, 1), power_w=230)

    run()

    assert list(tester.ftps.values_list("power_w", flat=True)) == [230]
    assert (
        "  1. long_weekend.toml, athlete.ftp: 210 W from 2025-03-01 is not stored: the account "
        "has 230 W from that day.\n"
    ) in capsys.readouterr().out


def test_same_file_twice_is_refused(tester: User) -> None:
    run()

    with pytest.raises(CommandError) as refused:
        run()

    assert str(refused.value) == (
        "long_weekend.toml was imported for tester@example.org already: “Long Weekend”. Delete "
        "that mission first to import it again. Another file needs another name."
    )
    assert Mission.objects.count() == 1


def test_same_record_under_another_name_is_refused(tester: User, tmp_path: Path) -> None:
    run()
    renamed = tmp_path / "other.toml"
    renamed.write_text(WEEKEND.read_text().replace('name = "Long Weekend"', 'name = "Other"'))

    with pytest.raises(CommandError) as refused:
        run(renamed)

    assert str(refused.value) == (
        "The ride strava:701 of this record counts in “Long Weekend” already. Delete that mission "
        "first to import it again."
    )


def test_record_of_somebody_else_is_refused(tester: User, stranger: User) -> None:
    run(user=stranger.email)

    with pytest.raises(CommandError) as refused:
        run()

    assert str(refused.value) == (
        "The ride strava:701 of this record counts in a mission of another account. A record "
        "belongs to one rider: check the address, or delete that mission first."
    )
    assert not tester.missions.exists()


def test_plan_alone_may_be_that_of_several_riders(tester: User, stranger: User) -> None:
    run(points=None, user=stranger.email)
    run(points=None)

    assert set(Mission.objects.values_list("owner", flat=True)) == {tester.pk, stranger.pk}


def test_live_mission_stays_beside_a_complete_one(tester: User) -> None:
    live = factories.mission(tester)

    run()

    assert dict(Mission.objects.values_list("name", "state")) == {
        live.name: "TRAINING",
        "Long Weekend": "MISSION_COMPLETE",
    }


def test_address_may_be_typed_in_any_way(tester: User) -> None:
    run(user=" Tester@Example.ORG")

    assert Mission.objects.get().owner == tester


def test_import_for_nobody_is_refused(tester: User) -> None:
    with pytest.raises(CommandError) as refused:
        run(user="who@example.org")

    assert str(refused.value) == (
        "There is no account with the address who@example.org. Check the address, or let its "
        "owner register first."
    )


def test_account_that_is_being_deleted_gets_nothing(tester: User) -> None:
    User.objects.update(deletion_requested_at=NOW)

    with pytest.raises(CommandError, match="no account with the address"):
        run()
    assert nothing_is_written()


def test_path_that_cannot_be_a_file_is_refused(tester: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: File name too long"):
        run(tmp_path / ("x" * 300))


def test_name_that_is_no_text_is_stored_as_text(tester: User, tmp_path: Path) -> None:
    odd = tmp_path / "tour\udcff.toml"
    shutil.copy(WEEKEND, odd)

    run(odd)

    assert Mission.objects.get().imported_from == "tour?.toml"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.toml", None, "There is no file gone.toml at that path. Check the path."),
        (
            "photo.toml",
            b"\xff\xd8\xff",
            "photo.toml is not text in UTF-8. Choose the file that the forerunner wrote.",
        ),
        (
            "huge.toml",
            b"#" * 1_000_001,
            (
                "huge.toml is larger than 1 MB, and such files are much smaller. Choose the file "
                "that the forerunner wrote."
            ),
        ),
        (
            "empty.toml",
            b"",
            'empty.toml names no mission. Give it a name: name = "..." at the top.',
        ),
    ],
)
def test_file_that_cannot_be_read_is_refused(
    tester: User, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError) as refused:
        run(path)

    assert str(refused.value) == said
    assert nothing_is_written()


def test_record_that_cannot_be_read_leaves_nothing(tester: User, tmp_path: Path) -> None:
    wrong = tmp_path / "points.json"
    wrong.write_text("{")

    with pytest.raises(CommandError, match=r"points\.json is not JSON"):
        run(points=wrong)
    assert nothing_is_written()


def test_text_with_a_byte_order_mark_is_read(tester: User, tmp_path: Path) -> None:
    marked = tmp_path / "long_weekend.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + WEEKEND.read_bytes())

    run(marked)

    assert Mission.objects.get().name == "Long Weekend"


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_one_mission(tester: User) -> None:
    outcomes = at_once(*[partial(run_told, WEEKEND)] * 2)

    assert sorted(outcomes) == ["imported", "refused"]
    assert (Mission.objects.count(), EventProgress.objects.count()) == (1, 3)


def run_told(file: Path) -> str:
    try:
        run(file)
    except CommandError:
        return "refused"
    return "imported"


def test_long_file_name_keeps_its_end(tester: User, tmp_path: Path) -> None:
    long = tmp_path / f"{'x' * 220}.toml"
    shutil.copy(WEEKEND, long)

    run(long)

    assert Mission.objects.get().imported_from == f"{'x' * 195}.toml"


def test_whose_it_is_must_be_said_unless_there_is_one_account(tester: User) -> None:
    factories.tester("other@example.org")

    with pytest.raises(CommandError, match="Say whose mission this is: --user EMAIL"):
        run(user=None)

    assert nothing_is_written()
    User.objects.exclude(pk=tester.pk).delete()
    run(user=None)
    assert Mission.objects.get().owner == tester


@time_machine.travel(BEFORE_THE_WEEKEND, tick=False)
def test_days_of_a_mission_that_is_yet_to_be_ridden_are_numbered_in_turn(tester: User) -> None:
    run(THREE_WEEKS, points=None)

    mission = Mission.objects.get()
    stages = list(mission.stages.order_by("date").values_list("number", "is_rest_day"))
    assert [number for number, _ in stages] == list(range(1, 24))
    assert [number for number, is_rest_day in stages if is_rest_day] == [11, 17]


def test_day_that_the_record_leaves_out_stays_out_when_the_name_is_changed(tester: User) -> None:
    mission = factories.mission(
        tester, state=Mission.State.PREP, event_start=TODAY, imported_from="tour.toml"
    )
    mission.stages.filter(number=2).delete()
    mission.name = "Renamed"

    editing.keep(mission, NOW)

    assert [stage.number for stage in mission.stages.all()][:3] == [1, 3, 4]
