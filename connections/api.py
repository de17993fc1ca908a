"""Sources as JSON: how they stand, a pasted token, and reading them now."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.privacy import NotAllowed
from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from connections import consent, panel, refresh, registry, sources
from connections.forms import TOKEN_LENGTH, TOKEN_SPELLING
from connections.providers.http import ProviderError, ProviderRefuses, ReconnectNeeded

RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    int,
    OpenApiParameter.HEADER,
    response=[429],
    description="Seconds until the next attempt.",
)
PROVIDER = OpenApiParameter(
    "provider", str, OpenApiParameter.PATH, enum=sources.names(), description="The source."
)
LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[202], description="Where to look again."
)


class SourceSerializer(serializers.Serializer[panel.SourceState]):
    source = serializers.ChoiceField(choices=sources.choices())  # type: ignore[assignment]
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=panel.STATES)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.SerializerMethodField(help_text="In words; null when there is none.")
    next_step = serializers.SerializerMethodField(
        help_text="What you can do about it, in words; null when there is nothing to do."
    )

    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when no reading has worked; null while they do."
    )
    rides = serializers.IntegerField(help_text="How many of it are kept here.")
    nights = serializers.IntegerField(help_text="How many of it are kept here.")

    def get_last_error(self, state: panel.SourceState) -> str | None:
        return state.words if state.state == "broken" else None

    def get_next_step(self, state: panel.SourceState) -> str | None:
        return state.next_step or None


class SourcesSerializer(serializers.Serializer[Any]):
    sources = SourceSerializer(many=True)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(
        max_length=TOKEN_LENGTH, validators=[TOKEN_SPELLING], write_only=True
    )


class ConnectionsStatus(APIView):
    @extend_schema(
        summary="How each source stands", responses={200: SourcesSerializer, **errors(401)}
    )
    def get(self, request: Request) -> Response:
        sources = panel.context_for(signed_in(request))["sources"]
        return Response(SourcesSerializer({"sources": sources}).data)


class ConnectionView(APIView):
    @extend_schema(
        summary="Connect a source with an access token",
        description="For a source that takes one, such as Oura; the others are connected on the "
        "Connections page.",
        request=TokenSerializer,
        parameters=[PROVIDER, RETRY_AFTER],
        responses={200: SourceSerializer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 502)},
    )
    def post(self, request: Request, provider: str) -> Response:
        try:
            source = registry.that_takes_tokens(provider)
        except registry.NotAnApi as error:
            raise NotFound(f"There is no source {provider!r} here that takes a token.") from error
        pasted = TokenSerializer(data=request.data)
        pasted.is_valid(raise_exception=True)
        user = signed_in(request)
        throttle.hit("connect", request, str(user.pk))
        try:
            consent.keep_pasted_token(user, source, pasted.validated_data["token"])
        except NotAllowed as reason:
            raise Refusal(status.HTTP_403_FORBIDDEN, str(reason)) from reason
        except (ReconnectNeeded, ProviderRefuses) as refusal:
            raise ValidationError({"token": [_not_kept(refusal)]}) from refusal
        except ProviderError as error:
            raise Refusal(status.HTTP_502_BAD_GATEWAY, _not_kept(error)) from error
        except consent.AccountTaken as taken:
            raise Refusal(status.HTTP_409_CONFLICT, str(taken)) from taken
        return Response(SourceSerializer(panel.state_of(user, provider)).data)

    @extend_schema(
        summary="Disconnect a source",
        description="The access is given back there, and what came from it is erased here. Of one "
        "that is uploaded, such as Apple Health, everything is erased.",
        parameters=[PROVIDER],
        responses={204: None, **errors(401, 403, 404, 502)},
    )
    def delete(self, request: Request, provider: str) -> Response:
        user = signed_in(request)
        if registry.is_uploaded(provider):
            consent.forget_uploads(user, provider)
            return Response(status=status.HTTP_204_NO_CONTENT)
        connection = get_object_or_404(user.connections, provider=provider)
        try:
            consent.withdraw(connection)
        except ProviderError as error:
            name = connection.get_provider_display()
            words = f"{error} {name} stays connected; try again in a few minutes."
            raise Refusal(status.HTTP_502_BAD_GATEWAY, words) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConnectionSync(APIView):
    @extend_schema(
        summary="Have a source read now",
        description="It is read hourly by itself. The answer comes at once; the state is `pending` "
        "until the reading is over.",
        request=None,
        responses={202: SourceSerializer, **errors(401, 403, 404, 409, 429)},
        parameters=[RETRY_AFTER],
    )
    def post(self, request: Request, provider: str) -> Response:
        user = signed_in(request)
        throttle.hit("sync", request, str(user.pk))
        connection = get_object_or_404(user.connections, provider=provider)
        try:
            refresh.read_now(connection)
        except NotAllowed as reason:
            raise Refusal(status.HTTP_403_FORBIDDEN, str(reason)) from reason
        except refresh.NeedsTester as reason:
            raise Refusal(status.HTTP_409_CONFLICT, str(reason)) from reason
        state = panel.state_of(user, provider)
        return Response(SourceSerializer(state).data, status=status.HTTP_202_ACCEPTED)


def _not_kept(error: ProviderError) -> str:
    return f"{error} The token was not kept."
