"""A mission as the API reads and writes it."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from missions.changes import Day
from missions.models import Mission, Stage

# What a tester does not write is not judged here: so does the form of the page.
NOT_EDITABLE = {field.name for field in Mission._meta.fields} - {*Mission.EDITABLE_FIELDS}


class StageSerializer(serializers.ModelSerializer[Stage]):
    class Meta:
        model = Stage
        fields = ("number", "date", "stage_type", "is_rest_day")
        read_only_fields = ("number",)


class MissionSerializer(serializers.ModelSerializer[Mission]):
    """Reads a mission, or writes what a tester says onto the one it is given."""

    stages = StageSerializer(  # type: ignore[call-arg]  # of the list, which `many` makes
        many=True,
        required=False,
        max_length=Mission.MOST_DAYS,
        help_text="Days of the event that get another kind; the others stay as they are.",
    )
    points_schema = serializers.DictField(
        required=False, help_text="Points by stage type and ride mode, and `bonuses`."
    )
    points_total = serializers.SerializerMethodField()

    class Meta:
        model = Mission
        fields = (
            "id",
            "state",
            *Mission.EDITABLE_FIELDS,
            "stages",
            "points_total",
            "next_run_at",
            "created_at",
            "updated_at",
        )
        extra_kwargs = {"timezone": {"required": False, "help_text": "First your own."}}

    def get_points_total(self, mission: Mission) -> int:
        of_stages = sum(row.points for row in mission.progress.all())
        return of_stages + sum(award.points for award in mission.awards.all())

    def validate_stages(self, stages: list[dict[str, Any]]) -> list[Day]:
        # Also where only some fields of the mission are sent, a day is sent whole.
        if not all({"date", "stage_type"} <= one.keys() for one in stages):
            raise ValidationError("Give date and stage_type of each day.")
        days = [
            Day(one["date"], one["stage_type"], one.get("is_rest_day", False)) for one in stages
        ]
        if len({day.date for day in days}) < len(days):
            raise ValidationError("A day stands in the list twice.")
        return days

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            for name, value in attrs.items():
                if name != "stages":
                    setattr(self.instance, name, value)
            self.instance.full_clean(exclude=NOT_EDITABLE)
        return attrs


class PreviewSerializer(serializers.Serializer[Any]):
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="Sentences; none when no day or morning changes."
    )
    mission = MissionSerializer(help_text="As it would be.")


class TransitionSerializer(serializers.Serializer[Any]):
    to = serializers.ChoiceField(choices=Mission.State.choices)
    reason = serializers.CharField(
        required=False, max_length=300, help_text="Why; an operator's move needs it."
    )
