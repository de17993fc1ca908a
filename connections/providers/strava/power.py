"""Normalised power of the rides that Strava tells none of, though they have a power meter."""

from collections.abc import Sequence

from accounts.models import User
from connections.models import Ride
from connections.normalized_power import normalized_power, per_second
from connections.power_histogram import power_histogram
from connections.providers.http import ProviderBusy, ProviderUnavailable
from connections.providers.strava import client
from connections.providers.strava.asking import Access
from connections.sources import Source

# Each costs a request of those that all testers share; the others follow with later readings.
MOST_AT_ONCE = 20


def fill_in(user: User, access: Access, rides: Sequence[Ride]) -> None:
    """The newest first, each ride once: what was asked for before is taken from our own row.

    Without it a ride is still a ride: a request that fails leaves the rest for later. A token that
    is refused is raised, as TokenRefused.
    """
    lacking = {
        ride.external_id: ride for ride in rides if ride.has_power_meter and ride.np_w is None
    }
    _remember(user, lacking)
    newest = sorted(lacking.values(), key=lambda ride: ride.started_at, reverse=True)
    for ride in newest[:MOST_AT_ONCE]:
        try:
            samples = client.power_of(access, ride.external_id)
        except (ProviderBusy, ProviderUnavailable):
            return
        watts = per_second(samples)
        ride.np_w, ride.power_histogram = normalized_power(watts), power_histogram(watts)
        ride.is_stream_read = True


def _remember(user: User, lacking: dict[str, Ride]) -> None:
    """Take out those whose power was asked for before, with what came of it."""
    if not lacking:
        return
    known = user.rides.filter(
        source=Source.STRAVA, is_stream_read=True, external_id__in=lacking
    ).values_list("external_id", "np_w", "power_histogram")
    for external_id, np_w, histogram in known:
        ride = lacking.pop(external_id)
        ride.np_w, ride.power_histogram, ride.is_stream_read = np_w, histogram, True
