"""What a tester says of a workout afterwards, as JSON."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import privacy
from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from coach import feedback
from coach.models import Feedback, MissionRun


class FeedbackSerializer(serializers.Serializer[Any]):
    word = serializers.ChoiceField(Feedback.Word.choices)
    rpe = serializers.IntegerField(
        min_value=1,
        max_value=10,
        allow_null=True,
        required=False,
        help_text="How hard it was, 1 to 10; null or left out: not said. None with `skipped`.",
    )

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        if said["word"] == Feedback.Word.SKIPPED and said.get("rpe") is not None:
            raise serializers.ValidationError({"rpe": feedback.NO_EFFORT})
        return said


class SaidSerializer(serializers.Serializer[Any]):
    """All null while nothing was said."""

    word = serializers.ChoiceField(Feedback.Word.choices, allow_null=True)
    rpe = serializers.IntegerField(allow_null=True)
    said_at = serializers.DateTimeField(allow_null=True)
    is_open = serializers.BooleanField(help_text="Whether it can be said, or changed, now.")


class RunFeedback(APIView):
    @extend_schema(
        summary="What was said of a workout",
        responses={200: SaidSerializer, **errors(401, 404)},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_shown(_own_run(request, pk)))

    @extend_schema(
        summary="Say what became of a workout",
        description="From its own day to seven days later; said again, it replaces the first.",
        request=FeedbackSerializer,
        responses={200: SaidSerializer, **errors(400, 401, 403, 404, 409, 413, 415)},
    )
    def put(self, request: Request, pk: UUID) -> Response:
        run = _own_run(request, pk)
        given = FeedbackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        word, rpe = given.validated_data["word"], given.validated_data.get("rpe")
        try:
            run.feedback = feedback.keep(run, word, rpe, timezone.now())
        except (feedback.NotOpen, privacy.NotAllowed) as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        return Response(_shown(run))


def _own_run(request: Request, pk: UUID) -> MissionRun:
    runs = MissionRun.objects.owned_by(signed_in(request))
    return get_object_or_404(runs.select_related("mission", "feedback"), pk=pk)


def _shown(run: MissionRun) -> Any:
    said = feedback.said_of(run)
    shown = {"word": said and said.word, "rpe": said and said.rpe, "said_at": said and said.said_at}
    return SaidSerializer({**shown, "is_open": feedback.is_open(run, timezone.now())}).data
