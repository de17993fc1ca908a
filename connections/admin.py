from django.contrib import admin

from accounts.admin import Record
from connections.models import AppleHealthUpload, Connection, SyncAttempt


@admin.register(Connection)
class ConnectionAdmin(Record):
    list_display = ["user", "provider", "state", "last_success_at", "last_error"]
    list_select_related = ["user"]
    list_filter = ["provider", "state"]
    search_fields = ["user__email"]
    exclude = ["access_token", "refresh_token"]


@admin.register(SyncAttempt)
class SyncAttemptAdmin(Record):
    list_display = ["started_at", "connection", "is_success", "rides", "nights", "error"]
    list_select_related = ["connection"]
    search_fields = ["connection__user__email"]
    list_filter = ["is_success", "connection__provider"]


@admin.register(AppleHealthUpload)
class AppleHealthUploadAdmin(Record):
    list_display = ["uploaded_at", "user", "file_name", "status", "days", "attempts", "error"]
    list_select_related = ["user"]
    list_filter = ["status"]
