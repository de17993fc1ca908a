"""The survey as a form: it reads what was typed; what is right is for `survey` to say."""

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django import forms

from accounts.forms import TimezoneField
from coach.builder.answers import Answers, Change
from missions.fields import DatesField, WeekField

DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
WRONG_DATE = {"invalid": "Write the date as year-month-day, such as 2026-08-15."}
KINDS = [
    ("road_stage_race", "Road stage race"),
    ("gravel_ultra", "Gravel or ultra distance"),
    ("tt_series", "Series of time trials"),
    ("gran_fondo", "Gran fondo"),
    ("century", "Century"),
    ("indoor_tour", "Indoor tour"),
    ("other", "Something else"),
]
STYLES = [
    ("gc", "For the classification: every stage counts, nothing is thrown away"),
    ("breakaway", "For the breakaways: some days all out, others easy"),
    ("steady", "Steady: to the finish, in one piece"),
]
DETAILS = [("full", "Everything, with the numbers"), ("short", "Only what to do, and why")]
MAILED = [("yes", "By e-mail, and on Home"), ("no", "Only on Home")]
NOT_A_CHOICE = {"invalid_choice": "Choose one of these."}
UNSEEN = {"null_characters_not_allowed": "Leave out characters that cannot be seen."}


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the survey, on a phone one screen."""

    slug: str
    title: str
    fields: tuple[str, ...]
    hint: str = ""


STEPS = (
    Step("name", "What are you riding for?", ("event_name",)),
    Step("days", "When is it?", ("event_start", "event_end")),
    Step("kind", "What kind of event is it?", ("mission_type",)),
    Step("style", "How do you want to ride it?", ("event_style",)),
    Step(
        "hours",
        "How many hours a week can you ride?",
        ("weekly_hours_min", "weekly_hours_max"),
        "In a bad week and in a good one.",
    ),
    Step(
        "week",
        "How long on each day?",
        ("weekday_minutes",),
        "The longest ride you have time for, in minutes. Empty or 0 for no time.",
    ),
    Step("days-off", "Any days without riding?", ("blackout_dates",)),
    Step(
        "ftp",
        "What is your FTP?",
        ("ftp_w", "is_ftp_unknown"),
        "The power you can hold for about an hour, in watts.",
    ),
    Step(
        "restrictions",
        "What must the coach respect?",
        ("restrictions",),
        "Injuries, what a clinician told you, hours at which you cannot ride.",
    ),
    Step(
        "mornings",
        "How do you want your brief?",
        ("timezone", "send_time", "brief_detail", "is_brief_mailed"),
    ),
)
SHOWN = tuple(name for step in STEPS for name in step.fields)
ANSWERS = tuple(name for name in SHOWN if name != "is_ftp_unknown")
MAY_BE_EMPTY = ("restrictions", "blackout_dates")


class GenerousWeekField(WeekField):
    """A day left empty beside others that are not is a day without time."""

    def to_python(self, value: Any) -> list[Any]:
        minutes = super().to_python(value)
        return [0 if str(one).strip() == "" or one is None else one for one in minutes]


class SurveyForm(forms.Form):
    """Every field may be left empty here: a survey is kept as it goes."""

    use_required_attribute = False

    draft_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    # The answers this page was made with: what differs from them is what its reader changed.
    was = forms.CharField(required=False, widget=forms.HiddenInput)

    event_name = forms.CharField(
        label="Name of the event",
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 80, "autocomplete": "off"}),
        error_messages=UNSEEN,
    )
    event_start = forms.DateField(
        label="First day", required=False, widget=DATE, error_messages=WRONG_DATE
    )
    event_end = forms.DateField(
        label="Last day",
        required=False,
        widget=DATE,
        error_messages=WRONG_DATE,
        help_text="Empty when it is one day.",
    )
    mission_type = forms.ChoiceField(
        label="Kind of event",
        choices=KINDS,
        required=False,
        widget=forms.RadioSelect,
        error_messages=NOT_A_CHOICE,
    )
    event_style = forms.ChoiceField(
        label="How you ride it",
        choices=STYLES,
        required=False,
        widget=forms.RadioSelect,
        error_messages=NOT_A_CHOICE,
    )
    weekly_hours_min = forms.FloatField(
        label="At least (h)",
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "min": 0, "inputmode": "decimal"}),
    )
    weekly_hours_max = forms.FloatField(
        label="At most (h)",
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "min": 1, "inputmode": "decimal"}),
    )
    weekday_minutes = GenerousWeekField(required=False, help_text="")
    blackout_dates = DatesField(
        label="Dates", help_text="One a line or between commas, such as 2026-08-15."
    )
    ftp_w = forms.IntegerField(
        label="FTP (W)",
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    is_ftp_unknown = forms.BooleanField(label="I do not know it", required=False)
    restrictions = forms.CharField(
        label="Injuries and other restrictions",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": 1_000}),
        error_messages=UNSEEN,
    )
    timezone = TimezoneField(required=False, help_text="")
    send_time = forms.TimeField(
        label="Brief at",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "Write the time as hours and minutes, such as 06:00."},
    )
    brief_detail = forms.ChoiceField(
        label="It tells",
        choices=DETAILS,
        required=False,
        widget=forms.RadioSelect,
        error_messages=NOT_A_CHOICE,
    )
    is_brief_mailed = forms.ChoiceField(
        label="It comes",
        choices=MAILED,
        required=False,
        widget=forms.RadioSelect,
        error_messages=NOT_A_CHOICE,
    )

    @classmethod
    def showing(cls, answers: Answers, draft_id: Any) -> "SurveyForm":
        return cls(initial={**_as_typed(answers), "was": json.dumps(answers), "draft_id": draft_id})

    def clean(self) -> dict[str, Any]:
        # The number may be the one the page came with.
        if self.cleaned_data.get("is_ftp_unknown"):
            self.errors.pop("ftp_w", None)
            self.cleaned_data["ftp_w"] = None
        return self.cleaned_data

    def change(self, *, from_nothing: bool = False) -> Change:
        """What its reader changed; an answer that cannot be read is no change.

        `from_nothing`: nothing is stored of what the page was made of, so all of it is new.
        """
        typed = self.answers()
        was = self._was()
        old = [] if from_nothing else was.items()
        given = {k: v for k, v in typed.items() if k not in self.errors and (k, v) not in old}
        unread = {*self.errors, *({"event_end"} if "event_start" in self.errors else ())}
        return Change(given, frozenset(was.keys() - typed.keys() - unread))

    def note_kept(self, change: Change, problems: Mapping[str, str]) -> None:
        """From here on what is stored of this page is what its reader changes."""
        sent: Any = copy(self.data)  # of a QueryDict, one that can be written
        sent["was"] = json.dumps(change.applied_to(self._was(), but=problems))
        self.data = sent

    def problems(self) -> dict[str, str]:
        """What could not be read, by field."""
        return {name: str(self.errors[name][0]) for name in SHOWN if name in self.errors}

    def tell(self, problems: Mapping[str, str]) -> None:
        for name, words in problems.items():
            if name not in self.errors:
                self.add_error(name if name in self.fields else None, words)

    def questions(self, here: Step) -> list[dict[str, Any]]:
        """The steps as the page shows them, each with its fields."""
        return [
            {
                "step": step,
                "is_here": step is here,
                "is_alone": len(step.fields) == 1,
                "fields": [self[name] for name in step.fields],
            }
            for step in STEPS
        ]

    def answers(self) -> Answers:
        """What was typed, as a survey stores it; what was left empty is not there."""
        typed = {name: _stored(one) for name, one in self.cleaned_data.items()}
        typed["event_end"] = typed.get("event_end") or typed.get("event_start")
        answers = {name: typed[name] for name in ANSWERS if typed.get(name) not in (None, "", [])}
        answers |= {name: typed[name] for name in MAY_BE_EMPTY if name in typed}
        if typed.get("is_ftp_unknown"):
            answers["ftp_w"] = None
        if "is_brief_mailed" in answers:
            answers["is_brief_mailed"] = typed["is_brief_mailed"] == "yes"
        return answers

    def _was(self) -> Answers:
        try:
            was = json.loads(self.cleaned_data.get("was", ""))
        except (ValueError, RecursionError):
            return {}
        return {k: v for k, v in was.items() if k in ANSWERS} if isinstance(was, dict) else {}


def _stored(typed: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(typed, time):
        return f"{typed:%H:%M}"
    return typed.isoformat() if isinstance(typed, date) else typed


def _as_typed(answers: Answers) -> dict[str, Any]:
    """Stored answers as the form shows them."""
    shown = {name: _as_a_person_writes(one) for name, one in answers.items()}
    if answers.get("event_end") == answers.get("event_start"):
        shown.pop("event_end", None)
    if "ftp_w" in answers:
        shown["is_ftp_unknown"] = answers["ftp_w"] is None
    if "is_brief_mailed" in answers:
        shown["is_brief_mailed"] = "yes" if answers["is_brief_mailed"] else "no"
    return shown


def _as_a_person_writes(answer: Any) -> Any:
    """9, not 9.0."""
    return int(answer) if isinstance(answer, float) and answer.is_integer() else answer
