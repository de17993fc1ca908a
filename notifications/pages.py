"""What a mail's last link opens, and the button that has mails sent to an address again.

Opening the link changes nothing, for whatever looks through mail opens links too: a page with one
button. A mail program's own button posts at once, without a cookie (RFC 8058). Nobody signs in.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import throttle
from accounts.models import User
from accounts.sessions import signed_in
from notifications import stopping, unsubscribing
from notifications.unsubscribing import Link


# No cookie lets anybody in here: the signature does, and another site cannot make one.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    try:
        link = unsubscribing.read(token)
    except unsubscribing.Forged:
        return _page(request, "broken", status=404)
    user = User.objects.filter(pk=link.user_id, is_active=True).first()
    if user is None or (request.user.is_authenticated and request.user.pk != user.pk):
        return _page(request, "not_yours", status=404)
    if request.method != "POST":
        return _page(request, "ask" if getattr(user, link.wish.field) else "off", link)
    throttle.hit("unsubscribe", request, str(user.pk))
    is_on = "back" in request.POST
    unsubscribing.switch(link, is_on=is_on, request=request)
    return _page(request, "on" if is_on else "off", link)


def _page(
    request: HttpRequest, state: str, link: Link | None = None, *, status: int = 200
) -> HttpResponse:
    context = {"state": state, "what": link.wish.label if link else ""}
    return render(request, "notifications/unsubscribe.html", context, status=status)


@login_required
@require_POST
@throttle.limited("mail_again")
def send_again(request: HttpRequest) -> HttpResponse:
    """The tester says that their address works, or that they want our mails after all."""
    user = signed_in(request)
    if stopping.lift(user.email.lower(), request=request, user=user):
        messages.success(
            request,
            f"Mails go to {user.email} again. Should one come back, they stop once more, and you "
            "are told here.",
        )
    return redirect("accounts:settings")
