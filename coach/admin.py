from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.admin import Record
from accounts.listing import Long, OfTester
from accounts.sessions import signed_in
from coach import again, model_list, reruns, spending
from coach.incident_admin import IncidentAdmin
from coach.models import (
    Incident,
    KnownModel,
    MissionDraft,
    MissionRun,
    ModelCall,
    ModelPace,
    Reflection,
    RuleTally,
    TokenUse,
)
from coach.wrap_up import reflections


class RunsOf(OfTester):
    leads_to = ("mission__owner",)


class WrittenByTheCoach(admin.ModelAdmin[Any]):
    """A record to read: saving its form would write over what a worker does meanwhile."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MissionRun)
class MissionRunAdmin(WrittenByTheCoach, Long):
    list_display = ["mission", "local_date", "outcome", "trigger", "summary", "finished_at"]
    list_select_related = ["mission"]
    list_filter = ["outcome", "trigger", "local_date", RunsOf]
    search_fields = ["mission__name", "mission__owner__email"]
    ordering = ("-local_date", "-pk")
    exclude = ["situation", "decision", "flagged", "superseded", "done"]
    readonly_fields = [
        *("attempts", "setbacks", "published", "publish_at", "lease_until", "file_due_at"),
        "earlier_attempts",
    ]
    actions = ["run_again"]

    @admin.display(description="earlier attempts")
    def earlier_attempts(self, run: MissionRun) -> str:
        """When each was finished, and what made somebody ask again."""
        told = [
            f"{one['finished_at']:%Y-%m-%d %H:%M} UTC, {one.get('why', 'check_in')}"
            for one in again.earlier(run)
        ]
        return "; ".join(told) or "none"

    @admin.action(description="Run again", permissions=["run_again"])
    def run_again(self, request: HttpRequest, chosen: QuerySet[MissionRun]) -> None:
        """One by one, each in a transaction of its own: what is refused does not stop the rest."""
        asked = 0
        for run in chosen.select_related("mission__owner"):
            try:
                reruns.rerun(run, timezone.now(), by=signed_in(request), request=request)
            except MissionRun.DoesNotExist:
                continue
            except reruns.Refused as refusal:
                self.message_user(request, f"{run}: {refusal}", messages.WARNING)
            else:
                asked += 1
        self.message_user(request, f"{asked} of {len(chosen)} chosen run again.")

    def has_run_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("coach.change_missionrun")


@admin.register(Reflection)
class ReflectionAdmin(WrittenByTheCoach, Long):
    list_display = ["mission", "outcome", "asked", "opened_at", "finished_at"]
    list_select_related = ["mission"]
    list_filter = ["outcome"]
    search_fields = ["mission__name", "mission__owner__email"]
    exclude = ["facts", "reply"]
    actions = ["ask_again"]

    @admin.action(description="Ask again for those that failed", permissions=["ask_again"])
    def ask_again(self, request: HttpRequest, chosen: QuerySet[Reflection]) -> None:
        asked = 0
        for reflection in chosen:
            if reflections.ask_again(reflection):
                self.log_change(request, reflection, ["asked"])
                asked += 1
        self.message_user(request, f"Asked again for {asked} of {len(chosen)} chosen.")

    def has_ask_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("coach.change_reflection")


@admin.register(MissionDraft)
class MissionDraftAdmin(WrittenByTheCoach, Long):
    list_display = ["id", "user", "outcome", "asked", "failure", "created_at", "updated_at"]
    list_select_related = ["user"]
    list_filter = ["outcome", "failure"]
    search_fields = ["user__email"]
    ordering = ("-updated_at",)
    exclude = ["survey", "drafted", "proposal"]


class Models(admin.SimpleListFilter):
    """Those in use and those on record: to ask all calls for their names would take minutes."""

    title, parameter_name = "model", "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = RuleTally.objects.order_by().values_list("model", flat=True).distinct()
        return [(name, name) for name in sorted({*known, *model_list.in_use()})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(model=self.value()) if self.value() else queryset


class Problems(admin.SimpleListFilter):
    """For the same reason: all there can be."""

    title, parameter_name = "problem", "problem_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Incident.Kind.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(problem_kind=self.value()) if self.value() else queryset


class CallsOf(OfTester):
    leads_to = ("owner",)


@admin.register(ModelCall)
class ModelCallAdmin(WrittenByTheCoach, Long):
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
    list_filter = ["purpose", Models, "outcome", Problems, CallsOf]
    # What was asked, said and objected to names health values.
    exclude = ["prompt", "reply", "refusal", "problem", "violations"]

    @admin.display(description="rules broken")
    def rules_broken(self, call: ModelCall) -> str:
        return ", ".join(str(one["rule"]) for one in call.violations) or "-"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now = timezone.now()
        sums = {"days": spending.by_day(now), "months": spending.by_month(now)}
        return super().changelist_view(request, {**sums, **(extra_context or {})})


@admin.register(TokenUse)
class TokenUseAdmin(WrittenByTheCoach):
    list_display = ["month_date", "owner", "tokens"]
    list_select_related = ["owner"]
    list_filter = ["month_date"]
    search_fields = ["owner__email"]
    ordering = ["-pk"]


@admin.register(KnownModel)
class KnownModelAdmin(WrittenByTheCoach):
    list_display = ["name", "shutdown_date", "is_listed", "checked_at", "warned_at"]


@admin.register(RuleTally)
class RuleTallyAdmin(WrittenByTheCoach):
    list_display = ["rule", "model", "is_flag", "count"]
    list_filter = ["model", "is_flag"]
    search_fields = ["rule"]


@admin.register(ModelPace)
class ModelPaceAdmin(Record):
    list_select_related = []
    search_fields = ["server"]
    list_display = [
        "server",
        "minute_started_at",
        "requests",
        "requests_limit",
        "tokens",
        "tokens_limit",
        "closed_until",
    ]


admin.site.register(Incident, IncidentAdmin)
