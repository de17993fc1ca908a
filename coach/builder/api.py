"""Drafts as JSON: the survey goes in, a proposal comes out, and confirmed it is a mission."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from drf_spectacular.utils import extend_schema_field as described_as
from rest_framework import generics, serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import privacy, throttle, versions
from accounts.problems import Problem, Refusal, described, errors
from accounts.sessions import signed_in
from accounts.versions import ETAG, IF_MATCH
from coach import budget, conversation, replies
from coach.api import RETRY_AFTER, used_up
from coach.builder import answers, mission_builder, survey
from coach.builder.draft_failures import failure_of
from coach.builder.mission_builder import AlreadyMade, Invalid, NotNow, Stale, SurveyIncomplete
from coach.models import MissionDraft
from missions.api import LOCATION, in_full
from missions.serializers import MissionSerializer

CHANGED_MEANWHILE = "The draft was changed meanwhile. Fetch it again, then make your change."
OUTCOMES = MissionDraft.Outcome
# The component is that of a change's body.
PROPOSAL_OR_NULL = {"oneOf": [{"$ref": "#/components/schemas/MissionDraft"}, {"type": "null"}]}


class FailureSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    detail = serializers.CharField(help_text="What happened and what to do, for people.")
    retryable = serializers.BooleanField(help_text="False: the same answers will fail again.")


class DraftSerializer(serializers.ModelSerializer[MissionDraft]):
    survey = serializers.JSONField(
        help_text="The answers so far, by the names of Survey, as they were given."
    )
    proposal = serializers.SerializerMethodField(help_text="Null until there is a draft.")
    failure = serializers.SerializerMethodField()

    class Meta:
        model = MissionDraft
        fields = (
            "id",
            "outcome",
            "survey",
            "proposal",
            "failure",
            "mission",
            "created_at",
            "updated_at",
        )

    @described_as(PROPOSAL_OR_NULL)
    def get_proposal(self, draft: MissionDraft) -> Any:
        return draft.proposal

    @described_as(FailureSerializer(allow_null=True))
    def get_failure(self, draft: MissionDraft) -> dict[str, Any] | None:
        failure = failure_of(draft)
        if failure is None:
            return None
        told = {"detail": failure.words, "retryable": failure.is_retryable}
        return {"kind": draft.failure, **told}


class NotDrafted(Problem):
    """No draft could be made of the survey, which is kept."""

    retryable = serializers.BooleanField(help_text="False: the same answers will fail again.")
    draft_id = serializers.UUIDField(help_text="Where the survey is kept.")


class HasMission(Problem):
    """Not possible now; `mission` is the address of the one that was made of the draft."""

    mission = serializers.CharField(required=False)


NOT_DRAFTED = {described(502): OpenApiResponse(NotDrafted, "No draft could be made")}
NOT_NOW = {described(409): OpenApiResponse(HasMission, "Not possible now")}


class Drafts(generics.ListAPIView[MissionDraft]):
    queryset = MissionDraft.objects.all()
    serializer_class = DraftSerializer

    def get_queryset(self) -> QuerySet[MissionDraft]:
        return MissionDraft.objects.owned_by(signed_in(self.request)).unconfirmed()

    @extend_schema(
        summary="Your drafts that are no mission yet, newest first",
        responses={200: DraftSerializer(many=True), **errors(401, 404)},
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        summary="Have a mission drafted from a survey",
        description="The answer comes when the draft is made, which can take a minute or two.",
        request=survey.Survey,
        responses={
            201: DraftSerializer,
            202: OpenApiResponse(DraftSerializer, "A worker is at it; look again in a moment."),
            **errors(400, 401, 403, 413, 415, 429),
            **NOT_NOW,
            **NOT_DRAFTED,
        },
        parameters=[ETAG, LOCATION, RETRY_AFTER],
    )
    def post(self, request: Request) -> Response:
        tester, now = signed_in(request), timezone.now()
        draft = MissionDraft(user=tester, survey=request.data, created_at=now, updated_at=now)
        with refusals():
            draft.survey = mission_builder.require_complete(draft, now).as_stored()
            answers.require_room(tester, draft.pk)
            throttle.hit("draft", request, str(tester.pk))
            draft.save()
            mission_builder.draft_now(draft, now)
        return made(draft)


class DraftView(APIView):
    @extend_schema(
        summary="One draft",
        responses={200: DraftSerializer, **errors(401, 404)},
        parameters=[ETAG],
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return answer(own_draft(request, pk))

    @extend_schema(
        summary="Change a draft",
        description="Fields of `proposal`: each that is sent replaces the one there is, whole.",
        request=replies.MissionDraft,
        responses={
            200: DraftSerializer,
            **errors(400, 401, 403, 404, 412, 413, 415),
            **NOT_NOW,
        },
        parameters=[ETAG, IF_MATCH],
    )
    @transaction.atomic
    def patch(self, request: Request, pk: UUID) -> Response:
        draft = own_draft(request, pk, hold=True)
        require_match(request, draft)
        proposal = {**(draft.proposal or {}), **cast("dict[str, Any]", request.data)}
        with refusals():
            mission_builder.change(draft, proposal, timezone.now(), draft.updated_at)
        return answer(draft)

    @extend_schema(
        summary="Discard a draft and its survey",
        responses={204: None, **errors(401, 403, 404, 412), **NOT_NOW},
        parameters=[IF_MATCH],
    )
    @transaction.atomic
    def delete(self, request: Request, pk: UUID) -> Response:
        draft = own_draft(request, pk, hold=True)
        require_match(request, draft)
        with refusals():
            mission_builder.discard(draft, timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class DraftAgain(APIView):
    @extend_schema(
        summary="Have it drafted again, from the same answers or changed ones",
        description="Answers that are sent replace those there are; the proposal is written anew.",
        request=survey.Survey,
        responses={
            200: DraftSerializer,
            202: OpenApiResponse(DraftSerializer, "A worker is at it; look again in a moment."),
            **errors(400, 401, 403, 404, 413, 415, 429),
            **NOT_NOW,
            **NOT_DRAFTED,
        },
        parameters=[ETAG, RETRY_AFTER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        draft, now = own_draft(request, pk), timezone.now()
        given = {**draft.survey, **cast("dict[str, Any]", request.data)}
        with refusals():
            changed = MissionDraft(user=draft.user, survey=given)
            given = mission_builder.require_complete(changed, now).as_stored()
            throttle.hit("draft", request, str(draft.user_id))
            mission_builder.keep_answers(draft, given, now)
            mission_builder.draft_now(draft, now)
        return made(draft, code=status.HTTP_200_OK)


class DraftConfirm(APIView):
    @extend_schema(
        summary="Make the mission of a draft, in preparation",
        request=None,
        responses={
            201: MissionSerializer,
            **errors(400, 401, 403, 404, 412, 413, 415),
            **NOT_NOW,
        },
        parameters=[LOCATION, IF_MATCH],
    )
    @transaction.atomic
    def post(self, request: Request, pk: UUID) -> Response:
        draft = own_draft(request, pk, hold=True)
        require_match(request, draft)
        with refusals():
            mission = mission_builder.confirm(draft, timezone.now())
        return Response(
            MissionSerializer(in_full(request).get(pk=mission.pk)).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("api-mission", args=[mission.pk])},
        )


def own_draft(request: Request, pk: UUID, *, hold: bool = False) -> MissionDraft:
    """A tester's draft; `hold` locks its row until the transaction ends."""
    drafts = MissionDraft.objects.owned_by(signed_in(request)).select_related("user")
    if hold:
        drafts = drafts.select_for_update(of=("self",))
    return get_object_or_404(drafts, pk=pk)


