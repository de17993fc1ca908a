"""Missions as JSON; what may be changed, and when, is told by the model and by missions.editing."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import (
    ParseError,
    PermissionDenied,
    ValidationError,
)
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from missions import editing, lifecycle, progress
from missions.models import Mission, RideMode, Stage, StageType

# Made by the date alone, for everybody alike.
BY_THE_CALENDAR = (Mission.State.EVENT_ACTIVE, Mission.State.MISSION_COMPLETE)
CHANGED_MEANWHILE = "The mission was changed meanwhile. Fetch it again, then make your change."
# What a tester does not write is not judged here: so does the form of the page.
NOT_EDITABLE = {field.name for field in Mission._meta.fields} - {*Mission.EDITABLE_FIELDS}

ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201, 304],
    description="This version of the mission, for `If-Match` and `If-None-Match`.",
)
LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[201, 202], description="Where to find it."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the version this is about, or `*`; 412 when there is a newer one.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="ETags that are known; 304 when one of them still holds.",
)


class FieldLocked(ValidationError):
    """A conflict that is one field's."""

    status_code = status.HTTP_409_CONFLICT


class StageSerializer(serializers.ModelSerializer[Stage]):
    class Meta:
        model = Stage
        fields = ("number", "date", "stage_type", "is_rest_day")


class MissionSerializer(serializers.ModelSerializer[Mission]):
    """Reads a mission, or writes what a tester says onto the one it is given."""

    stages = StageSerializer(many=True, read_only=True)
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
        return sum(row.points for row in mission.progress.all())

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            for name, value in attrs.items():
                setattr(self.instance, name, value)
            self.instance.full_clean(exclude=NOT_EDITABLE)
        return attrs


class TransitionSerializer(serializers.Serializer[Any]):
    to = serializers.ChoiceField(choices=Mission.State.choices)


class SettledStageSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    stage_type = serializers.ChoiceField(choices=StageType.choices)
    ride_mode = serializers.ChoiceField(choices=RideMode.choices)
    points = serializers.IntegerField()
    is_completed = serializers.BooleanField(help_text="False: missed, worth nothing.")


class ProgressSerializer(serializers.Serializer[Any]):
    points_total = serializers.IntegerField()
    stages_total = serializers.IntegerField()
    stages = SettledStageSerializer(many=True, help_text="Those that are settled.")


class Missions(generics.ListAPIView[Mission]):
    queryset = Mission.objects.all()
    serializer_class = MissionSerializer

    def get_queryset(self) -> QuerySet[Mission]:
        return in_full(self.request)

    @extend_schema(
        summary="Your missions, newest first",
        responses={200: MissionSerializer(many=True), **errors(401, 404)},
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        summary="Make a mission",
        request=MissionSerializer,
        responses={201: MissionSerializer, **errors(400, 401, 403, 413, 415)},
        parameters=[ETAG, LOCATION],
    )
    def post(self, request: Request) -> Response:
        owner = signed_in(request)
        mission = Mission(owner=owner, timezone=owner.timezone, send_time=owner.send_time)
        _write(mission, request, timezone.now())
        answer = _answer(request, mission.pk, status.HTTP_201_CREATED)
        answer["Location"] = reverse("api-mission", args=[mission.pk])
        return answer


class MissionView(APIView):
    @extend_schema(
        summary="One mission",
        responses={
            200: MissionSerializer,
            304: OpenApiResponse(description="It is as you know it."),
            **errors(401, 404),
        },
        parameters=[ETAG, IF_NONE_MATCH],
    )
    def get(self, request: Request, pk: UUID) -> Response:
        own_mission(request, pk)
        answer = _answer(request, pk)
        if answer["ETag"] in _known_versions(request):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": answer["ETag"]})
        return answer

    @extend_schema(
        summary="Change a mission",
        request=MissionSerializer(partial=True),
        responses={200: MissionSerializer, **errors(400, 401, 403, 404, 409, 412, 413, 415)},
        parameters=[ETAG, IF_MATCH],
    )
    @transaction.atomic
    def patch(self, request: Request, pk: UUID) -> Response:
        mission = own_mission(request, pk, hold=True)
        _require_match(request, pk)
        _write(mission, request, timezone.now(), partial=True)
        return _answer(request, pk)

    @extend_schema(
        summary="Delete a mission, its runs and its mornings",
        responses={204: None, **errors(400, 401, 403, 404, 412)},
        parameters=[IF_MATCH],
    )
    @transaction.atomic
    def delete(self, request: Request, pk: UUID) -> Response:
        mission = own_mission(request, pk, hold=True)
        _require_match(request, pk)
        editing.remove(mission)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MissionTransition(APIView):
    @extend_schema(
        summary="Move a mission to its next state",
        request=TransitionSerializer,
        responses={200: MissionSerializer, **errors(400, 401, 403, 404, 409, 413, 415)},
        parameters=[ETAG],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        mission = own_mission(request, pk)
        asked = TransitionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        to = Mission.State(asked.validated_data["to"])
        if to in BY_THE_CALENDAR:
            raise PermissionDenied("The calendar makes this move, on the dates of the event.")
        try:
            lifecycle.advance(mission, to=to, now=timezone.now())
        except lifecycle.IllegalTransition as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        return _answer(request, pk)


class MissionProgress(APIView):
    @extend_schema(
        summary="The standing of the game",
        responses={200: ProgressSerializer, **errors(401, 404)},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        standing = progress.standing(own_mission(request, pk))
        return Response(ProgressSerializer(standing).data)


def own_mission(request: Request, pk: UUID, *, hold: bool = False) -> Mission:
    """A tester's mission, moved with the calendar; `hold` locks its row for a change."""
    missions = Mission.objects.owned_by(signed_in(request)).select_related("owner")
    if hold:
        missions = missions.select_for_update(of=("self",))
    mission, now = get_object_or_404(missions, pk=pk), timezone.now()
    lifecycle.keep_time(mission, local_date=mission.local_date(now), now=now)
    return mission


def in_full(request: Request) -> QuerySet[Mission]:
    """The tester's missions with what the serializer reads of each."""
    own = Mission.objects.owned_by(signed_in(request))
    return own.prefetch_related("stages", "progress")


def _write(mission: Mission, request: Request, now: datetime, *, partial: bool = False) -> None:
    MissionSerializer(mission, data=request.data, partial=partial).is_valid(raise_exception=True)
    try:
        editing.keep(mission, now)
    except editing.Locked as refusal:
        if refusal.field:
            raise FieldLocked({refusal.field: [str(refusal)]}) from refusal
        raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal


def _answer(request: Request, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
    """A mission as it is stored now, with its ETag."""
    mission = in_full(request).filter(pk=pk).first()
    if mission is None:
        raise Http404
    told = MissionSerializer(mission).data
    # Over all that is told: the state, the points and the next run change without `updated_at`.
    version = sha256(JSONRenderer().render(told)).hexdigest()[:32]
    return Response(told, status=code, headers={"ETag": f'"{version}"'})


def _require_match(request: Request, pk: UUID) -> None:
    """Refuse a change made from an older version than the one whose row is locked."""
    header = request.headers.get("If-Match")
    if header is None:
        return
    tags = parse_etags(header)
    if not tags:
        raise ParseError("If-Match takes ETags in double quotes, or *.")
    if tags != ["*"] and _answer(request, pk)["ETag"] not in tags:
        raise Refusal(status.HTTP_412_PRECONDITION_FAILED, CHANGED_MEANWHILE)


def _known_versions(request: Request) -> set[str]:
    return {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))}
