import pytest
from django.conf import LazySettings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import User
from connections import sync, tallies
from connections.models import FailureTally
from connections.sources import Source
from tests import factories
from tests.connections.conftest import Provider, Reply, provider
from tests.factories import NOW

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

REASONS = ("reconnect", "refused", "busy", "unavailable")
NONE = {(source, reason): 0.0 for source in ("oura", "strava") for reason in REASONS}


def counted(client: Client) -> dict[tuple[str, str], float]:
    text = client.get("/metrics").content.decode()
    return {
        (sample.labels["source"], sample.labels["reason"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "connection_refresh_failures_total"
    }


def test_every_source_and_reason_is_there_from_the_start(client: Client) -> None:
    assert counted(client) == NONE


def test_failures_are_counted_by_source_and_reason(
    client: Client, tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    settings.OURA_API_URL = provider.url
    strava = factories.connection(tester)
    oura = factories.connection(tester, Source.OURA, refresh_token="")
    # A wait holds for the quarter of an hour, so it comes when all else was asked.
    for status in (500, 403, 500, 429):
        provider.answers(Reply(status=status))
        sync.sync(strava, NOW)
    for reply in (Reply(status=503), Reply(b'{"data": []}'), Reply(status=401)):
        provider.answers(reply)
        sync.sync(oura, NOW)

    assert counted(client) == {
        **NONE,
        ("strava", "unavailable"): 2,
        ("strava", "busy"): 1,
        ("strava", "refused"): 1,
        ("oura", "reconnect"): 1,
        ("oura", "unavailable"): 1,
    }


def test_count_outlives_the_attempts_and_the_source(client: Client) -> None:
    tallies.count("strava", "unavailable")
    tallies.count("strava", "unavailable")
    FailureTally.objects.create(source="polar", reason="refused", count=3)

    assert counted(client) == {
        **NONE,
        ("strava", "unavailable"): 2,
        ("polar", "refused"): 3,
    }
