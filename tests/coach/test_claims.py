from datetime import timedelta

import pytest

from coach import claims
from coach.models import MissionRun
from missions.models import Mission
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome
LEASE = timedelta(minutes=3)
DECIDED = {"action": "ease"}


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", start_at=NOW
    )


def same(run: MissionRun) -> MissionRun:
    """The row as another worker loads it."""
    return MissionRun.objects.get(pk=run.pk)


def test_take_gives_a_waiting_run_to_one_worker_for_the_length_of_a_lease(run: MissionRun) -> None:
    other = same(run)

    claim = claims.take(run, NOW)

    assert claim is not None
    assert (claim.row, claim.fence) == (run, 1)
    assert (run.outcome, run.lease_until, run.fence) == (Outcome.UNDER_WAY, NOW + LEASE, 1)
    assert claims.take(other, NOW + LEASE) is None
    assert (other.outcome, other.fence) == (Outcome.UNDER_WAY, 1)


def test_take_gives_a_run_on_once_its_holder_stopped_renewing(run: MissionRun) -> None:
    claims.take(run, NOW)

    claim = claims.take(same(run), NOW + LEASE + timedelta(seconds=1))

    assert claim is not None
    assert claim.fence == 2


@pytest.mark.parametrize(
    "ended", [{"outcome": Outcome.DECIDED, "decision": DECIDED}, {"outcome": Outcome.FAILED}]
)
def test_take_leaves_a_finished_run_as_it_is(run: MissionRun, ended: dict[str, object]) -> None:
    MissionRun.objects.update(**ended)

    assert claims.take(run, NOW) is None
    assert (run.outcome, run.lease_until, run.fence) == (ended["outcome"], None, 0)


def test_write_sets_the_row_and_the_run_in_hand(run: MissionRun) -> None:
    claim = claims.take(run, NOW)
    assert claim is not None

    claim.write(summary="Ease: 60 min", decision=DECIDED)

    assert (run.summary, run.decision) == ("Ease: 60 min", DECIDED)
    assert (same(run).summary, same(run).decision) == ("Ease: 60 min", DECIDED)


def test_renew_moves_the_end_of_the_lease(run: MissionRun) -> None:
    claim = claims.take(run, NOW)
    assert claim is not None

    claim.renew(NOW + timedelta(minutes=2))

    assert claims.take(same(run), NOW + timedelta(minutes=5)) is None
    assert same(run).lease_until == NOW + timedelta(minutes=5)


def test_write_of_a_worker_that_was_too_slow_changes_nothing(run: MissionRun) -> None:
    slow = claims.take(run, NOW)
    quick = claims.take(same(run), NOW + timedelta(hours=1))
    assert slow is not None
    assert quick is not None

    with pytest.raises(claims.Lost, match=str(run.pk)):
        slow.write(summary="too late")
    with pytest.raises(claims.Lost):
        slow.renew(NOW + timedelta(hours=1))

    assert (slow.row.summary, same(run).summary) == ("", "")
    assert same(run).lease_until == NOW + timedelta(hours=1) + LEASE


def test_write_after_the_end_is_refused_even_to_the_one_who_ended_it(run: MissionRun) -> None:
    claim = claims.take(run, NOW)
    assert claim is not None
    claim.write(outcome=Outcome.FAILED)

    with pytest.raises(claims.Lost):
        claim.write(outcome=Outcome.DECIDED, decision=DECIDED)

    assert same(run).outcome == Outcome.FAILED


def test_write_to_a_run_that_was_deleted_is_lost(run: MissionRun) -> None:
    claim = claims.take(run, NOW)
    assert claim is not None
    MissionRun.objects.all().delete()

    with pytest.raises(claims.Lost):
        claim.write(summary="for nobody")


def test_run_that_waits_for_its_time_is_nobody_s_before(run: MissionRun) -> None:
    MissionRun.objects.update(start_at=NOW + timedelta(seconds=1))

    assert claims.take(same(run), NOW) is None
    assert claims.take(same(run), NOW + timedelta(seconds=1)) is not None


def test_hand_back_is_no_attempt_and_a_break_off_is_one(run: MissionRun) -> None:
    for _ in range(3):
        claim = claims.take(same(run), NOW)
        assert claim is not None
        claim.hand_back(setbacks=1)
    handed = same(run)
    claim = claims.take(same(run), NOW)
    assert claim is not None
    claim.break_off(NOW + timedelta(seconds=10), published=0)
    broken = same(run)

    assert (handed.outcome, handed.attempts, handed.fence, handed.setbacks) == ("due", 0, 3, 1)
    assert (broken.outcome, broken.attempts, broken.fence) == ("due", 1, 4)
    assert claims.take(same(run), NOW + timedelta(seconds=10)) is None
    assert claims.take(same(run), NOW + timedelta(seconds=11)) is not None


def test_what_was_handed_back_is_written_by_nobody_any_more(run: MissionRun) -> None:
    claim = claims.take(run, NOW)
    assert claim is not None
    claim.hand_back()

    with pytest.raises(claims.Lost):
        claim.write(summary="too late")
    claims.leave(claim.hand_back)

    assert (same(run).summary, same(run).attempts) == ("", 0)
