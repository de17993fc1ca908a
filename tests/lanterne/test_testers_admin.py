"""Testers in the console: how each stands, who is found, and today's run once more."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditEvent, User
from coach import again
from coach.models import Feedback, MissionRun
from connections.models import Connection
from connections.sources import Source
from lanterne import testers
from lanterne.testers import Standing
from missions.models import Mission
from notifications.models import StoppedAddress
from tests import factories
from tests.conftest import signed_in
from tests.connections.conftest import published
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

__all__ = ["published"]

LIST = "/admin/accounts/user/"


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def run_of(mission: Mission, days_ago: int = 0, outcome: str = "failed") -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=days_ago),
        trigger="schedule",
        outcome=outcome,
        finished_at=NOW,
    )


def page_of(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def rerun(client: Client, *users: User) -> list[str]:
    chosen = {"action": "rerun", "_selected_action": [str(user.pk) for user in users]}
    return words_of(client.post(LIST, chosen))


def words_of(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def trail() -> list[tuple[Any, ...]]:
    rows = AuditEvent.objects.exclude(kind="signed_in").order_by("pk")
    return list(rows.values_list("kind", "user__email", "actor__email", "details"))


def test_standing_tells_of_the_mission_the_last_run_the_sources_and_the_mails(tester: User) -> None:
    factories.mission(tester, name="Over", state=Mission.State.MISSION_COMPLETE)
    mission = factories.mission(tester, next_run_at=NOW + timedelta(hours=23))
    run_of(mission, 1, "missed")
    last = run_of(mission)
    factories.connection(tester, failing_since=NOW)
    factories.connection(tester, Source.OURA, state=Connection.State.BROKEN)
    tester.wants_briefs = False
    StoppedAddress.objects.create(address=tester.email, reason="bounce")
    nobody = factories.tester("nobody@example.org")

    found = testers.standings([tester, nobody])

    troubled = ("Oura needs them", "Strava failing")
    assert found == {
        tester.pk: Standing(tester, mission, last, troubled, "mails come back"),
        nobody.pk: Standing(nobody, None, None, (), ""),
    }
    utc, own = found[tester.pk].next_run or (NOW, NOW)
    assert (f"{utc:%d %H:%M}", f"{own:%d %H:%M}") == ("05 04:30", "05 06:30")
    assert found[tester.pk].mails == "stopped: mails come back; off: briefs"
    assert (found[nobody.pk].next_run, found[nobody.pk].mails) == (None, "")


def test_list_tells_how_each_stands(as_operator: Client, tester: User) -> None:
    mission = factories.mission(tester, next_run_at=NOW + timedelta(hours=23))
    run_of(mission)

    page = as_operator.get(LIST).content.decode()

    told = (
        *("Tour of the Valleys", "training", "2026-07-04", "failed", "2026-07-05 04:30 UTC"),
        "2026-07-05 06:30 Europe/Paris",
    )
    assert [words for words in told if words not in page] == []


def test_testers_are_found_by_mission_last_run_and_address(
    as_operator: Client, tester: User, stranger: User
) -> None:
    operator = User.objects.get(is_staff=True)
    mission = factories.mission(tester)
    run_of(mission, 1, "failed")
    run_of(mission, 0, "missed")
    factories.mission(stranger, state=Mission.State.MISSION_COMPLETE)
    factories.mission(stranger, name="Next", state=Mission.State.PREP)

    def listed(**query: str) -> set[User]:
        return {*as_operator.get(LIST, query).context["cl"].result_list}

    assert listed(mission="TRAINING") == {tester}
    assert listed(mission="PREP") == {stranger}
    assert listed(mission="MISSION_COMPLETE") == set()
    assert listed(mission="none") == {operator}
    assert listed(mission="whatever") == {operator, tester, stranger}
    assert (listed(last="missed"), listed(last="failed")) == ({tester}, set())
    assert listed(q="stranger@") == {stranger}


def test_rerun_from_the_list_makes_exactly_one_asking_each_and_is_on_record(
    as_operator: Client,
    tester: User,
    stranger: User,
    media: Any,
    published: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    run = run_of(factories.mission(tester))
    ridden = run_of(factories.mission(stranger))
    Feedback.objects.create(run=ridden, word=Feedback.Word.CHANGED)
    idle = factories.tester("idle@example.org")

    with django_capture_on_commit_callbacks(execute=True):
        words = rerun(as_operator, idle, stranger, tester)

    assert sorted(words) == [
        "Today’s run of tester@example.org runs again.",
        "idle@example.org has no run today: there is nothing to run again.",
        f"stranger@example.org: {again.AlreadyRidden.words}",
    ]
    outcomes = {one.pk: (one.outcome, one.asked) for one in MissionRun.objects.all()}
    assert outcomes == {run.pk: ("due", 2), ridden.pk: ("failed", 1)}
    day = [tester.pk, str(run.mission_id), "2026-07-04"]
    assert published == [("coach.run_mission_day", day)]
    about = {"run": str(run.pk), "local_date": "2026-07-04"}
    assert trail() == [("rerun", "tester@example.org", "ops@example.org", about)]


def test_rerun_from_the_page_of_a_tester_comes_back_to_it(
    as_operator: Client, tester: User, media: Any
) -> None:
    run_of(factories.mission(tester))

    answer = as_operator.post(f"{LIST}{tester.pk}/rerun/")

    assert (answer.status_code, answer["Location"]) == (302, page_of(tester))
    assert words_of(answer) == ["Today’s run of tester@example.org runs again."]
    assert MissionRun.objects.get().asked == 2
    assert as_operator.get(f"{LIST}{tester.pk}/rerun/").status_code == 405


def test_yesterdays_run_is_not_todays(as_operator: Client, tester: User) -> None:
    run_of(factories.mission(tester), 1)

    assert rerun(as_operator, tester) == [
        "tester@example.org has no run today: there is nothing to run again."
    ]
    assert (MissionRun.objects.get().asked, trail()) == (1, [])


def test_operator_who_may_only_look_runs_nothing_again(tester: User) -> None:
    looker = factories.tester("looker@example.org", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_user"))
    client, address = signed_in(looker), f"{LIST}{tester.pk}/rerun/"
    run_of(factories.mission(tester))

    pages = client.get(LIST).content.decode() + client.get(page_of(tester)).content.decode()
    rerun(client, tester)

    assert ('value="rerun"' in pages, address in pages) == (False, False)
    assert client.post(address).status_code == 403
    assert (MissionRun.objects.get().asked, trail()) == (1, [])


def test_tester_and_visitor_run_nothing_again(
    tester: User, as_tester: Client, client: Client
) -> None:
    run_of(factories.mission(tester))

    answers = [one.post(f"{LIST}{tester.pk}/rerun/").status_code for one in (as_tester, client)]

    assert (answers, MissionRun.objects.get().asked) == ([403, 302], 1)


def test_page_of_a_tester_leads_to_all_there_is_of_them(
    as_operator: Client, tester: User, mission: Mission
) -> None:
    run = run_of(mission)

    page = as_operator.get(page_of(tester))

    assert page.context["lists"] == [
        ("Missions", f"/admin/missions/mission/?owner__id__exact={tester.pk}"),
        ("Runs", f"/admin/coach/missionrun/?tester={tester.pk}"),
        ("Incidents", f"/admin/coach/incident/?state=all&tester={tester.pk}"),
        ("Model calls", f"/admin/coach/modelcall/?tester={tester.pk}"),
        ("Connections", f"/admin/connections/connection/?user__id__exact={tester.pk}"),
        ("Mails", f"/admin/notifications/notification/?user__id__exact={tester.pk}"),
        ("Audit trail", f"/admin/accounts/auditevent/?user__id__exact={tester.pk}"),
    ]
    answers = [as_operator.get(address) for _, address in page.context["lists"]]
    assert [answer.status_code for answer in answers] == [200] * 7
    assert list(answers[1].context["cl"].result_list) == [run]
    assert f'action="{LIST}{tester.pk}/rerun/"' in page.content.decode()


def test_list_asks_the_database_as_often_for_ten_thousand(
    as_operator: Client, tester: User, django_assert_max_num_queries: Any
) -> None:
    run_of(factories.mission(tester))
    with django_assert_max_num_queries(9) as at_one:
        as_operator.get(LIST)
    many = [User(email=f"rider{n:05}@example.org", password="!") for n in range(10_000)]
    users = User.objects.bulk_create(many)
    missions = Mission.objects.bulk_create(
        Mission(
            owner=user,
            name="Tour",
            mission_type=Mission.Type.CENTURY,
            state=Mission.State.TRAINING,
            prep_start=TODAY,
            event_start=TODAY,
            event_end=TODAY,
            timezone="Europe/Paris",
        )
        for user in users
    )
    MissionRun.objects.bulk_create(
        MissionRun(mission=mission, local_date=TODAY, trigger="schedule", outcome="missed")
        for mission in missions
    )

    with django_assert_max_num_queries(len(at_one)):
        shown = as_operator.get(LIST).context["cl"]
    with django_assert_max_num_queries(len(at_one)):
        missed = as_operator.get(LIST, {"last": "missed", "mission": "TRAINING"}).context["cl"]

    assert (shown.result_count, len(shown.result_list)) == (10_000, 100)
    assert (missed.result_count, len(missed.result_list)) == (10_000, 100)


def test_standings_take_as_many_queries_for_many(
    tester: User, stranger: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for user in (tester, stranger):
        run_of(factories.mission(user))

    for users in ([tester], [tester, stranger]):
        with django_assert_num_queries(4):
            testers.standings(users)
