from django.contrib import admin

from accounts.admin import Record
from accounts.listing import Long
from notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(Record, Long):
    list_display = ["created_at", "kind", "user", "state", "attempts", "sent_at", "last_error"]
    list_select_related = ["user"]
    list_filter = ["state", "kind"]
    search_fields = ["dedupe_key", "user__email"]
    # What a mail says is the tester's; operators see that it went, not what it told.
    exclude = ["text", "html"]
