from django.urls import path

from coach import api, feedback_api, workout_api
from coach.builder import api as drafts_api
from coach.calendars import api as calendars_api
from coach.checkin import api as checkin_api

urlpatterns = [
    path("missions/draft", drafts_api.Drafts.as_view(), name="api-drafts"),
    path("missions/draft/<uuid:pk>", drafts_api.DraftView.as_view(), name="api-draft"),
    path("missions/draft/<uuid:pk>/ask", drafts_api.DraftAgain.as_view(), name="api-draft-ask"),
    path(
        "missions/draft/<uuid:pk>/confirm",
        drafts_api.DraftConfirm.as_view(),
        name="api-draft-confirm",
    ),
    path("missions/<uuid:pk>/runs", api.Runs.as_view(), name="api-runs"),
    path("calendar", calendars_api.Calendar.as_view(), name="api-calendar"),
    path("check-in", checkin_api.CheckIns.as_view(), name="api-check-in"),
    path("runs/<uuid:pk>", api.RunView.as_view(), name="api-run"),
    path("runs/<uuid:pk>/workout.zwo", workout_api.Zwo.as_view(), name="api-workout-zwo"),
    path("runs/<uuid:pk>/workout.mrc", workout_api.Mrc.as_view(), name="api-workout-mrc"),
    path("runs/<uuid:pk>/workout.erg", workout_api.Erg.as_view(), name="api-workout-erg"),
    path("runs/<uuid:pk>/workout.fit", workout_api.Fit.as_view(), name="api-workout-fit"),
    path("runs/<uuid:pk>/receipt", api.ReceiptView.as_view(), name="api-run-receipt"),
    path("runs/<uuid:pk>/feedback", feedback_api.RunFeedback.as_view(), name="api-run-feedback"),
]
