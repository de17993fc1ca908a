"""The morning of one mission, told from top to bottom."""

from datetime import date

from django.utils import timezone

from accounts import privacy
from coach import (
    claims,
    conversation,
    done,
    observe,
    prompts,
    record,
    rule_tallies,
    rules,
    stored_situations,
)
from coach.models import Incident, MissionRun
from coach.scored import settle_stages
from coach.situation import Situation
from connections import policy, readings, refresh
from missions import lifecycle
from missions.models import Mission


class NotLive(Exception):
    """Only a mission in training or in its event is coached."""


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
    run, _ = MissionRun.objects.get_or_create(
        mission=mission, local_date=local_date, defaults={"trigger": trigger}
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
    return run


def _coach(claim: claims.Claim[MissionRun]) -> None:
    run = claim.row
    if claim.fence > MissionRun.MOST_ATTEMPTS * run.asked:
        record.failed(claim, Incident.Kind.CRASH, "The run broke off at every attempt.")
        return
    try:
        require_consent(run.mission.owner_id)
        situation = situation_for(claim)
        decision = conversation.decide(claim, situation, prompts.for_day(situation))
        flagged = rules.flags(situation, decision)
        record.decided(claim, decision, flagged)
        rule_tallies.count(conversation.model_for(situation), flagged)
    except conversation.NoReply as reason:
        record.failed(claim, reason.kind, str(reason))
    except (NoConsent, conversation.NotAllowed):
        claim.drop()


def require_consent(owner_id: int) -> None:
    if not privacy.may_be_read(owner_id):
        raise NoConsent(privacy.NOT_ALLOWED)


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
        claim.renew(timezone.now())
        refresh.bring_up_to_date(connection, timezone.now())
    everything = readings.gather_all(mission.owner, run.local_date)
    settle_stages(mission, everything, local_date=run.local_date, now=timezone.now())
    read = readings.for_coach(everything, mission.owner)
    done.look_back(mission, read, local_date=run.local_date)
    situation = observe.draw_up(mission, read, local_date=run.local_date, now=timezone.now())
    claim.write(situation=situation.model_dump(mode="json"))
    return situation
