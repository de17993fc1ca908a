"""Where providers tell by themselves what has happened: no session, no sign-in, no waiting."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import throttle
from connections import events
from connections.providers.webhooks import NotAnEvent, NotOurs, Webhooks

MOST_BYTES = 64 * 1024


class TooLarge(Exception):
    """No event is as long as that."""


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """A GET is the provider making sure of us, a POST an event, kept and looked into later.

    Only what is refused counts against whoever asks: of events there can be thousands.
    """
    source = events.webhooks_of(provider)
    if source is None:
        raise Http404
    throttle.check("webhook", request)
    try:
        return _answer(request, provider, source)
    except NotOurs:
        status = 403
    except NotAnEvent:
        status = 400
    except TooLarge:
        status = 413
    throttle.count("webhook", request)
    return HttpResponse(status=status)


def _answer(request: HttpRequest, provider: str, source: Webhooks) -> HttpResponse:
    if request.method == "GET":
        return JsonResponse(source.handshake(request.GET))
    event = source.event_in(_body(request), request.headers)
    if event is not None:
        events.keep(provider, event, timezone.now())
    return HttpResponse(status=200)


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise NotAnEvent("length")
    if int(length) > MOST_BYTES:
        raise TooLarge
    return request.read(MOST_BYTES)
