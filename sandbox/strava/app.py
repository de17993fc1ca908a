"""The one app that is registered at the stand-in, and whom its tokens belong to."""

from django.http import HttpRequest

from sandbox.consent import basic, is_same
from sandbox.grants import Grants

# The service's defaults name it too.
CLIENT_ID, CLIENT_SECRET = "10001", "sandbox-strava-secret"
HOUR_S = 3600

GRANTS = Grants("strava", access_lives_s=6 * HOUR_S, keeps_pair_s=HOUR_S)


def is_our_app(client_id: str, client_secret: str) -> bool:
    return is_same(client_id, CLIENT_ID) and is_same(client_secret, CLIENT_SECRET)


def comes_from_our_app(request: HttpRequest) -> bool:
    """By HTTP Basic."""
    named = basic(request)
    return named is not None and is_our_app(*named)
