"""Testers in the console: each with their mission and their last morning, which runs again here."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from accounts.admin import TesterAdmin
from accounts.models import User
from accounts.sessions import signed_in
from coach import reruns
from coach.models import MissionRun
from lanterne import testers
from lanterne.testers import Standing
from missions.models import Mission

RAN = "Today’s run of {} runs again."
NO_RUN = "{} has no run today: there is nothing to run again."
# What else there is of a tester: the words, the list, and how it is asked for one tester.
OF_A_TESTER = (
    ("Missions", "missions_mission", "owner__id__exact"),
    ("Runs", "coach_missionrun", "tester"),
    ("Incidents", "coach_incident", "state=all&tester"),
    ("Model calls", "coach_modelcall", "tester"),
    ("Connections", "connections_connection", "user__id__exact"),
    ("Mails", "notifications_notification", "user__id__exact"),
    ("Audit trail", "accounts_auditevent", "user__id__exact"),
)


class TesterList(ChangeList):
    """Each row with its standing, asked for the page that is shown."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        known = testers.standings(self.result_list)
        for user in self.result_list:
            user.standing = known[user.pk]


class MissionState(admin.SimpleListFilter):
    title, parameter_name = "mission", "mission"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        states = [(state.value, str(state.label)) for state in Mission.State]
        return [*states, (testers.NO_MISSION, "without a mission")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        known = {value for value, _ in self.lookup_choices}
        chosen = self.value()
        return testers.in_state(queryset, chosen) if chosen in known and chosen else queryset


class LastOutcome(admin.SimpleListFilter):
    title, parameter_name = "last run", "last"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ends = (MissionRun.Outcome.FAILED, MissionRun.Outcome.MISSED, MissionRun.Outcome.DECIDED)
        return [(one.value, str(one.label)) for one in ends]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        return testers.with_last_outcome(queryset, chosen) if chosen else queryset


class CoachedTesterAdmin(TesterAdmin):
    list_display = ["email", "mission", "last_run", "next_run", "sources", "consent", "mails"]
    list_filter = [
        MissionState,
        LastOutcome,
        ("health_consent_at", admin.EmptyFieldListFilter),
        "is_staff",
        "is_active",
    ]
    actions = ["rerun"]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return TesterList

    def get_urls(self) -> list[Any]:
        rerun = self.admin_site.admin_view(self.rerun_view)
        return [path("<int:pk>/rerun/", rerun, name="accounts_user_rerun"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        told: dict[str, Any] = {"may_rerun": self.has_rerun_permission(request)}
        user = self.get_object(request, object_id)
        if user is not None:
            told |= {"standing": testers.standings([user])[user.pk], "lists": lists_of(user)}
        return super().change_view(request, object_id, form_url, {**told, **(extra_context or {})})

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("coach.change_missionrun")

    @admin.action(description="Rerun today’s run", permissions=["rerun"])
    def rerun(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """One by one, each in a transaction of its own: what is refused does not stop the rest."""
        for user in chosen:
            self._rerun(request, user, timezone.now())

    @method_decorator(require_POST)
    def rerun_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_rerun_permission(request):
            raise PermissionDenied
        self._rerun(request, get_object_or_404(User, pk=pk), timezone.now())
        return redirect("admin:accounts_user_change", pk)

    def _rerun(self, request: HttpRequest, user: User, now: datetime) -> None:
        run = testers.todays_run(user, now)
        if run is None:
            self.message_user(request, NO_RUN.format(user), messages.WARNING)
            return
        try:
            reruns.rerun(run, now, by=signed_in(request), request=request)
        except MissionRun.DoesNotExist:
            self.message_user(request, NO_RUN.format(user), messages.WARNING)
        except reruns.Refused as refusal:
            self.message_user(request, f"{user}: {refusal}", messages.WARNING)
        else:
            self.message_user(request, RAN.format(user))

    @admin.display(empty_value="none")
    def mission(self, user: Any) -> str | None:
        mission = _standing(user).mission
        if mission is None:
            return None
        page = reverse("admin:missions_mission_change", args=[mission.pk])
        state = mission.get_state_display()
        return format_html('<a href="{}">{}</a><br>{}', page, mission.name, state)

    @admin.display(description="last run", empty_value="none")
    def last_run(self, user: Any) -> str | None:
        run = _standing(user).run
        if run is None:
            return None
        page = reverse("admin:coach_missionrun_change", args=[run.pk])
        outcome = run.get_outcome_display()
        return format_html('<a href="{}">{}</a><br>{}', page, run.local_date.isoformat(), outcome)

    @admin.display(description="next run", empty_value="none")
    def next_run(self, user: Any) -> str | None:
        """In UTC, and below it as the tester's clock has it."""
        slots = _standing(user).next_run
        if slots is None:
            return None
        utc, own = (f"{slot:%Y-%m-%d %H:%M}" for slot in slots)
        return format_html("{} UTC<br>{} {}", utc, own, slots[1].tzinfo)

    @admin.display(description="sources in trouble")
    def sources(self, user: Any) -> str:
        return ", ".join(_standing(user).troubled) or "none"

    @admin.display
    def consent(self, user: User) -> str:
        return "yes" if user.has_consented else "no"

    @admin.display
    def mails(self, user: Any) -> str:
        return _standing(user).mails or "on"


def lists_of(user: User) -> list[tuple[str, str]]:
    """The words and addresses of what else the console knows of a tester."""
    return [
        (words, f"{reverse(f'admin:{name}_changelist')}?{asked}={user.pk}")
        for words, name, asked in OF_A_TESTER
    ]


def _standing(user: Any) -> Standing:
    standing: Standing = user.standing
    return standing
