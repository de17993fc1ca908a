"""Looking back on a mission that is complete: once, in the model's words, on facts we computed.

When no words pass the checks the facts stand alone: nothing is written in the model's place.
"""

from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import artifacts, formats, privacy
from accounts.models import Artifact
from accounts.patience import while_the_database_is_away
from coach import (
    claims,
    conversation,
    files,
    prompts,
    record,
    replies,
    results,
    retries,
    stopping,
)
from coach.conversation import Question
from coach.models import Incident, Reflection
from coach.wrap_up import rules
from coach.wrap_up.facts import Facts, draw_up
from coach.wrap_up.words import in_mail
from connections import policy
from missions import schedule
from missions.models import Mission, Stage
from notifications import mail, outbox
from notifications.models import Notification

WRITE_REFLECTION = "coach.write_reflection"
# An event that ended before is over and done: no mail about it out of the blue.
NO_LONGER_AFTER = timedelta(days=30)

Outcome = Reflection.Outcome


def sweep(now: datetime, most: int) -> None:
    """Open what is due, and hurry along what no worker holds."""
    for mission in due(now)[:most]:
        Reflection.objects.get_or_create(mission=mission, defaults={"opened_at": now})
    for pk in Reflection.claimable(now).values_list("pk", flat=True)[:most]:
        current_app.send_task(WRITE_REFLECTION, args=[pk])


def is_too_late(mission: Mission, now: datetime) -> bool:
    return mission.event_end < (now - NO_LONGER_AFTER).date()


def due(now: datetime) -> list[Mission]:
    """Missions to look back on: complete, ridden here, and told of to their last stage."""
    complete = Mission.objects.filter(
        **{f"owner__{name}": value for name, value in privacy.READABLE.items()},
        state=Mission.State.MISSION_COMPLETE,
        imported_from="",
        event_end__gte=(now - NO_LONGER_AFTER).date(),
        reflection__isnull=True,
    )
    stages = Stage.objects.filter(mission__in=complete, is_rest_day=False, progress__isnull=True)
    waiting = set(stages.values_list("mission_id", flat=True))
    return [one for one in complete if comes_at(one, has_open=one.pk in waiting) <= now]


def comes_at(mission: Mission, *, has_open: bool) -> datetime:
    """The first morning after the event; with open stages, when none is waited for any more."""
    patience = results.PATIENCE if has_open else timedelta(days=1)
    return schedule.slot_on(mission, mission.event_end + patience)


def write(reflection_id: int) -> None:
    """Bring a reflection to its end, once: whoever comes second finds it finished or held."""
    reflection = Reflection.objects.select_related("mission__owner").filter(pk=reflection_id)
    claim = next((claims.take(one, timezone.now()) for one in reflection), None)
    if claim is None:
        return
    try:
        _look_back(claim)
    except claims.Lost:
        claims.look_again(claim.row)  # too slow: another worker's now, or deleted
    except stopping.Stopping:
        claim.hand_back()
    except Exception:
        seed = f"reflection {claim.row.pk}"
        at = retries.after_breaking_off(claim.row.attempts, timezone.now(), seed=seed)
        claims.leave(lambda: claim.break_off(at))
        raise
    except BaseException:  # this process is being ended
        claims.leave(claim.hand_back)
        raise


def _look_back(claim: claims.Claim[Reflection]) -> None:
    if claim.is_hopeless:
        _failed(claim, Incident.Kind.CRASH, "The reflection broke off at every attempt.")
        return
    if not privacy.may_be_read(claim.row.owner.pk):
        claim.drop()
        return
    try:
        facts = _facts(claim)
        reply = conversation.ask(claim, question(claim.row, facts))
        while_the_database_is_away(lambda: _written(claim, facts, reply))
    except conversation.NotAsked as reason:
        seed = f"reflection {claim.row.pk} {claim.fence}"
        claim.hand_back(retries.later(timezone.now(), reason.wait_s, seed=seed))
    except conversation.NoReply as reason:
        _try_again_or_fail(claim, reason)
    except conversation.NotAllowed:
        claim.drop()


def _try_again_or_fail(claim: claims.Claim[Reflection], reason: conversation.NoReply) -> None:
    """What passes is waited out; nobody waits in front of a page for it."""
    row, at = claim.row, None
    if reason.is_passing and row.attempts < Reflection.MOST_ATTEMPTS:
        setbacks, wait_s, seed = row.attempts - 1, reason.wait_s, f"reflection {row.pk}"
        at = retries.next_try(reason.kind, setbacks, timezone.now(), wait_s=wait_s, seed=seed)
    if at is not None:
        claim.break_off(at)
    else:
        while_the_database_is_away(lambda: _failed(claim, reason.kind, str(reason)))


