"""The operators' console: the Django admin behind our own door, with every change written down."""

from collections.abc import Callable, Iterable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from allauth.mfa.adapter import get_adapter as second_factor
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin, ShowFacets
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from accounts import audit
from accounts.listing import Newest
from accounts.models import AuditEvent, User
from accounts.second_factor import is_shown
from accounts.sessions import signed_in
from coach import model_list
from lanterne import backlog, overview
from lanterne.arranged import arranged

Kind = AuditEvent.Kind
View = TypeVar("View", bound=Callable[..., HttpResponseBase])
SET_UP_FIRST = "Operators need a second factor. Turn it on here, then open the console again."


class Console(AdminSite):
    site_header = site_title = "Lanterne Rouge, operators"
    index_title = "Console"

    def has_permission(self, request: HttpRequest) -> bool:
        """An active operator, who outside of development has shown a second factor."""
        return super().has_permission(request) and (
            settings.DEBUG or is_shown(request, signed_in(request))
        )

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        admitted = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if self.has_permission(request):
                return admitted(request, *args, **options)
            return self._lead_in(request, request.get_full_path())

        return cast("View", update_wrapper(guarded, admitted))

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """No door of its own: ours has the limits and the second factor."""
        next_page = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(next_page, allowed_hosts={request.get_host()}):
            next_page = reverse("admin:index", current_app=self.name)
        return self._lead_in(request, next_page)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """With what an operator has to see to on top."""
        now = timezone.now()
        told = {
            **overview.at_a_glance(now),
            "notices": [*model_list.notices(now), *backlog.notices(now)],
            "queues": [(queue, queue.words(now)) for queue in backlog.queues(now)],
        }
        return super().index(request, {**told, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """By what an operator is about to do; below one app's own address as Django has it."""
        apps = super().get_app_list(request, app_label)
        return apps if app_label else arranged(apps, reverse("admin:index"))

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        base = admin_class or ModelAdmin
        bounded = {
            "paginator": Newest,
            "show_full_result_count": False,
            "show_facets": ShowFacets.NEVER,
        }
        # By what they are ordered has an index; what else could be clicked on has none.
        bounded["sortable_by"] = base.sortable_by or ()
        own = {"__module__": base.__module__, **bounded, **options}
        audited = type(base.__name__, (Audited, base), own)
        super().register(model_or_iterable, audited)

    def _lead_in(self, request: HttpRequest, next_page: str) -> HttpResponse:
        """To the next page for who may see it; else to what is missing for that."""
        if not request.user.is_authenticated:
            return redirect_to_login(next_page)
        if not request.user.is_staff:
            raise PermissionDenied
        if self.has_permission(request):
            return HttpResponseRedirect(next_page)
        if second_factor().is_mfa_enabled(request.user):
            return redirect_to_login(next_page, reverse("mfa_reauthenticate"))
        messages.warning(request, SET_UP_FIRST)
        return redirect("mfa_activate_totp")


class Audited(ModelAdmin[Any]):
    """Writes what operators do into the audit trail: names of models and fields, never a value."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        inline = [
            f"{formset.model._meta.model_name}.{name}"
            for formset in formsets or []
            for name in _changed_in(formset)
        ]
        return [*form.changed_data, *sorted(set(inline))]

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        return _record(Kind.ADMIN_ADDED, request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        return _record(Kind.ADMIN_CHANGED, request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return [_record(Kind.ADMIN_DELETED, request, one, []) for one in queryset]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit trail of the tester that the object belongs to; of all when of nobody's."""
        obj = self.get_object(request, object_id)
        tester = _tester_of(obj) if obj is not None else None
        about = f"?{urlencode({'user__id__exact': tester.pk})}" if tester else ""
        return redirect(reverse("admin:accounts_auditevent_changelist") + about)


def _changed_in(formset: Any) -> list[str]:
    changed = [name for _, names in formset.changed_objects for name in names]
    added = [name for form in formset.extra_forms for name in form.changed_data]
    return [*changed, *added, *(["deleted"] if formset.deleted_objects else [])]


def _record(kind: AuditEvent.Kind, request: HttpRequest, obj: Model, fields: Any) -> AuditEvent:
    is_gone_with_it = kind == Kind.ADMIN_DELETED and isinstance(obj, User)
    return audit.record(
        kind,
        user=None if is_gone_with_it else _tester_of(obj),
        actor=signed_in(request),
        request=request,
        model=obj._meta.label_lower,
        pk=str(obj.pk),
        fields=fields,
    )


def _tester_of(obj: Model) -> User | None:
    if isinstance(obj, User):
        return obj
    owner = getattr(obj, "user", None) or getattr(obj, "owner", None)
    return owner if isinstance(owner, User) else None