@contextmanager
def refusals() -> Iterator[None]:
    """The builder's refusals as errors of the API."""
    try:
        yield
    except (SurveyIncomplete, Invalid) as error:
        raise ValidationError(error.problems) from error
    except AlreadyMade as error:
        mission = reverse("api-mission", args=[error.mission_id])
        raise Refusal(status.HTTP_409_CONFLICT, str(error), mission=mission) from error
    except budget.UsedUp as error:
        raise used_up(error) from error
    except (NotNow, conversation.NotAllowed) as error:
        raise Refusal(status.HTTP_409_CONFLICT, str(error)) from error
    except Stale as error:
        raise Refusal(status.HTTP_412_PRECONDITION_FAILED, CHANGED_MEANWHILE) from error
    except MissionDraft.DoesNotExist as gone:
        raise Http404 from gone


def made(draft: MissionDraft, code: int = status.HTTP_201_CREATED) -> Response:
    """What came of asking: the draft, or why there is none."""
    failure = failure_of(draft)
    if failure is not None:
        raise Refusal(
            status.HTTP_502_BAD_GATEWAY,
            failure.words,
            retryable=failure.is_retryable,
            draft_id=str(draft.pk),
        )
    if draft.outcome == OUTCOMES.SURVEY:
        raise Refusal(status.HTTP_409_CONFLICT, privacy.NOT_ALLOWED)
    is_under_way = draft.outcome in MissionDraft.OPEN
    response = answer(draft, status.HTTP_202_ACCEPTED if is_under_way else code)
    response["Location"] = reverse("api-draft", args=[draft.pk])
    return response


def answer(draft: MissionDraft, code: int = status.HTTP_200_OK) -> Response:
    told = DraftSerializer(draft).data
    return Response(told, status=code, headers={"ETag": versions.etag_of(told)})


def require_match(request: Request, draft: MissionDraft) -> None:
    versions.require_match(request, answer(draft)["ETag"], CHANGED_MEANWHILE)
