"""The days as JSON: per local day one reading of each metric, whichever source it comes from."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.problems import errors
from accounts.sessions import signed_in
from connections import days

MOST_DAYS = 92
USUAL_DAYS = 28
EARLIEST = date(2000, 1, 1)
# `from` is no name for an argument of ours.
FROM, TO = "from", "to"
RANGE = [
    OpenApiParameter(FROM, date, description=f"Else {USUAL_DAYS} days up to `to`."),
    OpenApiParameter(TO, date, description=f"Else today. At most {MOST_DAYS} days at once."),
]


class ReadingSerializer(serializers.Serializer[days.Reading]):
    value = serializers.FloatField()
    unit = serializers.CharField()
    kind = serializers.SerializerMethodField(help_text="Of an HRV: kinds are never compared.")
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="Several joined by `+` where a day's rides come from several."
    )
    measured_at = serializers.DateTimeField(allow_null=True)
    age_h = serializers.FloatField(allow_null=True)

    def get_kind(self, reading: days.Reading) -> str | None:
        return reading.kind or None


class DaySerializer(serializers.Serializer[days.Day]):
    local_date = serializers.DateField()

    def get_fields(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            metric: ReadingSerializer(source=f"readings.{metric}", allow_null=True)
            for metric in days.METRICS
        }
        return {**super().get_fields(), **told}


class DaysSerializer(serializers.Serializer[Any]):
    days = DaySerializer(many=True)


class RangeSerializer(serializers.Serializer[Any]):
    """Which days are asked for; in the tester's own calendar."""

    def get_fields(self) -> dict[str, Any]:
        return {
            FROM: serializers.DateField(required=False),
            TO: serializers.DateField(required=False),
        }

    def validate(self, asked: dict[str, date]) -> dict[str, date]:
        last = asked.get(TO, self.context["today"])
        if last < EARLIEST:
            raise serializers.ValidationError({TO: f"Ask for days from {EARLIEST} on."})
        first = asked.get(FROM, max(EARLIEST, last - timedelta(days=USUAL_DAYS - 1)))
        if first < EARLIEST:
            raise serializers.ValidationError({FROM: f"Ask for days from {EARLIEST} on."})
        if first > last:
            raise serializers.ValidationError({FROM: f"It is after {last}, the last day."})
        if (last - first).days >= MOST_DAYS:
            raise serializers.ValidationError({FROM: f"Ask for {MOST_DAYS} days at most."})
        return {FROM: first, TO: last}


class Days(APIView):
    @extend_schema(
        summary="What is known of each day",
        description="One reading for each metric of a day: of several sources the one that counts. "
        "What nobody told of is null.",
        parameters=RANGE,
        responses={200: DaysSerializer, **errors(400, 401)},
    )
    def get(self, request: Request) -> Response:
        user, now = signed_in(request), timezone.now()
        sent = {
            name: request.query_params[name] for name in (FROM, TO) if name in request.query_params
        }
        asked = RangeSerializer(data=sent, context={"today": user.local_date(now)})
        asked.is_valid(raise_exception=True)
        told = days.days_between(user, asked.validated_data[FROM], asked.validated_data[TO], now)
        return Response(DaysSerializer({"days": told}).data)
