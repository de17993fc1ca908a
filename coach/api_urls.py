from django.urls import path

from coach import api

urlpatterns = [
    path("missions/<uuid:pk>/runs", api.Runs.as_view(), name="api-runs"),
    path("runs/<uuid:pk>", api.RunView.as_view(), name="api-run"),
]
