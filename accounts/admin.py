from datetime import UTC
from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from allauth.usersessions.admin import UserSessionAdmin
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import BigIntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts import audit, invitations
from accounts.forms import InvitationForm
from accounts.listing import Long
from accounts.models import (
    Artifact,
    AuditEvent,
    DataExport,
    Ftp,
    Invitation,
    TokenFamily,
    User,
)
from accounts.sessions import in_words, signed_in

AUDIT_COLUMNS = ("moment", "kind", "account", "about", "origin")


class FtpInline(admin.TabularInline[Ftp, User]):
    model = Ftp
    extra = 0


class TesterAdmin(UserAdmin[User]):
    """An account; `lanterne.admin` registers it, with what the other apps know of its tester."""

    ordering = ["email"]
    list_display = ["email", "timezone", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_active"]
    search_fields = ["email"]
    inlines = [FtpInline]
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (
            "Rider",
            {"fields": ("timezone", "sex", "birth_year", "hr_max_bpm", "lthr_bpm", "has_reds")},
        ),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("health_consent_at", "last_login", "date_joined")}),
    )
    readonly_fields = ["health_consent_at", "last_login"]
    add_fieldsets = ((None, {"fields": ("email", "timezone", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """An operator vouches for the address they type: it counts as confirmed."""
        if change:  # what has changed meanwhile elsewhere stays changed
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=columns & set(form.changed_data))
        else:
            super().save_model(request, obj, form, change)
        if "email" in form.changed_data:
            EmailAddress.objects.filter(user=obj).delete()
            obj.confirm_address()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Stored files and consent at the sources go with an account; a bare row would leave them.

        The command `delete_user` and the tester's own Settings take all of it away.
        """
        return False


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin[Invitation]):
    """Adding one sends the mail; sending again replaces the link of the mail before."""

    form = InvitationForm
    list_display = ["email", "invited_by", "invited_at", "expires_at"]
    list_select_related = ["invited_by"]
    search_fields = ["email"]
    ordering = ["-pk"]
    actions = ["send_again"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        obj.pk = self._invite(request, obj.email).pk

    @admin.action(description="Send again", permissions=["add"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for email in queryset.values_list("email", flat=True):
            self._invite(request, email)
        self.message_user(request, "Sent again. The links sent before do not work any more.")

    def _invite(self, request: HttpRequest, email: str) -> Invitation:
        operator = signed_in(request)
        with transaction.atomic():
            invitation = invitations.invite(email, by=operator, now=timezone.now())
            audit.record(
                AuditEvent.Kind.INVITED, actor=operator, request=request, invitation=invitation.pk
            )
        return invitation


class Record(admin.ModelAdmin[Any]):
    """Something to read: it is written by what it records, and by nobody here."""

    list_select_related = ["user"]
    search_fields = ["user__email"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Artifact)
class ArtifactAdmin(Record, Long):
    list_display = ["key", "user", "retention", "size_bytes", "created_at", "expires_at"]
    list_select_related = ["user"]
    list_filter = ["retention"]
    search_fields = ["key", "user__email"]


@admin.register(AuditEvent)
class AuditEventAdmin(Record, Long):
    list_display = fields = readonly_fields = AUDIT_COLUMNS
    list_select_related = ["user", "actor"]
    list_filter = ["kind", "at"]
    ordering = ("-at", "-pk")

    class Media:
        css = {"all": ["admin-audit.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        named = Cast(KT("details__invitation"), BigIntegerField())
        email = Invitation.objects.filter(pk=OuterRef("invitation_id")).values("email")
        events: QuerySet[AuditEvent] = super().get_queryset(request)
        return events.annotate(invitation_id=named).annotate(invited=Subquery(email))

    @admin.display(description="at", ordering="at")
    def moment(self, event: AuditEvent) -> str:
        return formats.date_format(event.at.astimezone(UTC), "j M Y, H:i e")

    @admin.display(description="account", ordering="user__email")
    def account(self, event: AuditEvent) -> SafeString:
        """Whose account it was, and below it the operator who did it."""
        lines = [str(event.user)] if event.user else []
        lines += [f"by {event.actor}"] if event.actor else []
        return format_html_join(mark_safe("<br>"), "{}", ([line] for line in lines))

    @admin.display(description="about")
    def about(self, event: AuditEvent) -> str:
        parts = {
            name: ", ".join(value) if isinstance(value, list) else value
            for name, value in event.details.items()
        }
        if "invitation" in parts:
            gone = f"{parts['invitation']}, taken up or expired"
            parts["invitation"] = getattr(event, "invited", None) or gone
        return "; ".join(f"{name}: {value}" for name, value in parts.items() if value)

    @admin.display(description="from")
    def origin(self, event: AuditEvent) -> str:
        device = in_words(event.device) if event.device else None
        return ", ".join(part for part in (device, event.address) if part)


@admin.register(TokenFamily)
class TokenFamilyAdmin(Record, Long):
    list_display = ["id", "user", "device", "address", "created_at", "last_used_at", "ended_at"]
    exclude = ["refresh_id", "auth_hash"]


@admin.register(DataExport)
class DataExportAdmin(Record, Long):
    list_display = ["id", "user", "state", "asked_at", "ready_at", "expires_at", "size_bytes"]
    list_filter = ["state"]


# The account library registers these with all they hold; session keys and seeds stay unseen.
admin.site.unregister([EmailAddress, Authenticator, UserSession])


@admin.register(EmailAddress)
class AddressAdmin(Record):
    list_display = EmailAddressAdmin.list_display
    list_filter = EmailAddressAdmin.list_filter


@admin.register(Authenticator)
class SecondFactorAdmin(Record):
    """Deleting lets somebody in again who lost their phone and their recovery codes."""

    list_display = AuthenticatorAdmin.list_display
    list_filter = ["type"]
    exclude = ["data"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


@admin.register(UserSession)
class BrowserAdmin(Record):
    list_display = UserSessionAdmin.list_display
    exclude = ["data"]
