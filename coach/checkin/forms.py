from typing import Any

from django import forms

from coach.checkin.check_in import NOTHING_SAID
from coach.models import CheckIn

NOT_SAID = ("", "not said")
LONGEST_NOTE = 500
LONGEST_DAY = 720


def _capitalised(choices: Any) -> list[tuple[Any, str]]:
    return [(value, str(label).capitalize()) for value, label in choices]


class CheckInForm(forms.Form):
    """The morning's answers; each may be left out, and is unknown then."""

    feel = forms.TypedChoiceField(
        label="I feel",
        choices=_capitalised(CheckIn.Feel.choices),
        widget=forms.RadioSelect,
        coerce=int,
        empty_value=None,
        required=False,
    )
    minutes_today = forms.IntegerField(
        label="Minutes to ride today",
        min_value=0,
        max_value=LONGEST_DAY,
        required=False,
        help_text="0 if there is no time. Empty: as in your mission.",
    )
    soreness = forms.TypedChoiceField(
        label="Soreness",
        choices=[NOT_SAID, *CheckIn.Soreness.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
    illness = forms.ChoiceField(
        label="Illness", choices=[NOT_SAID, *CheckIn.Illness.choices], required=False
    )
    injury_place = forms.ChoiceField(
        label="Where it hurts", choices=[NOT_SAID, *CheckIn.InjuryPlace.choices], required=False
    )
    injury_pain = forms.IntegerField(
        label="How much, 1 to 10", min_value=1, max_value=10, required=False
    )
    red_flags = forms.MultipleChoiceField(
        label="Any of these",
        choices=_capitalised(CheckIn.RedFlag.choices),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    note = forms.CharField(
        label="A note for the coach",
        max_length=LONGEST_NOTE,
        required=False,
        help_text="Such as: bad night, travelling until noon.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        # A note on two lines would look like two notes where they are told line by line.
        cleaned["note"] = " ".join(cleaned.get("note", "").split())
        if not self.errors and cleaned == NOTHING_SAID:
            raise forms.ValidationError("Say one thing at least, then press the button.")
        return cleaned

    @property
    def is_blank(self) -> bool:
        """Nothing was said yet: it looks the same to everybody."""
        return not self.is_bound and self.initial == NOTHING_SAID

    @property
    def is_more_said(self) -> bool:
        """Whether anything stands in the folded part, or is wrong there."""
        folded = [name for name in NOTHING_SAID if name != "feel"]
        return any(self[name].value() not in (None, "", []) or self[name].errors for name in folded)
