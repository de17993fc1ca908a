from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from coach.models import Incident, MissionRun, ModelCall


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
    list_display = ["opened_at", "kind", "run", "resolved_at"]
    list_select_related = ["run__mission"]
    list_filter = ["kind", "resolved_at"]
    raw_id_fields = ["run"]
    readonly_fields = ["detail", "opened_at"]
