"""Runs as JSON: the same numbers and words the run page shows; never what the model was asked."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from coach import again, brief, budget, mornings, receipts, referral, stored_situations, waiting
from coach.daily_run import NotLive
from coach.models import Incident, MissionRun
from coach.replies import Decision
from coach.situation import Situation
from missions.api import LOCATION, own_mission

RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    int,
    OpenApiParameter.HEADER,
    response=[429],
    description="Seconds until the next attempt.",
)
OF_A_RUN = (
    "id",
    "mission",
    "local_date",
    "trigger",
    "outcome",
    "summary",
    "opened_at",
    "waits_for",
    "waits_until",
    "finished_at",
)


class OfARun(serializers.ModelSerializer[MissionRun]):
    """What each run tells, also one that is not to begin yet."""

    waits_for = serializers.SerializerMethodField(
        help_text="`night`, where last night is not in yet; `retry`, where it could not be made."
    )
    waits_until = serializers.SerializerMethodField(
        help_text="For the night the latest time; for a retry, when that is."
    )

    @extend_schema_field(serializers.ChoiceField(["night", "retry"], allow_null=True))
    def get_waits_for(self, run: MissionRun) -> str | None:
        waits = waiting.of(run, timezone.now())
        return waits.what if waits else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_waits_until(self, run: MissionRun) -> datetime | None:
        waits = waiting.of(run, timezone.now())
        return waits.until if waits else None


class RunSerializer(OfARun):
    class Meta:
        model = MissionRun
        fields = OF_A_RUN


class NumberSerializer(serializers.Serializer[Any]):
    """A number the coach was given, as a person reads it."""

    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField(help_text="With its unit, or `unknown`.")
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="Empty where there is none."
    )
    age = serializers.CharField(help_text="How old it was when the coach was asked.")


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    class Meta:
        model = Incident
        fields = ("kind", "detail", "opened_at", "resolved_at")


class RunInFullSerializer(OfARun):
    decision = serializers.SerializerMethodField()
    numbers = serializers.SerializerMethodField(
        help_text="Every number that went in, known or not."
    )
    missing = serializers.SerializerMethodField(help_text="What was not known, in words.")
    referral = serializers.SerializerMethodField(
        help_text="The fixed sentence that sends to a doctor, where a red flag was reported: it "
        "stands above the decision, and where there is none."
    )
    incidents = IncidentSerializer(many=True, read_only=True)

    class Meta:
        model = MissionRun
        fields = (*OF_A_RUN, "decision", "numbers", "missing", "referral", "incidents")

    @extend_schema_field(Decision)  # type: ignore[arg-type]
    def get_decision(self, run: MissionRun) -> Any:
        return run.decision

    @extend_schema_field(NumberSerializer(many=True))
    def get_numbers(self, run: MissionRun) -> list[dict[str, str]]:
        situation = _situation_of(run)
        return [asdict(number) for number in brief.numbers_in(situation)] if situation else []

    def get_missing(self, run: MissionRun) -> list[str]:
        situation = _situation_of(run)
        return brief.missing_in(situation) if situation else []

    def get_referral(self, run: MissionRun) -> str | None:
        return referral.SENTENCE if run.is_finished and referral.is_due(run) else None


class AskedForSerializer(serializers.Serializer[Any]):
    run = RunSerializer()


class Runs(generics.ListAPIView[MissionRun]):
    queryset = MissionRun.objects.all()
    serializer_class = RunSerializer

    def get_queryset(self) -> QuerySet[MissionRun]:
        mission = own_mission(self.request, self.kwargs["pk"])
        return mission.runs.defer("situation", "decision")

    @extend_schema(
        summary="The runs of a mission, newest first",
        responses={200: RunSerializer(many=True), **errors(401, 404)},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return self.list(request)

    @extend_schema(
        summary="Ask for today's brief",
        description="There is one run a day: a second wish is answered with the first one's run.",
        request=None,
        responses={202: AskedForSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
        parameters=[LOCATION, RETRY_AFTER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        throttle.hit("run", request, str(signed_in(request).pk))
        try:
            run = mornings.ask_for_today(own_mission(request, pk), timezone.now())
        except NotLive as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        except budget.UsedUp as refusal:
            raise used_up(refusal) from refusal
        except again.NotNow as refusal:
            raise Refusal(status.HTTP_503_SERVICE_UNAVAILABLE, str(refusal)) from refusal
        run.refresh_from_db()
        return Response(
            AskedForSerializer({"run": run}).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("api-run", args=[run.pk])},
        )


class RunView(APIView):
    @extend_schema(
        summary="One run: what was decided, and on what",
        responses={200: RunInFullSerializer, **errors(401, 404)},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        runs = MissionRun.objects.owned_by(signed_in(request)).prefetch_related("incidents")
        return Response(RunInFullSerializer(get_object_or_404(runs, pk=pk)).data)


class ReceiptView(APIView):
    @extend_schema(
        summary="The receipt of a run: what went in, what was asked, what came out",
        description="Complete once the run is finished. Texts of prompts are there as hashes.",
        responses={200: receipts.Receipt, **errors(401, 404)},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        runs = MissionRun.objects.owned_by(signed_in(request))
        return Response(receipts.of(get_object_or_404(runs, pk=pk)).model_dump(mode="json"))


def used_up(error: budget.UsedUp) -> Refusal:
    """429, as for any other allowance: Retry-After leads to the first of the next month."""
    return Refusal(status.HTTP_429_TOO_MANY_REQUESTS, str(error), wait_s=error.wait_s)


def _situation_of(run: MissionRun) -> Situation | None:
    return stored_situations.read(run.situation) if run.situation else None
