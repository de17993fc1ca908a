"""The Apple Health part of the Connections page: sending an export, following it, stopping it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.privacy import NotAllowed
from accounts.sessions import signed_in
from accounts.throttle import limited
from connections import apple_uploads, incoming
from connections.forms import AppleHealthForm, too_large
from connections.models import AppleHealthUpload
from connections.views import panel_page


@login_required
@require_POST
@limited("upload")
def upload(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if incoming.is_too_long(incoming.length_of(request.headers)):
        return _refused(request, too_large(), status=413)
    try:
        apple_uploads.refuse_another(user)
        form = AppleHealthForm(request.POST, request.FILES)
        if not form.is_valid():
            return panel_page(request, apple=form, status=400)
        apple_uploads.receive(user, form.cleaned_data["file"])
    except NotAllowed as error:
        return _refused(request, str(error), status=403)
    except apple_uploads.AnotherUnfinished as error:
        return _refused(request, str(error), status=409)
    except apple_uploads.NotReceived as error:
        return _refused(request, str(error), status=507)
    return redirect("connections:panel")


@login_required
@require_GET
def upload_status(request: HttpRequest, pk: UUID) -> HttpResponse:
    return render(request, "connections/_upload.html", {"upload": _mine(request, pk)})


@login_required
@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _mine(request, pk)
    try:
        apple_uploads.cancel(row, timezone.now())
    except apple_uploads.AlreadyFinished as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request,
            f"The import of {row.file_name} is cancelled and the file deleted. What was imported "
            "before is still there.",
        )
    return redirect(f"{reverse('connections:panel')}#main")


def _mine(request: HttpRequest, pk: UUID) -> AppleHealthUpload:
    return get_object_or_404(AppleHealthUpload.objects.owned_by(signed_in(request)), pk=pk)


def _refused(request: HttpRequest, words: str, *, status: int) -> HttpResponse:
    form = AppleHealthForm({})
    form.errors.clear()
    form.add_error("file", words)
    return panel_page(request, apple=form, status=status)
