"""The tester's own word on a workout: did it, changed it, skipped it, and how hard it was."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db import transaction

from accounts import privacy
from coach import marks
from coach.models import Feedback, MissionRun
from coach.replies import Decision

OPEN_FOR = timedelta(days=7)
NOT_OPEN = (
    "A workout can be told about from its own day to seven days later. This one cannot be, now."
)
NO_EFFORT = "A workout that was skipped has no effort. Leave it out."
CHOOSE = "Say whether you did it, changed it or skipped it."
CHOICES = (
    (Feedback.Word.DONE, "Did it"),
    (Feedback.Word.CHANGED, "Changed it"),
    (Feedback.Word.SKIPPED, "Skipped it"),
)
EFFORTS = [("", "not said"), *((n, str(n)) for n in range(1, 11))]


class NotOpen(Exception):
    """There is no workout to speak of, or its week is over; the message is for the tester."""

    def __init__(self) -> None:
        super().__init__(NOT_OPEN)


class FeedbackForm(forms.Form):
    word = forms.ChoiceField(
        label="What became of it",
        choices=CHOICES,
        widget=forms.RadioSelect,
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )
    rpe = forms.TypedChoiceField(
        label="Effort",
        choices=EFFORTS,
        coerce=int,
        empty_value=None,
        required=False,
        help_text="1 is very easy, 10 all you had.",
    )

    def clean(self) -> dict[str, Any]:
        """Who turns “did it” into “skipped it” need not empty the effort as well."""
        cleaned = super().clean() or {}
        if cleaned.get("word") == Feedback.Word.SKIPPED:
            cleaned["rpe"] = None
        return cleaned


def said_of(run: MissionRun) -> Feedback | None:
    # Django tells with an AttributeError that there is no such row.
    return getattr(run, "feedback", None)


def is_open(run: MissionRun, now: datetime) -> bool:
    """Whether there is a workout to speak of, and its day or one of the seven after it is now."""
    if run.decision is None or not run.is_finished:
        return False
    plan = Decision.model_validate(run.decision).workout_plan
    since = run.mission.local_date(now) - run.local_date
    return bool(plan and plan.duration_minutes) and timedelta() <= since <= OPEN_FOR


def keep(run: MissionRun, word: str, rpe: int | None, now: datetime) -> Feedback:
    """Keep it, in place of what was said before; raises NotOpen, privacy.NotAllowed."""
    with transaction.atomic():
        privacy.require_consent_for_now(run.mission.owner_id)
        if not is_open(run, now):
            raise NotOpen
        said, _ = Feedback.objects.update_or_create(
            run=run, defaults={"word": word, "rpe": rpe, "said_at": now}
        )
    return said


def context_for(run: MissionRun, now: datetime, form: FeedbackForm | None = None) -> dict[str, Any]:
    """What the feedback part of a page prints."""
    if run.decision is None:
        return {}
    said = said_of(run)
    before = {"word": said.word, "rpe": said.rpe} if said else None
    asked = form or FeedbackForm(initial=before)
    return {
        "feedback": said,
        "feedback_form": asked if is_open(run, now) else None,
        "feedback_mark": marks.of_feedback(said),
    }
