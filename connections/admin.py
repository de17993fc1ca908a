from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin import Record
from accounts.listing import Long
from accounts.privacy import NotAllowed
from connections import condition, refresh, tallies
from connections.models import (
    AppleHealthUpload,
    Connection,
    FailureTally,
    ProviderEvent,
    PushSubscription,
    RateBudget,
    RideFile,
    SyncAttempt,
    Turn,
)


@admin.register(Connection)
class ConnectionAdmin(Record, Long):
    list_display = [
        "user",
        "provider",
        "state",
        "failing_since",
        "reason",
        "last_success_at",
        "next_read_at",
    ]
    list_filter = ["provider", "state", ("failing_since", admin.EmptyFieldListFilter)]
    exclude = ["access_token", "refresh_token"]
    actions = ["read_now"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        rows: QuerySet[Connection] = Connection.objects.with_last_reason()
        return rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With how each source stands on top."""
        told = {"sources": condition.of_the_sources()}
        return super().changelist_view(request, {**told, **(extra_context or {})})

    @admin.display
    def reason(self, connection: Any) -> str:
        return connection.last_reason or ""

    @admin.action(description="Read now", permissions=["read"])
    def read_now(self, request: HttpRequest, chosen: QuerySet[Connection]) -> None:
        asked = sum(_is_asked(connection) for connection in chosen)
        self.message_user(request, f"{asked} of {len(chosen)} chosen are being read.")

    def has_read_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connections.change_connection")


class FailureReasons(admin.SimpleListFilter):
    """All there can be: to ask every attempt for its own would take minutes."""

    title, parameter_name = "reason", "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason, reason) for reason in (*tallies.REASONS, SyncAttempt.INCOMPLETE)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(SyncAttempt)
class SyncAttemptAdmin(Record, Long):
    list_display = [
        "started_at",
        "tester",
        "source",
        "is_success",
        "reason",
        "took",
        "rides",
        "nights",
        "samples",
        "error",
    ]
    list_select_related = ["connection__user"]
    search_fields = ["connection__user__email"]
    list_filter = ["is_success", "connection__provider", FailureReasons]

    @admin.display
    def tester(self, attempt: SyncAttempt) -> str:
        return attempt.connection.user.email

    @admin.display
    def source(self, attempt: SyncAttempt) -> str:
        return attempt.connection.get_provider_display()


@admin.register(FailureTally)
class FailureTallyAdmin(Record):
    list_display = ["source", "reason", "count"]
    list_select_related = []
    list_filter = ["source"]
    search_fields = ["reason"]


@admin.register(RateBudget)
class RateBudgetAdmin(Record):
    list_display = [
        "source",
        "quarter_started_at",
        "quarter_used",
        "quarter_limit",
        "day",
        "day_used",
        "day_limit",
    ]
    list_select_related = []
    search_fields = ["source"]


@admin.register(Turn)
class TurnAdmin(Record):
    list_display = ["of", "number", "held_until", "holder"]
    list_select_related = []
    list_filter = ["of"]
    search_fields = ["of"]


@admin.register(PushSubscription)
class PushSubscriptionAdmin(Record):
    list_display = ["source", "external_id", "created_at"]
    list_select_related = []
    search_fields = ["source"]


@admin.register(ProviderEvent)
class ProviderEventAdmin(Record, Long):
    list_display = [
        "received_at",
        "connection",
        "aspect",
        "object_id",
        "happened_at",
        "attempts",
        "handled_at",
        "given_up_at",
    ]
    list_select_related = ["connection"]
    list_filter = ["connection__provider", ("given_up_at", admin.EmptyFieldListFilter)]
    search_fields = ["object_id", "connection__user__email"]


@admin.register(AppleHealthUpload)
class AppleHealthUploadAdmin(Record, Long):
    list_display = ["uploaded_at", "user", "file_name", "status", "days", "attempts", "error"]
    list_select_related = ["user"]
    list_filter = ["status"]


@admin.register(RideFile)
class RideFileAdmin(Record, Long):
    list_display = ["uploaded_at", "user", "file_name", "status", "rides", "attempts", "error"]
    list_filter = ["status"]
    list_select_related = ["user"]
    search_fields = ["user__email"]


def _is_asked(connection: Connection) -> bool:
    """Not those that wait for their tester: to connect anew, or to allow it."""
    try:
        refresh.read_now(connection)
    except (refresh.NeedsTester, NotAllowed):
        return False
    return True
