"""What a link in a brief opens: a page that says what it would tell the coach, and one button.

Opening it changes nothing, for whatever looks through mail opens links too. Nobody has to sign in:
the signature lets its bearer say one word for one morning, and the page shows nothing else.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import privacy, throttle
from coach import again
from coach.checkin import check_in, links
from coach.checkin.check_in import NOTHING_SAID
from coach.checkin.links import ANSWERS, Link, Word
from coach.models import CheckIn
from missions import lifecycle
from missions.models import Mission


# No cookie lets anybody in here: the signature does, and another site cannot make one.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link_page(request: HttpRequest, token: str) -> HttpResponse:
    now = timezone.now()
    try:
        link = links.read(token)
    except links.Forged:
        return _page(request, "broken", status=404)
    mission = _mission_of(link)
    if mission is None or (request.user.is_authenticated and request.user.pk != link.user_id):
        return _page(request, "not_yours", status=404)
    if mission.local_date(now) != link.local_date:
        return _page(request, "run_out", status=410)
    if request.method != "POST":
        return _page(request, "ask", link=link)
    throttle.hit("run", request, str(link.user_id))
    return _said(request, link, mission, now, is_back="back" in request.POST)


def _mission_of(link: Link) -> Mission | None:
    theirs = Mission.objects.filter(owner_id=link.user_id, owner__is_active=True)
    return theirs.select_related("owner").filter(pk=link.mission_id).first()


def _said(
    request: HttpRequest, link: Link, mission: Mission, now: datetime, *, is_back: bool
) -> HttpResponse:
    lifecycle.keep_time(mission, now=now)
    answers = _taken_back(link) if is_back else ANSWERS[link.word]
    try:
        told = check_in.say(mission.owner, mission, answers, CheckIn.Source.LINK, now)
    except privacy.NotAllowed as refusal:
        return _page(request, "refused", link=link, words=str(refusal), status=409)
    except again.NotNow as refusal:
        return _page(request, "refused", link=link, words=str(refusal), status=503)
    state = "taken_back" if is_back else "told"
    return _page(request, state, link=link, words=told.words, is_sick=link.word == Word.SICK)


def _taken_back(link: Link) -> dict[str, Any]:
    """Its answers, empty again, where nothing else was said since."""
    said = CheckIn.objects.filter(user_id=link.user_id).on(link.local_date)
    stands = check_in.answers_of(said)
    told = ANSWERS[link.word].items()
    return {name: NOTHING_SAID[name] for name, value in told if stands[name] == value}


def _page(request: HttpRequest, state: str, *, status: int = 200, **told: Any) -> HttpResponse:
    context = {"state": state, **told}
    return render(request, "coach/check_in_link.html", context, status=status)
