from django.urls import path

from coach import history_pages, trend_pages, views, workout_pages
from coach.builder import wizard
from coach.calendars import pages as calendars
from coach.checkin import link_pages
from coach.checkin import pages as checkin

app_name = "coach"

urlpatterns = [
    path("missions/<uuid:pk>/run-now", views.run_now, name="run-now"),
    path("missions/<uuid:pk>/wrap-up", views.wrap_up_page, name="wrap-up"),
    path("missions/<uuid:pk>/trends/<slug:name>", trend_pages.trend_page, name="trend"),
    path(
        "missions/<uuid:pk>/trends/<slug:name>/chart", trend_pages.trend_chart, name="trend-chart"
    ),
    path(
        "missions/<uuid:pk>/trends/<slug:name>/table", trend_pages.trend_table, name="trend-table"
    ),
    path("runs/<uuid:pk>/status", views.run_status, name="run-status"),
    path("runs/<uuid:pk>/workout.<slug:ext>", workout_pages.download, name="workout"),
    path("history", history_pages.show, name="history"),
    path("history/month", history_pages.show_month, name="history-month"),
    path("settings/calendar", calendars.show, name="calendar"),
    path("settings/calendar/address", calendars.give, name="calendar-give"),
    path("settings/calendar/remove", calendars.remove, name="calendar-remove"),
    path("calendar/<str:secret>.ics", calendars.feed, name="calendar-feed"),
    path("check-in", checkin.check_in_page, name="check-in"),
    path("check-in/<str:token>", link_pages.link_page, name="check-in-link"),
    path("runs/<uuid:pk>/receipt.json", views.receipt, name="run-receipt"),
    path("runs/<uuid:pk>/feedback", views.run_feedback, name="run-feedback"),
    path("missions/new", wizard.new, name="new"),
    path("missions/drafts/keep", wizard.keep, name="keep"),
    path("missions/drafts/<uuid:pk>", wizard.show, name="draft"),
    path("missions/drafts/<uuid:pk>/ask", wizard.ask, name="draft-ask"),
    path("missions/drafts/<uuid:pk>/status", wizard.status, name="draft-status"),
    path("missions/drafts/<uuid:pk>/discard", wizard.discard, name="draft-discard"),
    path("missions/drafts/<uuid:pk>/<slug:slug>", wizard.step, name="step"),
]
