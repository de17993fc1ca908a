from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.sessions import signed_in
from accounts.throttle import limited
from connections import apple_uploads, consent, panel, sync
from connections.forms import AppleHealthForm, OuraTokenForm
from connections.models import AppleHealthUpload
from connections.providers.http import ProviderError


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    return _page(request, AppleHealthForm(), OuraTokenForm())


@login_required
@require_GET
def cards(request: HttpRequest) -> HttpResponse:
    """The sources' state alone, asked for again while something is under way."""
    context = {**panel.context_for(signed_in(request)), "is_short": "short" in request.GET}
    return render(request, "connections/_cards.html", context)


@login_required
@require_POST
@limited("upload")
def upload(request: HttpRequest) -> HttpResponse:
    form = AppleHealthForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, OuraTokenForm(), status=400)
    try:
        apple_uploads.receive(signed_in(request), form.cleaned_data["file"])
    except apple_uploads.NotAllowed as error:
        form.add_error("file", str(error))
        return _page(request, form, OuraTokenForm(), status=403)
    except apple_uploads.NotReceived as error:
        form.add_error("file", str(error))
        return _page(request, form, OuraTokenForm(), status=507)
    return redirect("connections:panel")


@login_required
@require_GET
def upload_status(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_object_or_404(AppleHealthUpload.objects.owned_by(signed_in(request)), pk=pk)
    return render(request, "connections/_upload.html", {"upload": row})


@login_required
@require_POST
def connect_oura(request: HttpRequest) -> HttpResponse:
    """Keep a pasted token once Oura itself has accepted it."""
    form = OuraTokenForm(request.POST)
    if not form.is_valid():
        return _page(request, AppleHealthForm(), form, status=400)
    try:
        consent.keep_oura_token(signed_in(request), form.cleaned_data["token"])
    except ProviderError as error:
        form.add_error("token", f"{error} The token was not kept.")
    except consent.AccountTaken:
        form.add_error("token", consent.TAKEN)
    else:
        messages.success(request, "Oura is connected; your nights are being read.")
        return redirect(f"{reverse('connections:panel')}#main")
    return _page(request, AppleHealthForm(), form, status=400)


@login_required
@require_POST
def sync_now(request: HttpRequest, provider: str) -> HttpResponse:
    connection = get_object_or_404(signed_in(request).connections, provider=provider)
    sync.request(connection)
    messages.info(request, f"{connection.get_provider_display()} is being read.")
    return redirect("connections:panel")


@login_required
@require_POST
def disconnect(request: HttpRequest, provider: str) -> HttpResponse:
    """Give the access back at the provider and erase what came from it."""
    connection = get_object_or_404(signed_in(request).connections, provider=provider)
    name = connection.get_provider_display()
    try:
        consent.withdraw(connection)
    except ProviderError as error:
        messages.error(request, f"{error} {name} stays connected; try again in a few minutes.")
    else:
        messages.success(request, f"{name} is disconnected.")
    return redirect("connections:panel")


def _page(
    request: HttpRequest, apple: AppleHealthForm, oura_token: OuraTokenForm, *, status: int = 200
) -> HttpResponse:
    context = {
        **panel.context_for(signed_in(request)),
        "apple_form": apple,
        "oura_form": oura_token,
    }
    return render(request, "connections/panel.html", context, status=status)
