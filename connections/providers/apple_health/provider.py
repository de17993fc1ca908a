"""Apple Health as a source: it comes as an export that the tester uploads."""

from django.utils import timezone

from accounts.models import User
from connections import apple_uploads
from connections.providers.base import Provider
from connections.sources import Source


class AppleHealth(Provider):
    name = Source.APPLE
    tells = frozenset({"rides", "sleep", "hrv", "resting_hr"})
    tells_of_rest = True

    def forget(self, user: User) -> None:
        apple_uploads.remove_files_of(user, timezone.now())
