"""The morning of one mission, told from top to bottom."""

from datetime import date, datetime, timedelta

from django.utils import timezone

from accounts import privacy
from accounts.patience import while_the_database_is_away
from coach import (
    claims,
    conversation,
    done,
    lateness,
    night,
    observe,
    prompts,
    record,
    retries,
    rule_tallies,
    rules,
    stopping,
    stored_situations,
)
from coach.models import Incident, MissionRun
from coach.scored import settle_stages
from coach.situation import Situation
from connections import policy, readings, refresh
from missions import lifecycle
from missions.models import Mission

# From so many on a run waits no longer than before for its next look at the model.
MOST_LOOKS = 4
NOT_ALLOWED = "No brief: reading your data is not allowed"
TAKEN_BACK = "No brief: the mission is in preparation again"
# So long after its time a morning waits for a source that another worker is reading.
READING_PATIENCE = timedelta(minutes=10)


class NotLive(Exception):
    """Only a mission in training or in its event is coached."""


class Awaited(Exception):
    """Something the brief is better with is about to come: last night, or a source being read."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"until {until}")
        self.until = until


class NoConsent(NotLive):
    """Only somebody whose health data may be read is coached."""


def open_run(mission: Mission, local_date: date, trigger: MissionRun.Trigger) -> MissionRun:
    """The one run of a mission on a local date, made now or found; raises NotLive, NoConsent."""
    existing = mission.runs.filter(local_date=local_date).first()
    if existing is not None:
        return existing
    if not mission.is_live:
        raise NotLive("The coach only works on a mission in training or in its event.")
    require_consent(mission.owner_id)
    values = {"trigger": trigger, "give_up_at": timezone.now() + lateness.LATEST}
    run, _ = MissionRun.objects.get_or_create(
        mission=mission, local_date=local_date, defaults=values
    )
    return run


def run_day(run: MissionRun) -> MissionRun:
    """Bring a run to its end, once: whoever comes second finds it finished or held."""
    claim = claims.take(run, timezone.now())
    if claim is None:
        return run
    try:
        _coach(claim)
    except claims.Lost:
        claims.look_again(run)  # too slow: the run is another worker's now, or deleted
    except Exception:
        claims.leave(lambda: _break_off(claim))
        raise
    except BaseException:  # this process is being ended: no fault of the run's
        claims.leave(lambda: _hand_on(claim))
        raise
    return run


def _coach(claim: claims.Claim[MissionRun]) -> None:
    run = claim.row
    if claim.is_hopeless:
        words = "The run broke off at every attempt."
        while_the_database_is_away(lambda: record.failed(claim, Incident.Kind.CRASH, words))
        return
    try:
        stopping.checkpoint()
        require_consent(run.mission.owner_id)
        _require_begun(run.mission)
        situation = situation_for(claim)
        decision = conversation.decide(claim, situation, prompts.for_day(situation))
        flagged = rules.flags(situation, decision)
        while_the_database_is_away(lambda: record.decided(claim, decision, flagged))
        rule_tallies.count(conversation.model_for(situation), flagged)
    except stopping.Stopping:
        _hand_on(claim)
    except Awaited as awaited:
        _put_off(claim, awaited.until)
    except conversation.NotAsked as reason:
        _wait_or_fail(claim, reason, _next_look(claim, reason.wait_s))
    except conversation.NoReply as reason:
        _try_again_or_fail(claim, reason)
    except (NoConsent, conversation.NotAllowed):
        _let_be(claim, NOT_ALLOWED)
    except NotLive:
        _let_be(claim, TAKEN_BACK)


def _put_off(claim: claims.Claim[MissionRun], until: datetime, **values: object) -> None:
    claim.hand_back(start_at=until, publish_at=until, published=0, **values)


def _hand_on(claim: claims.Claim[MissionRun]) -> None:
    """To another worker, at once."""
    _put_off(claim, timezone.now())


def _break_off(claim: claims.Claim[MissionRun]) -> None:
    """Later again, and each time later: what nobody foresaw may pass, or come up every time."""
    run = claim.row
    at = retries.after_breaking_off(run.attempts, timezone.now(), seed=str(run.pk))
    claim.break_off(start_at=at, publish_at=at, published=0)


def _try_again_or_fail(claim: claims.Claim[MissionRun], reason: conversation.NoReply) -> None:
    """What passes is waited out, so and so often."""
    run, now = claim.row, timezone.now()
    at = None
    if reason.is_passing:
        wait_s, seed = reason.wait_s, str(run.pk)
        at = retries.next_try(reason.kind, run.setbacks, now, wait_s=wait_s, seed=seed)
    _wait_or_fail(claim, reason, at, setbacks=run.setbacks + 1)


def _next_look(claim: claims.Claim[MissionRun], wait_s: float) -> datetime:
    """When to look whether the model may be asked.

    Later each time: where thousands wait, looking would cost more than what there is to find. Not
    so for whom somebody waits.
    """
    run, looks = claim.row, min(claim.fence, MOST_LOOKS) - 1
    if run.trigger == MissionRun.Trigger.SCHEDULE:
        wait_s *= 2**looks
    return retries.later(timezone.now(), wait_s, seed=f"{run.pk} {claim.fence}")


def _wait_or_fail(
    claim: claims.Claim[MissionRun],
    reason: conversation.NoReply,
    at: datetime | None,
    **values: object,
) -> None:
    """While the morning lasts it waits; `values` are set where it does."""
    give_up_at = claim.row.give_up_at
    if at is None or (give_up_at is not None and at >= give_up_at):
        while_the_database_is_away(lambda: record.failed(claim, reason.kind, str(reason)))
    else:
        _put_off(claim, at, **values)


def _let_be(claim: claims.Claim[MissionRun], words: str) -> None:
    """It is not to be made any more; what was decided before it was asked for again stays."""
    run = claim.row
    if not run.superseded:
        claim.drop()
        return
    conversation.forget(claim)
    claim.write(
        outcome=MissionRun.Outcome.MISSED,
        finished_at=timezone.now(),
        lease_until=None,
        situation=None,
        summary=words,
    )


def require_consent(owner_id: int) -> None:
    if not privacy.may_be_read(owner_id):
        raise NoConsent(privacy.NOT_ALLOWED)


def _require_begun(mission: Mission) -> None:
    """An operator may have taken it back while its run waited; one that ended since may finish."""
    if mission.state == Mission.State.PREP:
        raise NotLive("The mission is in preparation again.")


def _wait_for_the_reading(run: MissionRun, until: datetime | None, now: datetime) -> None:
    """Raises Awaited where another worker, perhaps one that is gone, still reads a source.

    A tester in front of the page has waited for it already.
    """
    is_patient = run.trigger == MissionRun.Trigger.SCHEDULE
    if until is not None and is_patient and until <= run.due_at + READING_PATIENCE:
        raise Awaited(max(until, now))


def _wait_for_the_night(run: MissionRun, now: datetime) -> None:
    """Raises Awaited, until the tester's latest time."""
    until = run.wait_until
    if until is not None and now < until and night.is_awaited(run.mission, run.local_date, now):
        raise Awaited(min(now + night.STEP, until))


