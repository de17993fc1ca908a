from datetime import UTC
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse

from coach.models import (
    Incident,
    KnownModel,
    MissionDraft,
    MissionRun,
    ModelCall,
    Reflection,
    RuleTally,
    TokenUse,
)
from coach.wrap_up import reflections

Outcome = ModelCall.Outcome
# Of the months and models that are summed up, the newest.
MOST_MONTHS = 24


class WrittenByTheCoach(admin.ModelAdmin[Any]):
    """A record to read: saving its form would write over what a worker does meanwhile."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MissionRun)
class MissionRunAdmin(WrittenByTheCoach):
    list_display = ["mission", "local_date", "outcome", "trigger", "summary", "finished_at"]
    list_select_related = ["mission"]
    list_filter = ["outcome", "trigger"]
    search_fields = ["mission__name", "mission__owner__email"]
    date_hierarchy = "local_date"
    exclude = ["situation", "decision", "flagged", "superseded", "done"]


@admin.register(Reflection)
class ReflectionAdmin(WrittenByTheCoach):
    list_display = ["mission", "outcome", "asked", "opened_at", "finished_at"]
    list_select_related = ["mission"]
    list_filter = ["outcome"]
    search_fields = ["mission__name", "mission__owner__email"]
    exclude = ["facts", "reply"]
    actions = ["ask_again"]

    @admin.action(description="Ask again for those that failed", permissions=["ask_again"])
    def ask_again(self, request: HttpRequest, chosen: QuerySet[Reflection]) -> None:
        asked = sum(reflections.ask_again(reflection) for reflection in chosen)
        self.message_user(request, f"Asked again for {asked} of {len(chosen)} chosen.")

    def has_ask_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("coach.change_reflection")


@admin.register(MissionDraft)
class MissionDraftAdmin(WrittenByTheCoach):
    list_display = ["id", "user", "outcome", "asked", "failure", "created_at", "updated_at"]
    list_select_related = ["user"]
    list_filter = ["outcome", "failure"]
    search_fields = ["user__email"]
    exclude = ["survey", "drafted", "proposal"]


@admin.register(ModelCall)
class ModelCallAdmin(WrittenByTheCoach):
    list_display = [
        "asked_at",
        "purpose",
        "model",
        "attempt",
        "outcome",
        "rules_broken",
        "tokens_in",
        "tokens_cached",
        "tokens_out",
        "cost_usd",
        "latency_ms",
    ]
    list_filter = ["purpose", "model", "outcome", "problem_kind"]
    date_hierarchy = "asked_at"
    ordering = ["-asked_at"]
    # What was asked, said and objected to names health values.
    exclude = ["prompt", "reply", "refusal", "problem", "violations"]

    @admin.display(description="rules broken")
    def rules_broken(self, call: ModelCall) -> str:
        return ", ".join(str(one["rule"]) for one in call.violations) or "-"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        months = {"months": spent_by_month()}
        return super().changelist_view(request, {**months, **(extra_context or {})})


def spent_by_month() -> QuerySet[Any, Any]:
    """Questions, tokens and cost of each month (UTC), and of how many the cost is unknown."""
    return (
        ModelCall.objects.order_by()
        .annotate(month=TruncMonth("asked_at", tzinfo=UTC))
        .values("month", "model")
        .annotate(
            calls=Count("pk"),
            tokens_in=Sum("tokens_in"),
            tokens_cached=Sum("tokens_cached"),
            tokens_out=Sum("tokens_out"),
            cost=Sum("cost_usd"),
            unpriced=Count("pk", filter=Q(cost_usd=None) & ~Q(outcome=Outcome.UNANSWERED)),
        )
        .order_by("-month", "model")[:MOST_MONTHS]
    )


@admin.register(TokenUse)
class TokenUseAdmin(WrittenByTheCoach):
    list_display = ["month_date", "owner", "tokens"]
    list_select_related = ["owner"]
    list_filter = ["month_date"]
    search_fields = ["owner__email"]


@admin.register(KnownModel)
class KnownModelAdmin(WrittenByTheCoach):
    list_display = ["name", "shutdown_date", "is_listed", "checked_at", "warned_at"]


@admin.register(RuleTally)
class RuleTallyAdmin(WrittenByTheCoach):
    list_display = ["rule", "model", "is_flag", "count"]
    list_filter = ["model", "is_flag"]
    search_fields = ["rule"]


@admin.register(Incident)
class IncidentAdmin(admin.ModelAdmin[Incident]):
    list_display = ["opened_at", "kind", "about", "resolved_at"]
    list_select_related = ["run__mission", "draft", "reflection__mission"]
    list_filter = ["kind", "resolved_at"]
    raw_id_fields = ["run", "draft", "reflection"]
    readonly_fields = ["detail", "opened_at"]
