"""Ride files as a source: FIT, TCX and GPX files that the tester uploads."""

from django.utils import timezone

from accounts.models import User
from connections import ride_files
from connections.providers.base import Provider
from connections.sources import Source


class RideFiles(Provider):
    name = Source.FILE
    tells = frozenset({"rides"})

    def forget(self, user: User) -> None:
        ride_files.remove_files_of(user, timezone.now())
