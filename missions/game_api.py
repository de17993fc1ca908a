"""The game as JSON: where it stands, and a word against how a stage was counted."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from missions import appeals, game
from missions.api import own_mission
from missions.models import EventProgress, Mission, RideMode, Stage, StageType


class PlayedStageSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(source="stage.number")
    date = serializers.DateField(source="stage.date")
    stage_type = serializers.ChoiceField(source="stage.stage_type", choices=StageType.choices)
    ride_mode = serializers.ChoiceField(
        source="row.ride_mode", choices=RideMode.choices, help_text="What it counts as."
    )
    classified_as = serializers.ChoiceField(
        source="row.classified_as",
        choices=RideMode.choices,
        help_text="What the numbers of its ride said; another mode than it counts as: appealed.",
    )
    points = serializers.IntegerField(source="row.points")
    bonuses = serializers.SerializerMethodField(help_text="Names of those it completed.")
    is_completed = serializers.SerializerMethodField(help_text="False: missed, worth nothing.")
    completed_at = serializers.DateTimeField(source="row.completed_at", allow_null=True)
    ride_key = serializers.CharField(
        source="row.ride_key", help_text="Source and number of its ride, such as `strava:12`."
    )

    def get_bonuses(self, played: game.PlayedStage) -> list[str]:
        return [award.name for award in played.bonuses]

    def get_is_completed(self, played: game.PlayedStage) -> bool:
        return played.is_ridden


class BonusStandingSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    count = serializers.IntegerField(help_text="Of those that are `needed`.")
    needed = serializers.IntegerField(help_text="0: the plan has no such stage.")
    points = serializers.IntegerField()
    is_earned = serializers.BooleanField()
    is_attainable = serializers.BooleanField(help_text="Earned, or still possible.")
    stage_number = serializers.IntegerField(
        allow_null=True, help_text="The stage that completed it."
    )


class GhostSerializer(serializers.Serializer[Any]):
    so_far = serializers.IntegerField(help_text="On the stages that are settled.")
    whole = serializers.IntegerField(help_text="Over the whole plan.")


class GhostsSerializer(serializers.Serializer[Any]):
    all_gc = GhostSerializer()
    all_breakaway = GhostSerializer()


class GameSerializer(serializers.Serializer[Any]):
    points_total = serializers.IntegerField()
    of_stages = serializers.IntegerField()
    of_bonuses = serializers.IntegerField()
    stages_total = serializers.IntegerField(help_text="Without the rest days.")
    stages_completed = serializers.IntegerField()
    ghosts = serializers.SerializerMethodField(
        help_text="Riders who ride every stage in one mode, their bonuses included."
    )
    stages = PlayedStageSerializer(source="settled", many=True, help_text="Those settled.")
    bonuses = BonusStandingSerializer(many=True)

    def get_ghosts(self, played: game.Game) -> GhostsSerializer:
        ghosts = {ghost.name: ghost for ghost in played.ghosts}
        return GhostsSerializer(ghosts).data  # type: ignore[return-value]


class AppealSerializer(serializers.Serializer[Any]):
    ride_mode = serializers.ChoiceField(choices=appeals.RIDDEN_CHOICES)
    reason = serializers.CharField(min_length=appeals.LEAST_REASON, max_length=appeals.MOST_REASON)


class MissionProgress(APIView):
    @extend_schema(
        summary="The standing of the game",
        responses={200: GameSerializer, **errors(401, 404)},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(GameSerializer(game.game_of(own_mission(request, pk))).data)


class StageAppeal(APIView):
    @extend_schema(
        summary="Say how a ridden stage was ridden",
        description="It holds as long as the same ride counts; every appeal is kept.",
        request=AppealSerializer,
        responses={200: PlayedStageSerializer, **errors(400, 401, 403, 404, 409, 413, 415)},
    )
    def post(self, request: Request, pk: UUID, number: int) -> Response:
        mission = own_mission(request, pk)
        get_object_or_404(mission.stages, number=number)
        asked = AppealSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            row = appeals.appeal(
                mission,
                number,
                to=RideMode(asked.validated_data["ride_mode"]),
                reason=asked.validated_data["reason"],
                by=signed_in(request),
                now=timezone.now(),
                request=request,
            )
        except appeals.Refused as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        except (Mission.DoesNotExist, Stage.DoesNotExist) as gone:
            raise Http404 from gone
        return Response(PlayedStageSerializer(_played(row)).data)


def _played(row: EventProgress) -> game.PlayedStage:
    return game.PlayedStage(row.stage, row, tuple(row.awards.all()))
