"""The private address of a tester's calendar, as JSON."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.problems import errors
from accounts.sessions import signed_in
from coach.calendars import feeds
from coach.models import CalendarFeed


class CalendarSerializer(serializers.Serializer[Any]):
    """All null while there is no address."""

    url = serializers.URLField(allow_null=True, help_text="Opens without a token: keep it.")
    made_at = serializers.DateTimeField(allow_null=True)
    read_at = serializers.DateTimeField(
        allow_null=True, help_text="When a calendar last read it, to the hour; null: not yet."
    )


class Calendar(APIView):
    @extend_schema(
        summary="The address of your calendar",
        responses={200: CalendarSerializer, **errors(401)},
    )
    def get(self, request: Request) -> Response:
        """Your workouts and stages as iCalendar are at this address."""
        return Response(_shown(feeds.of(signed_in(request))))

    @extend_schema(
        summary="Make an address for your calendar, or a new one",
        request=None,
        responses={201: CalendarSerializer, **errors(401, 403, 429)},
    )
    def post(self, request: Request) -> Response:
        """The address before this one is good no longer."""
        user = signed_in(request)
        throttle.hit("calendar", request, str(user.pk))
        return Response(
            _shown(feeds.give(user, request, timezone.now())), status=status.HTTP_201_CREATED
        )

    @extend_schema(
        summary="Take the address of your calendar away",
        responses={204: None, **errors(401, 403)},
    )
    def delete(self, request: Request) -> Response:
        """204 too where there was none."""
        feeds.remove(signed_in(request), request)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown(feed: CalendarFeed | None) -> Any:
    shown = {
        "url": feeds.address_of(feed) if feed else None,
        "made_at": feed and feed.made_at,
        "read_at": feed and feed.read_at,
    }
    return CalendarSerializer(shown).data
