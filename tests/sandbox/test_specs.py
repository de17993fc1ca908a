"""Every route of Strava and Oura is held against the vendor's specification, or has its reason.

The checks themselves are in test_strava_specs.py and test_oura_specs.py.
"""

from sandbox.urls import urlpatterns
from tests.sandbox.specs import needs_specs, oura_model_problems
from tests.sandbox.test_oura_specs import OURA
from tests.sandbox.test_strava_specs import STRAVA

OURS = "a control of the sandbox: the vendor has no such address"
IN_WORDS = "the vendor documents it in words only; tested value by value"
NOT_SPECIFIED = {
    "strava-authorize": IN_WORDS,
    "strava-token": IN_WORDS,
    "strava-deauthorize": IN_WORDS,
    "strava-revoke": IN_WORDS,
    "strava-subscriptions": IN_WORDS,
    "strava-subscription": IN_WORDS,
    "strava-events": OURS,
    "strava-delete": OURS,
    "strava-rename": OURS,
    "strava-deauthorise": OURS,
    "strava-expire": OURS,
    "strava-limits": OURS,
    "strava-token-requests": OURS,
    "oura-authorize": IN_WORDS,
    "oura-token": IN_WORDS,
    "oura-old-token": IN_WORDS,
    "oura-revoke": IN_WORDS,
    "oura-events": OURS,
    "oura-expire": OURS,
    "oura-token-requests": OURS,
}


def test_every_route_of_strava_and_oura_is_checked_or_has_its_reason() -> None:
    names = {str(pattern.name) for pattern in urlpatterns}
    vendors = {name for name in names if name.split("-")[0] in ("strava", "oura")}

    assert vendors == {*STRAVA, *OURA, *NOT_SPECIFIED}
    assert {*STRAVA, *OURA}.isdisjoint(NOT_SPECIFIED)


@needs_specs
def test_check_finds_what_is_missing_invented_or_misdated() -> None:
    """The checks above would be worth nothing if this one passed."""
    good = {"id": "1", "day": "2026-07-04", "stress_high": 900}

    wrong = [
        {"id": "1"},
        {**good, "stress_high": "900"},
        {**good, "stress_hi": 900},
        {**good, "day": "20260704"},
    ]

    assert oura_model_problems("PublicDailyStress", good) == []
    assert all(oura_model_problems("PublicDailyStress", one) for one in wrong)