def question(reflection: Reflection, facts: Facts) -> Question[replies.Reflection]:
    name = reflection.mission.name
    return Question(
        prompts.for_wrap_up(facts.for_model(), name),
        settings.COACH_MODEL_BUILDER,
        replies.Reflection,
        problems_in=lambda reply: rules.problems_in(facts, name, reply),
        asked=reflection.asked,
    )


def _facts(claim: claims.Claim[Reflection]) -> Facts:
    """Drawn up once, then kept, so that a later attempt asks the same.

    Unless a source was shut out since: then nothing of what was asked before comes up again.
    """
    reflection, mission = claim.row, claim.row.mission
    if reflection.facts is not None:
        kept = Facts.model_validate(reflection.facts)
        if policy.kept_from_coach(mission.owner).keys() <= set(kept.kept_back):
            return kept
        conversation.forget(claim)
    facts = draw_up(mission, mission.local_date(timezone.now()))
    claim.write(facts=facts.model_dump(mode="json"))
    return facts


def _written(claim: claims.Claim[Reflection], facts: Facts, reply: replies.Reflection) -> None:
    reflection = claim.row
    with transaction.atomic():
        claim.write(
            outcome=Outcome.WRITTEN,
            finished_at=timezone.now(),
            lease_until=None,
            file_due_at=timezone.now(),
            reply=reply.model_dump(mode="json"),
        )
        if reflection.mission.is_brief_mailed and reflection.owner.wants_wrap_ups:
            _mail_tester(reflection)
        files.keep_later(reflection)


def _failed(claim: claims.Claim[Reflection], kind: str, detail: str) -> None:
    """Failed in the open: an incident and an alert; the tester's page shows the facts alone."""
    reflection = claim.row
    with transaction.atomic():
        now = timezone.now()
        claim.write(outcome=Outcome.FAILED, finished_at=now, lease_until=None, file_due_at=now)
        record.open_incident(reflection, kind, detail)
        files.keep_later(reflection)


def ask_again(reflection: Reflection) -> bool:
    """An operator's wish: try one that failed once more, on what is known by now."""
    with transaction.atomic():
        is_asked = Reflection.objects.filter(pk=reflection.pk, outcome=Outcome.FAILED).update(
            outcome=Outcome.DUE,
            asked=F("asked") + 1,
            attempts=0,
            file_attempts=0,
            facts=None,
            finished_at=None,
            artifacts_at=None,
            file_due_at=None,
        )
        if is_asked:
            _publish_later(reflection)
    return bool(is_asked)


def _mail_tester(reflection: Reflection) -> None:
    mission = reflection.mission
    with formats.written_for(formats.Reader.of(mission.owner)):
        written = mail.render("wrap_up", in_mail(reflection), timezone_name=mission.timezone)
    outbox.enqueue(
        Notification.Kind.WRAP_UP,
        written,
        dedupe_key=f"wrap_up:{mission.pk}",
        recipients=[mission.owner.email],
        user=mission.owner,
    )


def _publish_later(reflection: Reflection) -> None:
    args = [reflection.pk]
    transaction.on_commit(lambda: current_app.send_task(WRITE_REFLECTION, args=args), robust=True)


@transaction.atomic
def keep_artifact(reflection_id: int) -> None:
    """Store what was asked and answered as one file, then empty the texts in the rows."""
    reflection = record.hold_finished(Reflection, reflection_id)
    if reflection is None or reflection.artifacts_at is not None:
        return
    mission = reflection.mission
    local_date = mission.local_date(reflection.finished_at)
    name = f"wrap-up-{reflection.asked}.json"
    key = artifacts.key_for(mission.owner, mission.pk, local_date, name)
    told = {"mission": str(mission.pk), "facts": reflection.facts, "reply": reflection.reply}
    record.keep_texts(reflection, key, told)
    reflection.artifacts_at, reflection.file_due_at = timezone.now(), None
    reflection.save(update_fields=["artifacts_at", "file_due_at"])


def forget_facts(now: datetime) -> int:
    """Empty facts as old as the artifacts that tell the same numbers; the words stay."""
    before = now - artifacts.KEPT_FOR[Artifact.Retention.REASONING]
    old = Reflection.objects.filter(finished_at__lt=before, facts__isnull=False)
    return old.update(facts=None)
