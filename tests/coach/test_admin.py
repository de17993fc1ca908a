from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from accounts import listing
from accounts.models import Artifact, AuditEvent, User
from coach import again
from coach.models import Feedback, Incident, MissionRun, ModelCall
from missions.models import Mission
from tests import factories
from tests.coach.conftest import Message
from tests.coach.samples import reply, situation
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

PRIVATE = ("readiness is 82", "metrics", "the prompt itself", "the reply itself")


@pytest.fixture
def rows(mission: Mission) -> dict[str, Any]:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )
    call = ModelCall.objects.create(
        run=run,
        attempt=1,
        model="gpt-4o-mini",
        prompt="the prompt itself",
        reply="the reply itself",
        refusal="the refusal: metrics",
        problem="your readiness is 82",
        violations=[{"rule": "L1", "observed": "readiness is 82", "allowed": "metrics"}],
        outcome="accepted",
        purpose="day",
        tokens_in=2100,
        tokens_out=310,
        cost_usd="0.000424",
    )
    incident = Incident.objects.create(run=run, kind="crash", detail="It kept breaking off.")
    return {"missionrun": run, "modelcall": call, "incident": incident}


@pytest.fixture
def as_operator(db: None) -> Client:
    operator = User.objects.create_superuser("operator@example.org", "correct horse battery")
    client = Client()
    client.force_login(operator, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def change(rows: dict[str, Any], name: str) -> str:
    return reverse(f"admin:coach_{name}_change", args=[rows[name].pk])


@pytest.mark.parametrize("name", ["missionrun", "modelcall"])
def test_operator_sees_that_a_run_went_and_not_what_it_told(
    rows: dict[str, Any], as_operator: Client, name: str
) -> None:
    listed = as_operator.get(reverse(f"admin:coach_{name}_changelist"))
    shown = as_operator.get(change(rows, name))

    told = listed.content.decode() + shown.content.decode()
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert {"missionrun": "Tour of the Valleys", "modelcall": "gpt-4o-mini"}[name] in told
    assert [word for word in PRIVATE if word in told] == []


def test_operator_sees_who_has_a_run_and_how_often_it_was_tried(
    rows: dict[str, Any], as_operator: Client
) -> None:
    MissionRun.objects.update(attempts=41, setbacks=42, published=43, lease_until=NOW)

    page = as_operator.get(change(rows, "missionrun")).content.decode()

    told = [number for number in ("41", "42", "43") if f'readonly">{number}</div>' in page]
    assert (told, "Lease until" in page) == (["41", "42", "43"], True)


def test_operator_sees_what_was_asked_for_and_what_it_cost_by_month(
    rows: dict[str, Any], as_operator: Client
) -> None:
    run = rows["missionrun"]
    ModelCall.objects.update(asked_at=NOW)
    ModelCall.objects.create(
        run=run, attempt=2, model="gpt-4o-mini", outcome="accepted", tokens_in=5, asked_at=NOW
    )
    ModelCall.objects.create(
        run=run, attempt=3, model="mine", outcome="unanswered", asked_at=NOW - timedelta(days=30)
    )

    answer = as_operator.get(reverse("admin:coach_modelcall_changelist"), {"purpose": "day"})

    listed = list(answer.context["cl"].result_list)
    assert listed == [rows["modelcall"]]
    sums = [
        (f"{row.since:%Y-%m}", row.model, row.calls, row.tokens_in, row.tokens_out)
        for row in answer.context["months"]
    ]
    costs = [(row.cost and f"{row.cost:.6f}", row.unpriced) for row in answer.context["months"]]
    assert sums == [("2026-07", "gpt-4o-mini", 2, 2105, 310), ("2026-06", "mine", 1, None, None)]
    assert costs == [("0.000424", 1), (None, 0)]
    page = answer.content.decode()
    assert "L1" in page
    assert "0.000424, and 1 of unknown cost" in page
    assert "None" not in page[page.index("By month and model") :]


@pytest.mark.parametrize("name", ["missionrun", "modelcall"])
def test_operator_reads_the_record_and_does_not_write_it(
    rows: dict[str, Any], as_operator: Client, name: str
) -> None:
    before = MissionRun.objects.values().get(), ModelCall.objects.values().get()

    saved = as_operator.post(change(rows, name), {"outcome": "failed", "summary": "mine"})
    added = as_operator.get(reverse(f"admin:coach_{name}_add"))

    assert (saved.status_code, added.status_code) == (403, 403)
    assert (MissionRun.objects.values().get(), ModelCall.objects.values().get()) == before


def words_of(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def choose(client: Client, action: str, *rows: Any) -> list[str]:
    """The words of an action on chosen rows of one model."""
    path = reverse(f"admin:coach_{rows[0]._meta.model_name}_changelist")
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return words_of(client.post(path, chosen))


def trail() -> list[tuple[Any, ...]]:
    rows = AuditEvent.objects.exclude(kind="signed_in").order_by("pk")
    return list(rows.values_list("kind", "user__email", "actor__email", "details"))


# --- Run again ---


@time_machine.travel(NOW, tick=False)
def test_operator_runs_a_day_again_with_the_first_attempt_kept_and_is_on_record(
    rows: dict[str, Any],
    as_operator: Client,
    published: list[Message],
    media: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    run = rows["missionrun"]

    with django_capture_on_commit_callbacks(execute=True):
        words = choose(as_operator, "run_again", run)

    held = MissionRun.objects.get()
    assert words == ["1 of 1 chosen run again."]
    assert (held.pk, held.outcome, held.asked, held.decision) == (run.pk, "due", 2, None)
    assert [(one["asked"], one["why"]) for one in held.superseded] == [(1, "operator")]
    assert (ModelCall.objects.count(), Artifact.objects.count()) == (1, 1)
    day = (run.mission.owner_id, str(run.mission_id), "2026-07-04")
    assert published == [("coach.run_mission_day", day)]
    about = {"run": str(run.pk), "local_date": "2026-07-04"}
    assert trail() == [("rerun", "tester@example.org", "operator@example.org", about)]
    page = as_operator.get(change(rows, "missionrun")).content.decode()
    assert "2026-07-04 05:30 UTC, operator" in page


@time_machine.travel(NOW, tick=False)
def test_refusals_are_told_in_words_and_stop_nobody_else(
    rows: dict[str, Any], as_operator: Client, stranger: User, media: Any
) -> None:
    ridden = rows["missionrun"]
    Feedback.objects.create(run=ridden, word=Feedback.Word.CHANGED)
    over = run_of(factories.mission(stranger, state=Mission.State.MISSION_COMPLETE), "failed")
    fine = run_of(factories.mission(stranger, name="Another"), "missed")

    words = choose(as_operator, "run_again", ridden, over, fine)

    day = "Tour of the Valleys on 2026-07-04"
    assert sorted(words) == [
        "1 of 3 chosen run again.",
        f"{day} (done): {again.AlreadyRidden.words}",
        f"{day} (failed): The coach only works on a mission in training or in its event.",
    ]
    outcomes = dict(MissionRun.objects.values_list("pk", "outcome"))
    assert outcomes == {ridden.pk: "decided", over.pk: "failed", fine.pk: "due"}
    assert [details["run"] for _, _, _, details in trail()] == [str(fine.pk)]


def test_run_whose_first_attempt_cannot_be_kept_stays_as_it_is(
    rows: dict[str, Any], as_operator: Client, monkeypatch: pytest.MonkeyPatch, media: Any
) -> None:
    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    with monkeypatch.context() as outage:
        outage.setattr(default_storage, "save", away)
        words = choose(as_operator, "run_again", rows["missionrun"])

    assert "our storage is away" in words[0]
    assert (MissionRun.objects.get().outcome, trail()) == ("decided", [])


def test_operator_who_may_only_look_runs_nothing_again(rows: dict[str, Any], tester: User) -> None:
    looker = factories.tester("looker@example.org", is_staff=True)
    for name in ("missionrun", "incident"):
        looker.user_permissions.add(Permission.objects.get(codename=f"view_{name}"))

    for name, action in (("missionrun", "run_again"), ("incident", "resolve")):
        client = signed_in(looker)
        page = client.get(reverse(f"admin:coach_{name}_changelist")).content.decode()
        choose(client, action, rows[name])
        assert f'value="{action}"' not in page

    assert (MissionRun.objects.get().asked, Incident.objects.get().resolved_at) == (1, None)


def run_of(mission: Mission, outcome: str) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome=outcome, finished_at=NOW
    )


# --- Tables of millions ---


@pytest.mark.parametrize("name", ["missionrun", "modelcall"])
def test_list_counts_no_further_than_anybody_leafs(
    rows: dict[str, Any],
    as_operator: Client,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Any,
) -> None:
    run = rows["missionrun"]
    for day in range(1, 4):
        MissionRun.objects.create(
            mission=run.mission, local_date=TODAY - timedelta(days=day), trigger="schedule"
        )
        ModelCall.objects.create(run=run, attempt=day + 1, model="m", outcome="accepted")
    path = reverse(f"admin:coach_{name}_changelist")
    whole = as_operator.get(path)
    monkeypatch.setattr(listing, "MOST", 3)

    with django_assert_num_queries({"missionrun": 4, "modelcall": 9}[name]) as asked:
        cut = as_operator.get(path)

    counts = [query["sql"] for query in asked.captured_queries if "COUNT(*)" in query["sql"]]
    assert [sql for sql in counts if "LIMIT 3" not in sql] == []
    assert (whole.context["cl"].result_count, cut.context["cl"].result_count) == (4, 3)
    told = "Only the first 3 are listed."
    assert (told in whole.content.decode(), told in cut.content.decode()) == (False, True)


@pytest.mark.parametrize("name", ["missionrun", "modelcall", "incident"])
def test_tester_has_no_business_there(rows: dict[str, Any], as_tester: Client, name: str) -> None:
    answer = as_tester.get(reverse(f"admin:coach_{name}_changelist"))

    assert answer.status_code == 403
