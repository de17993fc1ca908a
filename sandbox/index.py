"""The way in: what each stand-in is, where it is, and how to tell it to misbehave."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from sandbox.modes import ModeForm, current
from sandbox.oura.api import TOKEN_STARTS
from sandbox.pages import page
from sandbox.strava.oauth import CLIENT_ID, CLIENT_SECRET

SIGN_INS = (
    ("tester@lanterne.local", "lanterne-tester", "a tester"),
    ("admin@lanterne.local", "lanterne-admin", "the operator"),
)
STAND_INS = {
    "strava": ("Strava", "sandbox/strava", "consent page, tokens, and the rider's rides"),
    "oura": ("Oura", "sandbox/oura", "the rider's nights, for a pasted token"),
    "openai": ("OpenAI", "sandbox/openai/v1", "chat completions by a stand-in coach"),
}


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
        }
        for server, (name, base, words) in STAND_INS.items()
    ]
    return page(
        "index",
        {
            "servers": servers,
            "sign_ins": SIGN_INS,
            "oura_token": f"{TOKEN_STARTS}token",
            "strava_app": f"{CLIENT_ID} / {CLIENT_SECRET}",
        },
    )
