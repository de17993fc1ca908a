"""F35: a storm of events, most of them twice or for nobody; each ride is fetched once."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from django.utils import timezone

from connections.models import Connection, ProviderEvent, PushSubscription, Ride
from tests.connections.athletes import newest_rides
from tests.faults import needs
from tests.faults.machine import Machine

pytestmark = [pytest.mark.processes, pytest.mark.fault("F35"), needs.services]

EVENTS, RIDERS, RIDES, AT_ONCE = 2_000, 6, 5, 8
# Strava takes whoever answers later for somebody who does not answer.
IN_TIME_S = 2.0


def event(owner: int, ride: int) -> dict[str, Any]:
    return {
        "object_type": "activity",
        "object_id": ride,
        "aspect_type": "create",
        "updates": {},
        "owner_id": owner,
        "subscription_id": 120_475,
        "event_time": int(timezone.now().timestamp()) // 3600 * 3600,
    }


def requests_so_far(machine: Machine, connection: Connection) -> int:
    """Of this app at Strava's stand-in, this one included."""
    answer = httpx2.get(
        machine.url("/sandbox/strava/api/v3/athlete"),
        headers={"Authorization": f"Bearer {connection.access_token}"},
        timeout=30,
    )
    return int(answer.headers["x-ratelimit-usage"].split(",")[1])


def no_event_waits() -> bool:
    return not ProviderEvent.objects.filter(handled_at=None).exists()


class Sender:
    """Posts events as Strava does, each on a line of its own; how long each answer took."""

    def __init__(self, machine: Machine) -> None:
        self.url = machine.url("/webhooks/strava")
        self.took_s: list[float] = []

    def send(self, events: list[dict[str, Any]]) -> set[int]:
        statuses = set()
        with httpx2.Client(timeout=60) as client:
            for one in events:
                began = time.monotonic()
                answer = client.post(
                    self.url,
                    content=json.dumps(one),
                    headers={"content-type": "application/json"},
                )
                self.took_s.append(time.monotonic() - began)
                statuses.add(answer.status_code)
        return statuses


def test_storm_of_events_is_answered_in_time_and_each_ride_is_fetched_once(
    machine: Machine,
) -> None:
    PushSubscription.objects.create(source="strava", external_id="120475")
    answer = httpx2.post(
        machine.url("/sandbox/strava/limits"), json={"quarter": 5_000, "day": 50_000}, timeout=30
    )
    answer.raise_for_status()
    missions = machine.testers(RIDERS, has_strava=True, due_ago=None, rides=0, nights=0)
    now = timezone.now()
    Connection.objects.update(last_success_at=now, history_read_at=now)
    connections = list(Connection.objects.order_by("pk"))
    first, *rides = [ride.id for ride in newest_rides(RIDES + 1, now)]
    machine.worker(threads=2)
    machine.worker(threads=2)
    sender = Sender(machine)
    before = requests_so_far(machine, connections[0])

    # What one ride costs; then the storm.
    assert sender.send([event(int(connections[0].external_id), first)]) == {200}
    machine.until(lambda: Ride.objects.count() == 1 and no_event_waits())
    a_ride = requests_so_far(machine, connections[0]) - before - 1
    assert a_ride in (1, 2)
    wanted = [event(int(one.external_id), ride) for one in connections for ride in rides]
    nobodys = [event(999_000_000 + n, rides[0]) for n in range(EVENTS // 2)]
    storm = [*wanted * (EVENTS // 2 // len(wanted)), *nobodys]
    random.Random(35).shuffle(storm)
    before = requests_so_far(machine, connections[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(sender.send, [storm[n::AT_ONCE] for n in range(AT_ONCE)]))

    assert told == [{200}] * AT_ONCE
    slowest = sorted(sender.took_s)
    assert slowest[-len(slowest) // 100] < IN_TIME_S, slowest[-20:]
    machine.until(no_event_waits, sweeping=True)
    assert ProviderEvent.objects.count() == 1 + len(wanted)
    assert Ride.objects.count() == 1 + len(wanted)
    for mission in missions:
        assert mission.owner.rides.filter(external_id__in=map(str, rides)).count() == RIDES
    assert requests_so_far(machine, connections[0]) - before - 1 == a_ride * len(wanted)
