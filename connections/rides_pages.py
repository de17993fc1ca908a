"""The page that asks before a ride is deleted."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts import formats
from accounts.sessions import signed_in
from connections import rides


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks once, on a page of its own."""
    user = signed_in(request)
    ride = get_object_or_404(rides.of_files(user), pk=pk)
    if request.method == "GET":
        line = rides.RideInWords(ride)
        return render(request, "connections/delete_ride.html", {"line": line})
    rides.delete(ride)
    day = formats.full_date(ride.local_date)
    messages.success(request, f"The ride of {day} is deleted.")
    return redirect("connections:ride-files")
