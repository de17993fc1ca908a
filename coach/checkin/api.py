"""Today's check-in as JSON."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import privacy, throttle
from accounts.models import User
from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from coach import again
from coach.api import RETRY_AFTER
from coach.checkin import check_in
from coach.checkin.check_in import NOTHING_SAID, Outcome
from coach.checkin.forms import LONGEST_DAY, LONGEST_NOTE
from coach.models import CheckIn
from missions.models import Mission

LEFT_OUT: dict[str, Any] = {"required": False, "allow_null": True}


class AnswersSerializer(serializers.Serializer[Any]):
    """What a tester says of this morning; what is null or left out was not said."""

    feel = serializers.IntegerField(
        **LEFT_OUT, min_value=1, max_value=5, help_text="1 awful, 5 great."
    )
    soreness = serializers.IntegerField(
        **LEFT_OUT, min_value=0, max_value=2, help_text="0 none, 1 some, 2 much."
    )
    illness = serializers.ChoiceField(CheckIn.Illness.choices, **LEFT_OUT)
    injury_place = serializers.ChoiceField(CheckIn.InjuryPlace.choices, **LEFT_OUT)
    injury_pain = serializers.IntegerField(
        **LEFT_OUT, min_value=1, max_value=10, help_text="Only with `injury_place`."
    )
    red_flags = serializers.ListField(
        child=serializers.ChoiceField(CheckIn.RedFlag.choices),
        required=False,
        max_length=CheckIn.MOST_RED_FLAGS,
    )
    minutes_today = serializers.IntegerField(
        **LEFT_OUT, min_value=0, max_value=LONGEST_DAY, help_text="0: no time to ride."
    )
    note = serializers.CharField(**LEFT_OUT, max_length=LONGEST_NOTE, allow_blank=True)

    def as_answers(self) -> dict[str, Any]:
        """All of them, as they are kept: what was left out is taken back."""
        given = {k: v for k, v in self.validated_data.items() if v is not None}
        note = " ".join(given.get("note", "").split())
        return {**NOTHING_SAID, **given, "note": note}


class CheckInSerializer(AnswersSerializer):
    local_date = serializers.DateField(help_text="The morning it is of.")
    said_by = serializers.ChoiceField(
        CheckIn.Source.choices, allow_null=True, help_text="Where it was said last."
    )
    said_at = serializers.DateTimeField(allow_null=True, help_text="Null: nothing was said yet.")


class CheckInToldSerializer(serializers.Serializer[Any]):
    check_in = CheckInSerializer()
    outcome = serializers.ChoiceField(
        [one.value for one in Outcome],
        help_text=(
            "`asked`: the coach thinks again; `waits`: the morning's run will use it; "
            "`unchanged`: it was said already; `stays`: today's brief stays as it is; "
            "`not_live`: no mission is coached today."
        ),
    )
    detail = serializers.CharField(help_text="The same in words, for people.")
    run = serializers.UUIDField(allow_null=True, help_text="The run that is asked for again.")


class CheckIns(APIView):
    @extend_schema(
        summary="What was said this morning",
        responses={200: CheckInSerializer, **errors(401)},
    )
    def get(self, request: Request) -> Response:
        user, now = signed_in(request), timezone.now()
        mission = check_in.live_mission(user, now)
        return Response(_shown(user, mission))

    @extend_schema(
        summary="Say how this morning is",
        description=(
            "All of it: what is null or left out is taken back. Where today's brief was made "
            "without it, the coach is asked again, at most four times a day in all."
        ),
        request=AnswersSerializer,
        responses={200: CheckInToldSerializer, **errors(400, 401, 403, 409, 413, 415, 429, 503)},
        parameters=[RETRY_AFTER],
    )
    def put(self, request: Request) -> Response:
        user, now = signed_in(request), timezone.now()
        throttle.hit("run", request, str(user.pk))
        given = AnswersSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        mission = check_in.live_mission(user, now)
        try:
            told = check_in.say(user, mission, given.as_answers(), CheckIn.Source.API, now)
        except privacy.NotAllowed as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        except again.NotNow as refusal:
            raise Refusal(status.HTTP_503_SERVICE_UNAVAILABLE, str(refusal)) from refusal
        return Response(
            {
                "check_in": _shown(user, mission),
                "outcome": told.outcome.value,
                "detail": told.words,
                "run": str(told.run.pk) if told.run else None,
            }
        )


def _shown(user: User, mission: Mission | None) -> dict[str, Any]:
    local_date = check_in.day_of(user, mission, timezone.now())
    row = CheckIn.objects.filter(user=user).on(local_date)
    answers = check_in.answers_of(row)
    return {
        **{name: None if value == "" else value for name, value in answers.items()},
        "local_date": local_date.isoformat(),
        "said_by": row.source if row else None,
        "said_at": row.said_at if row else None,
    }
