"""Incidents in the console: read, seen to, and closed with a note; nothing of them is edited."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.listing import Long, OfTester
from accounts.models import AuditEvent, User
from accounts.sessions import signed_in
from coach import attempts, files
from coach.models import Incident, MissionRun, Reflection

NOTE_LENGTH = 1_000
NO_NOTE = "Not resolved. Write what it was and what was done about it."
# What of the rows behind a list is long, and not shown in it.
LONG = (
    *("run__situation", "run__decision", "run__superseded", "run__done", "run__flagged"),
    *("draft__drafted", "reflection__facts", "reflection__reply"),
)


WHAT = ("kind", "about_what", "mission", "tester", "detail", "opened_at")
HOW_IT_ENDED = ("resolved_at", "resolved_by", "note")


class Stands(admin.SimpleListFilter):
    """What is open first: the others have been seen to."""

    title, parameter_name = "state", "state"
    OPEN, RESOLVED, ALL = "open", "resolved", "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(self.RESOLVED, "Resolved"), (self.ALL, "All")]

    def choices(self, changelist: Any) -> Any:
        """What stands for “all” elsewhere is “open” here."""
        first, *others = super().choices(changelist)
        return [{**first, "display": "Open"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.ALL:
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() != self.RESOLVED)


class IncidentsOf(OfTester):
    leads_to = ("run__mission__owner", "draft__user", "reflection__mission__owner")


class NoteForm(ActionForm):
    note = forms.CharField(required=False, max_length=NOTE_LENGTH, label="Note")


class IncidentAdmin(Long):
    list_display = [
        "opened_at",
        "kind",
        "about",
        "tester",
        "closed",
        "note_in_short",
    ]
    list_select_related = [
        *("run__mission__owner", "draft__user", "reflection__mission__owner", "resolved_by"),
    ]
    list_filter = [Stands, "kind", IncidentsOf]
    search_fields = [
        "task",
        "run__mission__name",
        "run__mission__owner__email",
        "draft__user__email",
        "reflection__mission__name",
        "reflection__mission__owner__email",
    ]
    ordering = ("-opened_at",)
    readonly_fields = (*WHAT, *HOW_IT_ENDED)
    action_form = NoteForm
    actions = ["resolve", "store_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        rows: QuerySet[Incident] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related).defer(*LONG)

    def get_fields(self, request: HttpRequest, obj: Incident | None = None) -> tuple[str, ...]:
        return WHAT if obj is None or obj.resolved_at is None else (*WHAT, *HOW_IT_ENDED)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("coach.change_incident")

    def get_urls(self) -> list[Any]:
        resolve = self.admin_site.admin_view(self.resolve_view)
        own = path("<int:pk>/resolve/", resolve, name="coach_incident_resolve")
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        told: dict[str, Any] = {"note_length": NOTE_LENGTH}
        incident = self.get_object(request, object_id)
        if incident is not None and self.has_resolve_permission(request):
            told |= {"may_resolve": incident.resolved_at is None}
            told |= {"attempts": look_at(incident, request)}
        return super().change_view(request, object_id, form_url, {**told, **(extra_context or {})})

    @method_decorator(require_POST)
    def resolve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        incident = get_object_or_404(self.get_queryset(request), pk=pk)
        note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
        if not note:
            self.message_user(request, NO_NOTE, messages.ERROR)
        elif self._close(request, incident, note, timezone.now()):
            self.message_user(request, "Resolved.")
        else:
            self.message_user(request, "Somebody had resolved it already.", messages.WARNING)
        return redirect("admin:coach_incident_change", pk)

    @admin.action(description="Resolve (with a note)", permissions=["resolve"])
    def resolve(self, request: HttpRequest, chosen: QuerySet[Incident]) -> None:
        note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
        if not note:
            self.message_user(request, NO_NOTE, messages.ERROR)
            return
        resolved = sum(self._close(request, one, note, timezone.now()) for one in chosen)
        self.message_user(request, f"{resolved} of {len(chosen)} chosen are resolved now.")

    @admin.action(description="Store the file again", permissions=["resolve"])
    def store_again(self, request: HttpRequest, chosen: QuerySet[Incident]) -> None:
        stored = 0
        for incident in chosen:
            if files.store_again(incident, timezone.now()):
                self.log_change(request, incident, ["file_due_at"])
                stored += 1
        self.message_user(request, f"The files of {stored} of {len(chosen)} chosen are due again.")

    def _close(self, request: HttpRequest, incident: Incident, note: str, now: datetime) -> bool:
        by = signed_in(request)
        is_closed = Incident.objects.resolve(incident.pk, now, by=by, note=note)
        if is_closed:
            self.log_change(request, incident, ["resolved_at", "note"])
        return is_closed

    @admin.display(description="about")
    def about_what(self, incident: Incident) -> str:
        return _link(incident.about)

    @admin.display(empty_value="none")
    def mission(self, incident: Incident) -> str | None:
        about = incident.about
        return _link(about.mission) if isinstance(about, (MissionRun, Reflection)) else None

    @admin.display(empty_value="none")
    def tester(self, incident: Incident) -> str | None:
        return _link(incident.owner) if incident.owner else None

    @admin.display(description="resolved")
    def closed(self, incident: Incident) -> str:
        """When and by whom."""
        if incident.resolved_at is None:
            return "no"
        by = f" by {incident.resolved_by}" if incident.resolved_by else ""
        return f"{incident.resolved_at:%Y-%m-%d %H:%M} UTC{by}"

    @admin.display(description="note")
    def note_in_short(self, incident: Incident) -> str:
        return incident.note if len(incident.note) <= 80 else f"{incident.note[:79]}…"


def look_at(incident: Incident, request: HttpRequest) -> list[attempts.Attempt]:
    """The replies, which name health values: that somebody looked at them is on record first."""
    found = attempts.behind(incident)
    if found:
        audit.record(
            AuditEvent.Kind.LOOKED_AT,
            user=incident.owner,
            actor=signed_in(request),
            request=request,
            incident=str(incident.pk),
        )
    return found


def _link(row: Any) -> str:
    """To the page of a row in the console; a task has none."""
    if isinstance(row, str):
        return row
    name = (
        "accounts_user"
        if isinstance(row, User)
        else f"{row._meta.app_label}_{row._meta.model_name}"
    )
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{name}_change", args=[row.pk]), row)
