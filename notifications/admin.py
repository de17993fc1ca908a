from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import Record
from accounts.listing import Long
from accounts.models import User
from accounts.sessions import signed_in
from notifications import stopping
from notifications.models import Notification, StoppedAddress
from notifications.outbox_admin import OutboxAdmin

admin.site.register(Notification, OutboxAdmin)


@admin.register(StoppedAddress)
class StoppedAddressAdmin(Record, Long):
    list_display = ["address", "reason", "stopped_at", "detail"]
    list_select_related: ClassVar[list[str]] = []
    list_filter = ["reason"]
    search_fields = ["address"]
    actions = ["send_again"]

    @admin.action(description="Send to them again", permissions=["lift"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[StoppedAddress]) -> None:
        """The provider may have a list of its own, from which it has to be taken there."""
        addresses = list(chosen.values_list("address", flat=True))
        lifted = sum(_lift(request, address) for address in addresses)
        told = f"Mails go to {lifted} of {len(addresses)} chosen addresses again."
        self.message_user(request, told)

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_stoppedaddress")


def _lift(request: HttpRequest, address: str) -> bool:
    owner = User.objects.filter(email=address).first()
    return stopping.lift(address, request=request, user=owner, actor=signed_in(request))
