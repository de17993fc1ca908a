"""The way in: what each stand-in is, where it is, and how to tell it to misbehave."""

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from sandbox.modes import ModeForm, current
from sandbox.oura.app import CLIENT_ID as OURA_ID
from sandbox.oura.app import CLIENT_SECRET as OURA_SECRET
from sandbox.oura.app import TOKEN_STARTS
from sandbox.oura.controls import user_here
from sandbox.pages import page
from sandbox.strava import webhooks
from sandbox.strava.app import CLIENT_ID, CLIENT_SECRET
from sandbox.strava.controls import LimitsForm, athlete_here
from sandbox.strava.edits import rides_now
from sandbox.strava.limits import limits

SIGN_INS = (
    ("tester@lanterne.local", "lanterne-tester", "a tester"),
    ("admin@lanterne.local", "lanterne-admin", "the operator"),
)
STAND_INS = {
    "strava": ("Strava", "sandbox/strava", "consent page, tokens, and the rider’s rides"),
    "oura": ("Oura", "sandbox/oura", "consent page, tokens, and the rider’s nights and days"),
    "openai": ("OpenAI", "sandbox/openai/v1", "chat completions by a stand-in coach"),
}
CONTROLS = {"strava": "sandbox/strava/_controls.html", "oura": "sandbox/oura/_controls.html"}
RIDES_SHOWN = 2


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    servers = [
        {
            "server": server,
            "name": name,
            "base_url": request.build_absolute_uri(f"/{base}"),
            "words": words,
            "mode": current(server),
            "form": ModeForm(server),
            "controls": CONTROLS.get(server),
        }
        for server, (name, base, words) in STAND_INS.items()
    ]
    context = {
        "servers": servers,
        "sign_ins": SIGN_INS,
        "oura_token": f"{TOKEN_STARTS}token",
        "oura_app": f"{OURA_ID} / {OURA_SECRET}",
        "strava_app": f"{CLIENT_ID} / {CLIENT_SECRET}",
    }
    return page("index", context | _rider(request))


def _rider(request: HttpRequest) -> dict[str, Any]:
    """What can be done in the rider's name."""
    return {
        "athlete": athlete_here(request),
        "oura_user": user_here(request),
        "subscription": webhooks.current(),
        "latest_rides": rides_now(timezone.now())[: -RIDES_SHOWN - 1 : -1],
        "limits_form": LimitsForm(initial=asdict(limits()), label_suffix=""),
    }
