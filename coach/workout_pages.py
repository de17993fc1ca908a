"""The workout of a run, to be taken along as a file."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from coach.calendars import items
from coach.views import own_run
from coach.workout_files import FORMATS, NotInThisFormat, NoWorkout, WorkoutFile, file_of


@login_required
@require_GET
def download(request: HttpRequest, pk: UUID, ext: str) -> HttpResponse:
    run = own_run(request, pk)
    if ext not in {*FORMATS, items.EXT}:
        raise Http404
    try:
        return attached(items.file_of(run) if ext == items.EXT else file_of(run, ext))
    except (NoWorkout, NotInThisFormat) as refusal:
        status = 404 if isinstance(refusal, NoWorkout) else 409
        context = {"run": run, "why": str(refusal)}
        return render(request, "coach/no_file.html", context, status=status)


def attached(file: WorkoutFile) -> HttpResponse:
    return HttpResponse(
        file.content,
        content_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "private, no-store",
        },
    )
