from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import TimezoneField
from accounts.models import User
from missions import editing
from missions.fields import (
    DatesField,
    Numbers,
    PointsField,
    PriceTable,
    TargetsField,
    WeekField,
)
from missions.models import Mission, Stage

CHANGED_MEANWHILE = (
    "This mission was changed meanwhile, perhaps in another window. Nothing was saved. What you "
    "typed is below, with what is stored now beside it. Save again to keep yours."
)
CUSTOMS = (
    "No study settles these. The coach keeps them unless you set others; an empty one goes back "
    "to the usual. Always kept: nothing hard while readiness and form are both unknown or an "
    "injury is reported, and confidence goes down with everything that is missing. In the event "
    "at least three hard days in a row are allowed; under 18 you rest after five days at the "
    "latest."
)
DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class VersionField(forms.DateTimeField):
    """The `updated_at` that a change is made from: carried along, never itself a change."""

    widget = forms.HiddenInput

    def prepare_value(self, value: Any) -> Any:
        # As text: a datetime would be rendered without its microseconds.
        return value.isoformat() if isinstance(value, datetime) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class MissionForm(forms.ModelForm[Mission]):
    timezone = TimezoneField()
    weekday_minutes = WeekField()
    blackout_dates = DatesField()
    targets = TargetsField()
    points_schema = PointsField()
    updated_at = VersionField(required=False)

    class Meta:
        model = Mission
        fields = Mission.EDITABLE_FIELDS
        widgets = {
            "prep_start": DATE,
            "event_start": DATE,
            "event_end": DATE,
            "send_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "restrictions": forms.Textarea(attrs={"rows": 3}),
            "notes": forms.Textarea(attrs={"rows": 6}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Before what is typed is put into the instance.
        self.days_before = copy(self.instance)
        self.fields["mission_type"].choices = [("", "choose one"), *Mission.Type.choices]  # type: ignore[attr-defined]
        for name in (*Mission.CONVENTIONS, "wait_minutes"):
            self.fields[name].required = False
        # Stages are counted from the first day, and points hang on them once the event is on.
        if self.instance.state == Mission.State.EVENT_ACTIVE:
            for name in ("event_start", "points_schema"):
                self.fields[name].disabled = True
                self.fields[name].help_text = "It stays now that the event has begun."
        if not self.instance._state.adding:
            self.initial["updated_at"] = self.instance.updated_at

    def parts(self) -> list["Part"]:
        limits = [self[name] for name in Mission.LIMITS]
        conventions = [self[name] for name in Mission.CONVENTIONS]
        return [
            Part("Your limits", "Beyond any of them the coach gives no hard work.", limits),
            Part("Customs of coaching", CUSTOMS, conventions),
            Part("What you aim at", "", [self["targets"]]),
            Part("The points of the game", "", [self["points_schema"]]),
            Part("Notes", "", [self["notes"]]),
        ]

    def clean(self) -> dict[str, Any]:
        """A custom that is left empty is the usual one; so is how long the brief waits."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in (*Mission.CONVENTIONS, "wait_minutes"):
            if name in cleaned and cleaned[name] in (None, ""):
                cleaned[name] = getattr(Mission(), name)
        return cleaned

    def clean_points_schema(self) -> dict[str, Any]:
        """To name no bonuses and to name none is the same: what is stored stays."""
        typed: dict[str, Any] = self.cleaned_data["points_schema"]
        return typed if "points_schema" in self.changed_data else self.days_before.points_schema

    def save(self, commit: bool = True) -> Mission:
        self.keep(by=self.instance.owner)
        return self.instance

    def keep(
        self, *, by: User, typed: Mapping[date, tuple[str, bool]] | None = None
    ) -> editing.Change:
        """Write the mission, with the stages typed beside it; raises what editing.keep raises."""
        mission = super().save(commit=False)
        stages = editing.typed_plan(mission, self.days_before, typed) if typed else []
        expected = self.cleaned_data["updated_at"]
        return editing.keep(mission, timezone.now(), expected, by=by, stages=stages)

    def refuse(self, reason: editing.Locked | editing.Stale | editing.Misplanned) -> None:
        """Say why nothing was written, and keep what was typed."""
        if isinstance(reason, editing.Stale):
            self._show_what_changed(reason.current)
        else:
            field = getattr(reason, "field", "")
            self.add_error(field if field in self.fields else None, str(reason))

    def _show_what_changed(self, current: Mission) -> None:
        self.add_error(None, CHANGED_MEANWHILE)
        now_stored = MissionForm(instance=current)
        for name in Mission.EDITABLE_FIELDS:
            if name in self.cleaned_data and self.cleaned_data[name] != getattr(current, name):
                self.add_error(name, f"Now stored: {now_stored.words_for(name)}")
        # Whoever saves again has seen the other change.
        typed = {name: self.data[name] for name in self.data}
        self.data = typed | {"updated_at": current.updated_at.isoformat()}

    def words_for(self, name: str) -> str:
        """A stored value as the form shows it."""
        value, field = self[name].value(), self.fields[name]
        if isinstance(field.widget, Numbers | PriceTable):
            return field.widget.words(value)
        if isinstance(field, forms.BooleanField):
            return "yes" if value else "no"
        if isinstance(field, forms.ChoiceField):
            return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
        return str(field.widget.format_value(value) or "nothing")


@dataclass(frozen=True, slots=True)
class Part:
    """Fields that the page folds away until they are wanted, or one of them is wrong."""

    title: str
    words: str
    fields: list[forms.BoundField]

    @property
    def is_open(self) -> bool:
        return any(field.errors for field in self.fields)


class StageForm(forms.ModelForm[Stage]):
    class Meta:
        model = Stage
        fields = ("stage_type", "is_rest_day")
        labels = {"is_rest_day": "rest day"}


class BaseStageFormSet(forms.BaseModelFormSet[Stage, StageForm]):
    def clean(self) -> None:
        if any(form.instance.pk is None for form in self.initial_forms):
            raise forms.ValidationError(
                "The days of the event were changed meanwhile. The stages below are those of now: "
                "choose again, then save."
            )

    def typed(self) -> dict[date, tuple[str, bool]]:
        """What was chosen for each open day, by its date when the page was opened."""
        return {
            form.instance.date: (form.cleaned_data["stage_type"], form.cleaned_data["is_rest_day"])
            for form in self.initial_forms
            if not hasattr(form.instance, "progress")
        }

    def overtaken(self) -> list[int]:
        """The numbers of the stages that were changed here, and settled meanwhile."""
        return [
            form.instance.number
            for form in self.initial_forms
            if hasattr(form.instance, "progress") and form.has_changed()
        ]


StageFormSet = forms.modelformset_factory(
    Stage, form=StageForm, formset=BaseStageFormSet, extra=0, edit_only=True
)
