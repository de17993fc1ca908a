"""What the console tells with the help of every app: testers, and what wakes their mornings."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from accounts.admin import Record
from accounts.models import User
from lanterne import schedules
from lanterne.testers_admin import CoachedTesterAdmin

SCHEDULES = (CrontabSchedule, IntervalSchedule, ClockedSchedule, SolarSchedule)


class ScheduleAdmin(Record):
    """The rows of the scheduler, to be read.

    Whatever is changed here is undone or does harm: the service's own tasks are written from the
    settings at each start, the wake-ups by `missions.schedule` from the zones in use, and a zone
    that is switched off by hand has no morning until the next start.
    """

    list_display = ["name", "task", "enabled", "when", "last_run_at", "total_run_count"]
    list_select_related = ["interval", "crontab", "solar", "clocked"]
    list_filter = ["enabled"]
    search_fields = ["name", "task"]
    ordering = ["name"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        told = {"zones": schedules.zones(timezone.now())}
        return super().changelist_view(request, {**told, **(extra_context or {})})

    @admin.display
    def when(self, task: PeriodicTask) -> str:
        return str(task.scheduler)


class TimesAdmin(Record):
    """A schedule that rows of the scheduler share; read for the same reason."""

    list_select_related = []
    search_fields = []
    ordering = ["-pk"]


admin.site.register(User, CoachedTesterAdmin)
admin.site.unregister([beat.PeriodicTask, *SCHEDULES])
admin.site.register(PeriodicTask, ScheduleAdmin)
admin.site.register(SCHEDULES, TimesAdmin)
