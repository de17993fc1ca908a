from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from coach.models import Incident, MissionDraft, MissionRun, ModelCall, Reflection
from coach.wrap_up import reflections


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
    exclude = ["situation", "decision"]


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
        "model",
        "attempt",
        "outcome",
        "tokens_in",
        "tokens_out",
        "latency_ms",
    ]
    list_filter = ["model", "outcome"]
    exclude = ["prompt", "reply"]


@admin.register(Incident)
class IncidentAdmin(admin.ModelAdmin[Incident]):
    list_display = ["opened_at", "kind", "about", "resolved_at"]
    list_select_related = ["run__mission", "draft", "reflection__mission"]
    list_filter = ["kind", "resolved_at"]
    raw_id_fields = ["run", "draft", "reflection"]
    readonly_fields = ["detail", "opened_at"]
