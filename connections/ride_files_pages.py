"""The page that takes ride files, and tells what came of those that were sent last."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from accounts.sessions import signed_in
from accounts.throttle import limited
from connections import ride_files
from connections.apple_uploads import NotAllowed
from connections.forms import RideFilesForm
from connections.models import RideFile


@login_required
@require_http_methods(["GET", "POST"])
@limited("upload")
def page(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request, RideFilesForm())
    form = RideFilesForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        ride_files.receive(signed_in(request), form.cleaned_data["file"])
    except NotAllowed as error:
        form.add_error("file", str(error))
        return _page(request, form, status=403)
    return redirect("connections:ride-files")


@login_required
@require_GET
def state(request: HttpRequest) -> HttpResponse:
    """What came of the newest upload, asked for again while it is being read."""
    return render(request, "connections/_ride_files.html", _sent_last(signed_in(request)))


def _page(request: HttpRequest, form: RideFilesForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, **_sent_last(signed_in(request))}
    return render(request, "connections/ride_files.html", context, status=status)


def _sent_last(user: User) -> dict[str, object]:
    files = list(RideFile.objects.sent_last(user))
    waiting = sum(file.status == RideFile.Status.WAITING for file in files)
    return {
        "files": files,
        "waiting": waiting,
        "done": len(files) - waiting,
        "read": sum(file.status == RideFile.Status.DONE for file in files),
    }
