"""What makes the site an app on a phone: its manifest, its worker, and what it shows offline."""

import json
from hashlib import blake2s
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from accounts.sessions import signed_in
from coach import brief, marks
from coach.models import MissionRun
from missions.models import Mission

# What the offline page needs; nothing here is anybody's.
SHELL = ("app.css", "vendor/htmx.min.js", "app.js", "live.js", "lantern.svg")
PAPER = "#f6f2e9"
ICONS = (
    ("icons/icon-192.png", "192x192", "image/png", "any"),
    ("icons/icon-512.png", "512x512", "image/png", "any"),
    ("icons/icon-maskable-512.png", "512x512", "image/png", "maskable"),
    ("lantern.svg", "any", "image/svg+xml", "any"),
)


@require_GET
@cache_control(max_age=86_400)
def manifest(request: HttpRequest) -> HttpResponse:
    described = {
        "id": "/",
        "name": "Lanterne Rouge",
        "short_name": "Lanterne",
        "description": "What to ride today, and why.",
        "lang": "en-GB",
        "start_url": reverse("home"),
        "scope": "/",
        "display": "standalone",
        "theme_color": PAPER,
        "background_color": PAPER,
        "icons": [
            {"src": static(path), "sizes": sizes, "type": kind, "purpose": purpose}
            for path, sizes, kind, purpose in ICONS
        ],
        "shortcuts": [{"name": "How I feel this morning", "url": reverse("coach:check-in")}],
    }
    return JsonResponse(described, content_type="application/manifest+json")


@require_GET
@cache_control(no_cache=True)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker; it stands at the root, for it may only look after what is below it."""
    response = render(
        request,
        "lanterne/sw.js",
        {"about": json.dumps(_about())},
        content_type="text/javascript; charset=utf-8",
    )
    response["Service-Worker-Allowed"] = "/"
    return response


def _about() -> dict[str, Any]:
    """What the worker has to know; with another version it takes all of it in anew."""
    files = [static(path) for path in SHELL]
    page = render_to_string("lanterne/offline.html")
    return {
        "version": blake2s(json.dumps([files, page]).encode(), digest_size=8).hexdigest(),
        "files": files,
        "offline": reverse("offline"),
        "brief": reverse("offline-brief"),
        "home": reverse("home"),
        "leaving": [reverse("account_logout"), reverse("accounts:delete")],
    }


@require_GET
@cache_control(max_age=86_400)
def offline(request: HttpRequest) -> HttpResponse:
    """The same for everybody: who is signed in is not asked."""
    return HttpResponse(render_to_string("lanterne/offline.html"))


@login_required
@require_GET
def offline_brief(request: HttpRequest) -> HttpResponse:
    """The newest brief as a page that needs nothing else; 204 where there is none.

    The browser keeps it, with whose it is, until its next one, or until they sign out.
    """
    user, now = signed_in(request), timezone.now()
    mission = Mission.objects.current_for(user)
    run = MissionRun.objects.newest_decided(mission) if mission else None
    if run is None:
        return HttpResponse(status=204)
    context = {"run": run, "brief": brief.of(run, now), "mission": run.mission}
    response = render(request, "lanterne/offline_brief.html", context)
    response["X-Account"] = str(user.pk)
    response["X-Mark"] = marks.of_run(run, now)
    response["Cache-Control"] = "private, no-store"
    return response
