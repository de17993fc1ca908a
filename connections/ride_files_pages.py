"""The page that takes ride files, tells what came of the last ones, and lists their rides."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from accounts.privacy import NotAllowed
from accounts.sessions import signed_in
from accounts.throttle import limited
from connections import ride_files, rides
from connections.forms import RideFilesForm
from connections.models import RideFile

RIDES_A_PAGE = 20
# Said once all files are read, for the list of rides to fetch itself again.
READ = "ride-files-read"


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
    told = _sent_last(signed_in(request))
    response = render(request, "connections/_ride_files.html", told)
    if not told["waiting"]:
        response["HX-Trigger-After-Swap"] = READ
    return response


def _page(request: HttpRequest, form: RideFilesForm, *, status: int = 200) -> HttpResponse:
    user = signed_in(request)
    page = Paginator(rides.of_files(user), RIDES_A_PAGE).get_page(request.GET.get("page"))
    lines = [rides.RideInWords(ride) for ride in page.object_list]
    context = {"form": form, "page": page, "lines": lines, **_sent_last(user)}
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
