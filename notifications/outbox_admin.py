"""The outbox in the console: that a mail went, or why not; never what it says."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.timesince import timesince

from accounts.admin import Record
from accounts.listing import Long
from notifications import once_more
from notifications.models import Notification

State = Notification.State
CONFIRMED = "confirmed"


class OutboxAdmin(Record, Long):
    list_display = [
        *("created_at", "kind", "user", "state", "waits_for"),
        *("attempts", "sent_at", "last_error"),
    ]
    list_select_related = ["user"]
    list_filter = ["state", "kind", "created_at"]
    search_fields = ["dedupe_key", "user__email"]
    # What a mail says is the tester's; operators see that it went, not what it told.
    exclude = ["text", "html", "picture"]
    actions = ["send_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        rows: QuerySet[Notification] = super().get_queryset(request)
        return rows.defer("text", "html", "picture")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_notification")

    @admin.display(description="age")
    def waits_for(self, mail: Notification) -> str:
        """Of those that are not out, how long ago they were written."""
        return "" if mail.state == State.SENT else timesince(mail.created_at)

    @admin.action(description="Send again what was given up or is unknown", permissions=["send"])
    def send_again(
        self, request: HttpRequest, chosen: QuerySet[Notification]
    ) -> TemplateResponse | None:
        """Asked back first: one whose outcome is unknown may have arrived, and come twice."""
        mails = list(once_more.sendable(chosen).select_related("user"))
        if mails and CONFIRMED not in request.POST:
            return self._ask_back(request, mails)
        sent = sum(self._send(request, mail, timezone.now()) for mail in mails)
        self.message_user(request, f"{sent} of {len(chosen)} chosen are sent again.")
        return None

    def _send(self, request: HttpRequest, mail: Notification, now: datetime) -> bool:
        is_sent = once_more.send(mail, now)
        if is_sent:
            self.log_change(request, mail, ["state"])
        return is_sent

    def _ask_back(self, request: HttpRequest, mails: list[Notification]) -> TemplateResponse:
        told: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Send again?",
            "opts": self.opts,
            "mails": mails,
            "is_any_unknown": any(mail.state == State.UNKNOWN for mail in mails),
            "checkbox": ACTION_CHECKBOX_NAME,
            "confirmed": CONFIRMED,
        }
        return TemplateResponse(request, "admin/notifications/notification/send_again.html", told)
