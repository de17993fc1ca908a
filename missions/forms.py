import json
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import TimezoneField
from missions import editing
from missions.models import Mission, Stage

CHANGED_MEANWHILE = (
    "This mission was changed meanwhile, perhaps in another window. Nothing was saved. What you "
    "typed is below, with what is stored now beside it. Save again to keep yours."
)
DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class PlainDecoder(json.JSONDecoder):
    """Says of absurd depth and of numbers without end what it says of any text that is no JSON."""

    def decode(self, text: str, *_: Any) -> Any:
        try:
            return super().decode(text)
        except (RecursionError, ValueError) as error:
            raise json.JSONDecodeError("too deep or too long", text, 0) from error


class PointsSchemaField(forms.JSONField):
    """JSON as a person edits it: one stage type a line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(decoder=PlainDecoder, **options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            lines = ",\n".join(
                f"  {json.dumps(kind)}: {json.dumps(prices)}" for kind, prices in value.items()
            )
            return f"{{\n{lines}\n}}"
        return super().prepare_value(value)


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
    points_schema = PointsSchemaField(
        label="Points",
        error_messages={
            "invalid": "This cannot be read any more. Check the brackets and commas, or reload the "
            "page to start over."
        },
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="What each kind of stage earns, ridden for the overall (gc) or in the breakaway.",
    )
    updated_at = VersionField(required=False)

    class Meta:
        model = Mission
        fields = Mission.EDITABLE_FIELDS
        widgets = {
            "event_start": DATE,
            "event_end": DATE,
            "send_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["mission_type"].choices = [("", "choose one"), *Mission.Type.choices]  # type: ignore[attr-defined]
        # Stages are counted from the first day, and points hang on them once the event is on.
        self.fields["event_start"].disabled = self.instance.state == Mission.State.EVENT_ACTIVE
        if not self.instance._state.adding:
            self.initial["updated_at"] = self.instance.updated_at

    def save(self, commit: bool = True) -> Mission:
        """Raises what editing.keep raises; nothing is written then."""
        mission = super().save(commit=False)
        editing.keep(mission, timezone.now(), expected=self.cleaned_data["updated_at"])
        return mission

    def refuse(self, reason: editing.Locked | editing.Stale) -> None:
        """Say why nothing was written, and keep what was typed."""
        if isinstance(reason, editing.Locked):
            self.add_error(reason.field or None, str(reason))
        else:
            self._show_what_changed(reason.current)

    def _show_what_changed(self, current: Mission) -> None:
        self.add_error(None, CHANGED_MEANWHILE)
        now_stored = MissionForm(instance=current)
        for name in Mission.EDITABLE_FIELDS:
            if self.cleaned_data.get(name) != getattr(current, name):
                self.add_error(name, f"Now stored: {now_stored.words_for(name)}")
        # Whoever saves again has seen the other change.
        typed = {name: self.data[name] for name in self.data}
        self.data = typed | {"updated_at": current.updated_at.isoformat()}

    def words_for(self, name: str) -> str:
        """A stored value as the form shows it."""
        value, field = self[name].value(), self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
        return str(field.widget.format_value(value))


class StageForm(forms.ModelForm[Stage]):
    class Meta:
        model = Stage
        fields = ("stage_type", "is_rest_day")
        labels = {"is_rest_day": "rest day"}


class BaseStageFormSet(forms.BaseModelFormSet[Stage, StageForm]):
    def clean(self) -> None:
        if any(form.instance.pk is None for form in self.initial_forms):
            raise forms.ValidationError("The stages have changed since you opened the page.")


StageFormSet = forms.modelformset_factory(
    Stage, form=StageForm, formset=BaseStageFormSet, extra=0, edit_only=True
)
