from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from missions import editing
from missions.models import EventProgress, Mission, Stage


class StageInline(admin.TabularInline[Stage, Mission]):
    model = Stage
    extra = 0


@admin.register(Mission)
class MissionAdmin(admin.ModelAdmin[Mission]):
    list_display = ["name", "owner", "state", "event_start", "event_end", "timezone", "next_run_at"]
    list_select_related = ["owner"]
    list_filter = ["state", "mission_type"]
    search_fields = ["name", "owner__email"]
    raw_id_fields = ["owner"]
    readonly_fields = ["state", "next_run_at"]
    inlines = [StageInline]

    def save_model(self, request: HttpRequest, obj: Mission, form: Any, change: bool) -> None:
        editing.keep(obj, timezone.now())


@admin.register(EventProgress)
class EventProgressAdmin(admin.ModelAdmin[EventProgress]):
    list_display = ["mission", "stage", "ride_mode", "points", "completed_at"]
    list_select_related = ["mission", "stage"]
    raw_id_fields = ["mission", "stage"]
