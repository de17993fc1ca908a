"""Which source counts, as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.problems import errors
from accounts.sessions import signed_in
from connections import precedence, sources
from connections.precedence import LABELS, METRICS

LONGEST_NAME = 16


class OrdersSerializer(serializers.Serializer[Any]):
    """By metric the names of sources, the one that counts most first."""

    def get_fields(self) -> dict[str, Any]:
        return {
            metric: serializers.ListField(
                child=serializers.CharField(max_length=LONGEST_NAME),
                required=False,
                max_length=len(sources.names()),
                help_text=f"{LABELS[metric]}: any of those of `usual`. Empty: as usual.",
            )
            for metric in METRICS
        }

    def validate(self, told: dict[str, list[str]]) -> dict[str, list[str]]:
        wrong = {
            metric: problems
            for metric, order in told.items()
            if (problems := list(_problems(metric, order)))
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return told


class PrecedenceSerializer(OrdersSerializer):
    def get_fields(self) -> dict[str, Any]:
        usual = OrdersSerializer(read_only=True, help_text="What counts where nothing was chosen.")
        return {**super().get_fields(), "usual": usual}


def _problems(metric: Any, order: list[str]) -> Any:
    known = precedence.that_tell(metric)
    for name in order:
        if name not in known:
            yield f"{sources.label_of(name)} does not tell it. Name {', '.join(known)}."
    if len(set(order)) < len(order):
        yield "Name each source once."


class PrecedenceView(APIView):
    @extend_schema(
        summary="Which source counts for which metric",
        description="What you have chosen; an empty list where you have not.",
        responses={200: PrecedenceSerializer, **errors(401)},
    )
    def get(self, request: Request) -> Response:
        return Response(_told(signed_in(request)))

    @extend_schema(
        summary="Choose which source counts",
        description="Metrics that are left out stay as they are. It counts from the next brief on.",
        request=OrdersSerializer,
        responses={200: PrecedenceSerializer, **errors(400, 401, 403, 413, 415)},
    )
    def put(self, request: Request) -> Response:
        chosen = OrdersSerializer(data=request.data)
        chosen.is_valid(raise_exception=True)
        user = signed_in(request)
        precedence.choose(user, chosen.validated_data)
        return Response(_told(user))


def _told(user: User) -> dict[str, Any]:
    usual = {metric: list(order.names) for metric, order in precedence.usual().items()}
    chosen = {str(metric): order for metric, order in precedence.chosen_by(user).items()}
    return {**chosen, "usual": usual}
