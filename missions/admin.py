from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.listing import Long
from accounts.sessions import signed_in
from missions import editing, lifecycle
from missions.models import Appeal, EventProgress, Mission, MissionMove, Stage

State = Mission.State


class MissionForm(forms.ModelForm[Mission]):
    """Held to what can still be changed, as the tester's own form is."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # what is typed is in the instance from here on
        before = Mission.objects.filter(pk=self.instance.pk).first()
        if before is None or self.errors:
            return
        try:
            editing.refuse_locked(self.instance, before, timezone.now())
        except editing.Locked as refusal:
            self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))


class StageFormSet(BaseInlineFormSet[Stage, Mission, Any]):
    """The days of a plan, held to the same rules as their tester's own changes."""

    def clean(self) -> None:
        for form in self.forms:
            try:
                editing.require_price(self.instance, form.instance)
            except editing.Misplanned as wrong:
                raise ValidationError(str(wrong)) from wrong


class StageInline(admin.TabularInline[Stage, Mission]):
    """The days follow the dates of the event; what is settled stays."""

    model = Stage
    formset = StageFormSet
    extra = 0
    fields = ["number", "date", "stage_type", "is_rest_day"]
    readonly_fields = ["number", "date"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stage]:
        return super().get_queryset(request).filter(progress__isnull=True)

    def has_add_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_open(obj)


class MoveInline(admin.TabularInline[MissionMove, Mission]):
    model = MissionMove
    extra = 0
    can_delete = False
    fields = ["at", "from_state", "to_state", "by", "reason"]
    readonly_fields = ["at", "from_state", "to_state", "by", "reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MissionMove]:
        return super().get_queryset(request).select_related("by")

    def has_add_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return False


class ReasonForm(ActionForm):
    reason = forms.CharField(required=False, max_length=300, label="Reason")


@admin.register(Mission)
class MissionAdmin(Long):
    list_display = ["name", "owner", "state", "event_start", "event_end", "timezone", "next_run_at"]
    list_select_related = ["owner"]
    list_filter = ["state", "mission_type"]
    search_fields = ["name", "owner__email"]
    raw_id_fields = ["owner"]
    readonly_fields = ["state", "next_run_at", "imported_from"]
    form = MissionForm
    inlines = [StageInline, MoveInline]
    action_form = ReasonForm
    actions = ["back_to_preparation"]

    def has_change_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_open(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Mission | None = None) -> list[str]:
        locked = ["event_start", "points_schema"]
        is_on = obj is not None and obj.state == State.EVENT_ACTIVE
        return [*self.readonly_fields, *(locked if is_on else [])]

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """What only shows while it is written, because others wrote meanwhile, is told."""
        try:
            return super().changeform_view(request, *args, **options)
        except (editing.Locked, editing.Misplanned) as refusal:
            self.message_user(request, f"Not saved. {refusal}", messages.ERROR)
        except Mission.DoesNotExist:
            self.message_user(request, "Not saved. The mission was deleted.", messages.ERROR)
        return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Mission, form: Any, change: bool) -> None:
        if not change:
            editing.keep(obj, timezone.now(), by=signed_in(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A changed mission is written with its days, as one change that can be undone."""
        if not change:
            return
        before = Mission.objects.get(pk=form.instance.pk)
        days = [stage for one in formsets for stage in one.save(commit=False)]
        typed = {stage.date: (stage.stage_type, stage.is_rest_day) for stage in days}
        plan = editing.typed_plan(form.instance, before, typed)
        editing.keep(form.instance, timezone.now(), by=signed_in(request), stages=plan)

    def delete_model(self, request: HttpRequest, obj: Mission) -> None:
        editing.remove(obj, timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Mission]) -> None:
        for mission in queryset:
            editing.remove(mission, timezone.now())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Outcomes go with their mission, though nobody deletes one by itself."""
        told, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        return told, counts, forbidden - {EventProgress._meta.verbose_name}, protected

    @admin.action(description="Take back into preparation (give a reason)", permissions=["change"])
    def back_to_preparation(self, request: HttpRequest, missions: QuerySet[Mission]) -> None:
        reason, by = request.POST.get("reason", "").strip()[:300], signed_in(request)
        for mission in missions:
            try:
                lifecycle.advance(mission, to=State.PREP, now=timezone.now(), by=by, reason=reason)
            except lifecycle.IllegalTransition as refusal:
                self.message_user(request, f"{mission}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{mission} is in preparation again.")


class AppealInline(admin.TabularInline[Appeal, EventProgress]):
    model = Appeal
    extra = 0
    can_delete = False
    fields = ["at", "from_mode", "to_mode", "reason", "by", "ride_key"]
    readonly_fields = ["at", "from_mode", "to_mode", "reason", "by", "ride_key"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appeal]:
        return super().get_queryset(request).select_related("by")

    def has_add_permission(self, request: HttpRequest, obj: EventProgress | None = None) -> bool:
        return False


@admin.register(EventProgress)
class EventProgressAdmin(Long):
    """To be read: outcomes are written by the rides and by their tester's appeals."""

    list_display = ["mission", "stage", "ride_mode", "classified_as", "points", "completed_at"]
    list_select_related = ["mission", "stage"]
    inlines = [AppealInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EventProgress | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: EventProgress | None = None) -> bool:
        return False


def is_open(mission: Mission | None) -> bool:
    """A complete mission is locked for operators, too."""
    return mission is None or mission.state != State.MISSION_COMPLETE
