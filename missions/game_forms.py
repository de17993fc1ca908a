from django import forms

from missions import appeals
from missions.models import EventProgress, Mission, RideMode
from missions.points import points_for

CHOOSE = "Choose how it was ridden."
WHY = "Such as: I was alone at the front for two hours, and my power meter was off."


class AppealForm(forms.Form):
    """How a stage was ridden in the eyes of its rider; what it counts as now is no choice."""

    ride_mode = forms.ChoiceField(
        label="It was ridden",
        widget=forms.RadioSelect,
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )
    reason = forms.CharField(
        label="Why",
        min_length=appeals.LEAST_REASON,
        max_length=appeals.MOST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Say why, in a few words.",
            "min_length": "Say it in a few more words.",
        },
        help_text=WHY,
    )

    def __init__(self, mission: Mission, row: EventProgress, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.fields["ride_mode"].choices = [  # type: ignore[attr-defined]
            (mode.value, _in_words(mission, row, mode))
            for mode in appeals.RIDDEN_MODES
            if mode != row.ride_mode
        ]


def _in_words(mission: Mission, row: EventProgress, mode: RideMode) -> str:
    points = points_for(mission.points_schema, row.stage.stage_type, mode) or 0
    as_classified = ", as its ride was classified" if mode == row.classified_as else ""
    return f"{mode.label}: {points} point{'' if points == 1 else 's'}{as_classified}"
