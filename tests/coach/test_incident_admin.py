"""Incidents in the console: looked at, closed with a note, and never edited."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from coach.models import Incident, MissionRun, ModelCall
from missions.models import Mission
from tests import factories
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

LIST = reverse("admin:coach_incident_changelist")


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def incident(mission: Mission) -> Incident:
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="failed", finished_at=NOW
    )
    for attempt, observed in ((1, "HRV is 31 ms"), (2, "sleep was 4 h")):
        ModelCall.objects.create(
            run=run,
            attempt=attempt,
            model="gpt-4o-mini",
            outcome="rejected",
            prompt="How?",
            reply=f"reply number {attempt}",
            violations=[{"rule": "L1", "observed": observed, "allowed": "at most 90 min"}],
            asked_at=NOW - timedelta(minutes=5),
        )
    return Incident.objects.create(run=run, kind="invalid_reply", detail="Not usable twice.")


@pytest.fixture
def looker(db: None) -> Client:
    looker = factories.tester("looker@example.org", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_incident"))
    return signed_in(looker)


def page_of(incident: Incident) -> str:
    return reverse("admin:coach_incident_change", args=[incident.pk])


def resolve(client: Client, incident: Incident, note: str) -> Any:
    return client.post(reverse("admin:coach_incident_resolve", args=[incident.pk]), {"note": note})


def words_of(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def choose(client: Client, action: str, *rows: Incident, **more: str) -> list[str]:
    keys = [str(row.pk) for row in rows]
    chosen = {"action": action, "_selected_action": keys, "state": "all", **more}
    return words_of(client.post(f"{LIST}?state=all", chosen))


def trail() -> list[tuple[Any, ...]]:
    rows = AuditEvent.objects.exclude(kind="signed_in").order_by("pk")
    return list(rows.values_list("kind", "user__email", "actor__email", "details"))


def test_both_replies_are_shown_with_what_was_objected_and_that_is_on_record(
    incident: Incident, as_operator: Client, tester: User
) -> None:
    page = as_operator.get(page_of(incident)).content.decode()

    shown = ("reply number 1", "reply number 2", "HRV is 31 ms", "sleep was 4 h", "at most 90 min")
    assert [words for words in shown if words not in page] == []
    assert f'href="/admin/accounts/user/{tester.pk}/change/"' in page
    assert f'href="/admin/missions/mission/{tester.missions.get().pk}/change/"' in page
    about = {"incident": str(incident.pk)}
    assert trail() == [("looked_at", "tester@example.org", "ops@example.org", about)]


@pytest.mark.parametrize("reply", ["[" * 100_000, '{"why": "\\ud800"}'], ids=["deep", "half"])
def test_reply_that_cannot_be_laid_out_is_shown_as_it_came(
    incident: Incident, as_operator: Client, reply: str
) -> None:
    ModelCall.objects.update(reply=reply)

    page = as_operator.get(page_of(incident))

    assert (page.status_code, page.context["attempts"][0].reply) == (200, reply)


def test_list_shows_no_reply_and_leaves_nothing_on_record(
    incident: Incident, as_operator: Client
) -> None:
    page = as_operator.get(LIST).content.decode()

    assert ("Tour of the Valleys" in page, "tester@example.org" in page) == (True, True)
    assert ("reply number" in page, "HRV is" in page, trail()) == (False, False, [])


def test_who_may_only_look_sees_no_reply_and_closes_nothing(
    incident: Incident, looker: Client
) -> None:
    page = looker.get(page_of(incident)).content.decode()
    refused = resolve(looker, incident, "Mine.")
    choose(looker, "resolve", incident)

    incident.refresh_from_db()
    assert ("Not usable twice." in page, "reply number" in page) == (True, False)
    assert 'value="resolve"' not in looker.get(LIST).content.decode()
    assert (refused.status_code, incident.resolved_at, trail()) == (403, None, [])


def test_tester_and_visitor_have_no_business_there(
    incident: Incident, as_tester: Client, client: Client
) -> None:
    address = reverse("admin:coach_incident_resolve", args=[incident.pk])
    answers = [one.post(address, {"note": "Mine."}).status_code for one in (as_tester, client)]

    incident.refresh_from_db()
    assert (answers, incident.resolved_at) == ([403, 302], None)


def test_operator_resolves_it_once_with_a_note_and_is_on_record(
    incident: Incident, as_operator: Client
) -> None:
    first = resolve(as_operator, incident, "  The model was down.  ")
    second = resolve(as_operator, incident, "Another word.")

    incident.refresh_from_db()
    told = (incident.resolved_at, str(incident.resolved_by), incident.note)
    assert told == (NOW, "ops@example.org", "The model was down.")
    assert (words_of(first), words_of(second)[-1]) == (
        ["Resolved."],
        "Somebody had resolved it already.",
    )
    details = {
        "model": "coach.incident",
        "pk": str(incident.pk),
        "fields": ["resolved_at", "note"],
    }
    assert trail() == [("admin_changed", "tester@example.org", "ops@example.org", details)]


def test_page_of_an_incident_asks_for_a_note(incident: Incident, as_operator: Client) -> None:
    refused = resolve(as_operator, incident, " ")

    incident.refresh_from_db()
    assert words_of(refused) == ["Not resolved. Write what it was and what was done about it."]
    assert (incident.resolved_at, trail()) == (None, [])
    opened = as_operator.get(page_of(incident)).content.decode()
    resolve(as_operator, incident, "Done.")
    closed = as_operator.get(page_of(incident)).content.decode()
    assert ('name="note"' in opened, 'name="note"' in closed) == (True, False)


def test_nothing_else_is_changed_by_hand(incident: Incident, as_operator: Client) -> None:
    before = Incident.objects.values().get()

    answers = [
        as_operator.post(page_of(incident), {"kind": "crash", "note": "Mine."}),
        as_operator.get(reverse("admin:coach_incident_add")),
        as_operator.get(reverse("admin:coach_incident_resolve", args=[incident.pk])),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 405]
    assert Incident.objects.values().get() == before


def test_many_are_resolved_with_one_note(incident: Incident, as_operator: Client) -> None:
    before = NOW - timedelta(days=1)
    closed = Incident.objects.create(task="coach.sweep", kind="task", detail="", resolved_at=before)

    words = choose(as_operator, "resolve", incident, closed, note="An outage.")

    assert words == ["1 of 2 chosen are resolved now."]
    rows = Incident.objects.order_by("pk").values_list("resolved_at", "note")
    assert list(rows) == [(NOW, "An outage."), (before, "")]
    assert [(kind, details["pk"]) for kind, _, _, details in trail()] == [
        ("admin_changed", str(incident.pk))
    ]


def test_many_are_not_resolved_without_a_note(incident: Incident, as_operator: Client) -> None:
    words = choose(as_operator, "resolve", incident, note=" ")

    incident.refresh_from_db()
    assert words == ["Not resolved. Write what it was and what was done about it."]
    assert (incident.resolved_at, trail()) == (None, [])


def test_open_ones_come_first_and_the_others_are_asked_for(
    incident: Incident, as_operator: Client, tester: User, stranger: User
) -> None:
    closed = Incident.objects.create(task="coach.sweep", kind="task", detail="", resolved_at=NOW)

    def listed(query: dict[str, Any]) -> set[Incident]:
        return {*as_operator.get(LIST, query).context["cl"].result_list}

    assert listed({}) == {incident}
    assert listed({"state": "resolved"}) == {closed}
    assert listed({"state": "all"}) == {incident, closed}
    assert listed({"state": "all", "tester": tester.pk}) == {incident}
    assert listed({"state": "all", "tester": stranger.pk}) == set()
    for nobody in ("nobody", str(stranger.pk + 1000), "9" * 30):
        assert listed({"state": "all", "tester": nobody}) == set()


def test_incident_about_a_task_is_listed_shown_found_and_closed(as_operator: Client) -> None:
    incident = Incident.objects.create(task="coach.sweep", kind="task", detail="KeyError, 5 times.")

    found = as_operator.get(LIST, {"q": "coach.sw"}).context["cl"].result_list
    shown = as_operator.get(page_of(incident)).content.decode()
    resolve(as_operator, incident, "Mended.")

    assert ("coach.sweep" in shown, "KeyError, 5 times." in shown) == (True, True)
    assert list(found) == [incident]
    incident.refresh_from_db()
    assert incident.note == "Mended."
    assert [(kind, user) for kind, user, _, _ in trail()] == [("admin_changed", None)]


def test_operator_has_files_stored_again_that_were_given_up(
    incident: Incident, as_operator: Client
) -> None:
    given_up = Incident.objects.create(run=incident.run, kind="storage", detail="")

    words = choose(as_operator, "store_again", incident, given_up)

    assert words == ["The files of 1 of 2 chosen are due again."]
    assert MissionRun.objects.get().file_due_at == NOW
    assert Incident.objects.get(pk=given_up.pk).resolved_at == NOW
