"""The trends: the picture of each as a part of a page, its table, and a page with both."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from coach.trend_charts import TITLES, chart_of
from missions.views import own_mission


@login_required
@require_GET
def trend_page(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    return _shown(request, pk, name, "coach/trend.html")


@login_required
@require_GET
def trend_chart(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    return _shown(request, pk, name, "coach/_trend.html")


@login_required
@require_GET
def trend_table(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    return _shown(request, pk, name, "coach/_trend_table.html")


def _shown(request: HttpRequest, pk: UUID, name: str, template: str) -> HttpResponse:
    if name not in TITLES:
        raise Http404
    mission = own_mission(request, pk)
    chart = chart_of(name, mission, timezone.now())
    answer = render(request, template, {"mission": mission, "chart": chart})
    answer["Cache-Control"] = "private, no-store"
    return answer
