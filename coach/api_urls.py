from django.urls import path

from coach import api
from coach.builder import api as drafts_api

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
    path("runs/<uuid:pk>", api.RunView.as_view(), name="api-run"),
]
