"""The month's tokens: counted, told in time, and kept for the mornings."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from coach import budget, claims, conversation, daily_run
from coach.models import Incident, MissionDraft, MissionRun, ModelCall, TokenUse
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.coach import drafts
from tests.coach.conftest import Model
from tests.coach.samples import situation
from tests.coach.test_conversation import PROMPT, TIRED, TOO_HARD
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

JULY = date(2026, 7, 1)
OF_A_TESTER = (
    "You have used most of your share of the coach for this month, so nothing is asked of it by "
    "hand until 1 August. Your morning briefs go on while some is left."
)


@pytest.fixture
def _morning(settings: LazySettings) -> Any:
    settings.COACH_MONTHLY_TOKENS_PER_TESTER = 10_000
    settings.COACH_MONTHLY_TOKENS = 50_000
    with time_machine.travel(NOW, tick=False):
        yield


def use(owner: User | None, tokens: int, month: date = JULY) -> None:
    TokenUse.objects.create(owner=owner, month_date=month, tokens=tokens)


def used() -> dict[tuple[str, date], int]:
    rows = TokenUse.objects.select_related("owner")
    return {(str(row.owner or "all"), row.month_date): row.tokens for row in rows}


def alerts() -> list[str]:
    return list(Notification.objects.filter(kind="alert").values_list("dedupe_key", flat=True))


def claimed(mission: Mission, trigger: str = "schedule") -> claims.Claim[MissionRun]:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger=trigger,
        situation=situation().model_dump(mode="json"),
    )
    claim = claims.take(run, NOW)
    assert claim is not None
    return claim


def is_refused(check: Any, owner: User, now: datetime = NOW) -> bool:
    try:
        check(owner, now)
    except budget.UsedUp:
        return True
    return False


def test_limits_lie_at_80_percent_by_hand_and_at_100_for_all(tester: User) -> None:
    use(tester, 0)
    use(None, 0)
    told = {}
    for tokens, of_all in [(7_999, 0), (8_000, 0), (9_999, 0), (10_000, 0), (0, 40_000)]:
        TokenUse.objects.filter(owner=tester).update(tokens=tokens)
        TokenUse.objects.filter(owner=None).update(tokens=of_all)
        told[tokens, of_all] = (
            is_refused(budget.require_by_hand, tester),
            is_refused(budget.require, tester),
        )
    TokenUse.objects.filter(owner=None).update(tokens=50_000)

    assert told == {
        (7_999, 0): (False, False),
        (8_000, 0): (True, False),
        (9_999, 0): (True, False),
        (10_000, 0): (True, True),
        (0, 40_000): (True, False),
    }
    assert is_refused(budget.require, tester)


def test_month_is_that_of_utc_and_begins_anew(tester: User) -> None:
    use(tester, 10_000)

    last, first = datetime(2026, 7, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    with pytest.raises(budget.UsedUp) as refusal:
        budget.require(tester, last)

    assert refusal.value.wait_s == 2
    assert not is_refused(budget.require, tester, first)
    use(tester, 10_000, date(2026, 12, 1))
    with pytest.raises(budget.UsedUp) as in_december:
        budget.require_by_hand(tester, datetime(2026, 12, 31, tzinfo=UTC))
    assert "until 1 January" in str(in_december.value)


def test_what_others_used_is_no_tester_s_fault(tester: User, stranger: User) -> None:
    use(stranger, 10_000)

    assert not is_refused(budget.require_by_hand, tester)


def test_budget_of_0_is_none_and_asks_the_database_nothing(
    tester: User, settings: LazySettings, django_assert_num_queries: Any
) -> None:
    settings.COACH_MONTHLY_TOKENS = settings.COACH_MONTHLY_TOKENS_PER_TESTER = 0
    use(tester, 10**12)

    with django_assert_num_queries(0):
        budget.require_by_hand(tester, NOW)
        budget.require(tester, NOW)


def test_require_takes_one_query_whoever_else_used_tokens(
    tester: User, stranger: User, django_assert_num_queries: Any
) -> None:
    use(None, 3)
    for owner in (tester, stranger):
        for month in range(1, 8):
            use(owner, 3, date(2026, month, 1))

    with django_assert_num_queries(1):
        budget.require(tester, NOW)


def test_operators_are_told_once_a_month_when_80_percent_are_reached(tester: User) -> None:
    budget.count(tester, 7_999, NOW)
    assert alerts() == []

    budget.count(tester, 1, NOW)
    budget.count(tester, 1, NOW)

    assert alerts() == [f"alert:budget:{tester.pk}:2026-07"]
    mail = Notification.objects.get()
    assert mail.recipients == ["ops@example.org"]
    assert mail.subject == "Lanterne Rouge alert: the month’s tokens of one tester run low"
    assert "Of 10,000 tokens for July 2026, one tester used 8,000." in mail.text
    assert reverse("admin:accounts_user_change", args=[tester.pk]) in mail.text
    assert tester.email not in mail.text

    with time_machine.travel(NOW + timedelta(days=31), tick=False):
        budget.count(tester, 8_000, NOW + timedelta(days=31))
    assert sorted(alerts()) == [f"alert:budget:{tester.pk}:2026-0{month}" for month in (7, 8)]


def test_operators_are_told_of_the_budget_of_all(tester: User, stranger: User) -> None:
    for number in range(6):
        budget.count(factories.tester(f"{number}@example.org"), 7_000, NOW)

    assert alerts() == ["alert:budget:all:2026-07"]
    assert "all testers together used 42,000" in Notification.objects.get().text
    assert used()["all", JULY] == 42_000


def test_answer_is_counted_for_its_tester_and_for_all(mission: Mission, model: Model) -> None:
    model.decides()

    conversation.decide(claimed(mission), situation(), PROMPT)

    assert used() == {("tester@example.org", JULY): 2_410, ("all", JULY): 2_410}
    call = ModelCall.objects.get()
    assert (call.owner, call.purpose, str(call.cost_usd)) == (
        mission.owner,
        "day",
        "0.000424",
    )


def test_answer_is_counted_also_where_another_worker_took_over(
    mission: Mission, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claimed(mission)
    model.decides()
    renew = claims.Claim.renew

    def once(self: claims.Claim[Any], now: datetime) -> None:
        if model.questions:
            raise claims.Lost("too slow")
        renew(self, now)

    monkeypatch.setattr(claims.Claim, "renew", once)
    with pytest.raises(claims.Lost):
        conversation.decide(claim, situation(), PROMPT)

    assert used()["all", JULY] == 2_410
    assert not ModelCall.objects.exists()


def test_answer_without_usage_has_no_cost_and_is_not_counted(
    mission: Mission, model: Model
) -> None:
    model.decides()
    del model.answers[0]["usage"]

    conversation.decide(claimed(mission), situation(), PROMPT)

    assert used() == {}
    assert ModelCall.objects.get().cost_usd is None


@pytest.mark.django_db(transaction=True)
def test_answers_that_come_at_once_are_all_counted(tester: User) -> None:
    at_once(*[lambda: budget.count(tester, 100, NOW)] * 4)

    assert used() == {("tester@example.org", JULY): 400, ("all", JULY): 400}


def test_what_was_spent_on_a_draft_that_is_discarded_stays_spent(tester: User) -> None:
    draft = MissionDraft.objects.create(user=tester)
    ModelCall.objects.create(draft=draft, attempt=1, model="m", outcome="accepted", tokens_in=10)
    budget.count(tester, 10, NOW)

    draft.delete()

    assert used() == {("tester@example.org", JULY): 10, ("all", JULY): 10}


def test_what_all_used_stays_counted_when_a_tester_is_deleted(tester: User) -> None:
    budget.count(tester, 10, NOW)

    tester.delete()

    assert used() == {("all", JULY): 10}


def test_morning_at_the_limit_fails_in_the_open_and_asks_nothing(
    mission: Mission, model: Model
) -> None:
    use(mission.owner, 10_000)
    claim = claimed(mission)
    claim.drop()
    MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        situation=situation().model_dump(mode="json"),
    )

    run = daily_run.run_day(MissionRun.objects.get())

    assert model.questions == []
    assert (run.outcome, run.decision, run.summary) == ("failed", None, "No guidance today")
    incident = Incident.objects.get()
    assert (incident.kind, incident.detail) == (
        "budget",
        "The month’s tokens are used up: your share of them.",
    )
    assert [mail.kind for mail in Notification.objects.order_by("pk")] == ["no_brief", "alert"]
    assert alerts() == ["alert:budget:2026-07-04"]


def test_second_attempt_at_the_limit_tells_of_the_first(mission: Mission, model: Model) -> None:
    use(mission.owner, 9_000)
    model.decides(TOO_HARD)

    with pytest.raises(conversation.NoReply) as given_up:
        conversation.decide(claimed(mission), TIRED, PROMPT)

    first, *_, last = str(given_up.value).split("\n")
    assert given_up.value.kind == "budget"
    assert first.startswith("Attempt 1 (gpt-4o-mini, prompt ")
    assert last == "The month’s tokens are used up: your share of them."
    assert len(model.questions) == 1


# --- what is asked for by hand ---


def test_run_now_is_refused_with_words(mission: Mission, as_tester: Client) -> None:
    use(mission.owner, 8_000)

    answer = as_tester.post(reverse("coach:run-now", args=[mission.pk]), follow=True)

    assert [str(message) for message in answer.context["messages"]] == [OF_A_TESTER]
    assert not MissionRun.objects.exists()


def test_run_now_still_shows_a_run_that_is_there(mission: Mission, as_tester: Client) -> None:
    use(mission.owner, 8_000)
    claimed(mission)

    answer = as_tester.post(
        reverse("coach:run-now", args=[mission.pk]), headers={"HX-Request": "true"}
    )

    assert (answer.status_code, MissionRun.objects.count()) == (200, 1)
    assert "Your brief is being made." in answer.content.decode()


def test_program_is_told_when_the_next_month_begins(mission: Mission, as_tester: Client) -> None:
    use(mission.owner, 8_000)

    answer = as_tester.post(f"/api/missions/{mission.pk}/runs")

    assert (answer.status_code, answer["Content-Type"]) == (429, "application/problem+json")
    assert answer.json()["detail"] == OF_A_TESTER
    wait = (datetime(2026, 8, 1, tzinfo=UTC) - NOW).total_seconds()
    assert answer["Retry-After"] == str(int(wait) + 1)
    assert not MissionRun.objects.exists()


def test_draft_is_not_asked_for_and_its_survey_is_kept(tester: User, as_tester: Client) -> None:
    use(tester, 8_000)
    draft = MissionDraft.objects.create(user=tester, survey=drafts.SURVEY)

    page = as_tester.post(reverse("coach:draft-ask", args=[draft.pk]), follow=True)
    program = as_tester.post("/api/missions/draft", drafts.SURVEY, content_type="application/json")

    assert f"{OF_A_TESTER} Your answers are kept." in [
        str(message) for message in page.context["messages"]
    ]
    assert (program.status_code, "Retry-After" in program.headers) == (429, True)
    assert (MissionDraft.objects.get().asked, ModelCall.objects.count()) == (0, 0)