def situation_for(claim: claims.Claim[MissionRun]) -> Situation:
    """What is known this morning: read once, then kept, so that a later attempt asks the same.

    Unless a source was shut out since: then nothing of what was asked before comes up again.
    """
    run, mission = claim.row, claim.row.mission
    if run.situation is not None:
        kept = stored_situations.read(run.situation)
        if policy.kept_from_coach(mission.owner).keys() <= set(kept.kept_back):
            return kept
        conversation.forget(claim)
    lifecycle.keep_time(mission, local_date=run.local_date, now=timezone.now())
    for connection in mission.owner.connections.working():
        stopping.checkpoint()
        claim.renew(timezone.now())
        held_until = refresh.bring_up_to_date(connection, timezone.now())
        _wait_for_the_reading(run, held_until, timezone.now())
    _wait_for_the_night(run, timezone.now())
    everything = readings.gather_all(mission.owner, run.local_date)
    settle_stages(mission, everything, local_date=run.local_date, now=timezone.now())
    read = readings.for_coach(everything, mission.owner)
    done.look_back(mission, read, local_date=run.local_date)
    situation = observe.draw_up(mission, read, local_date=run.local_date, now=timezone.now())
    # The night is waited for no more, whatever else the run waits for.
    claim.write(situation=situation.model_dump(mode="json"), wait_until=None)
    return situation
