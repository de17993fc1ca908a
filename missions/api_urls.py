from django.urls import path

from missions import api

urlpatterns = [
    path("missions", api.Missions.as_view(), name="api-missions"),
    path("missions/<uuid:pk>", api.MissionView.as_view(), name="api-mission"),
    path(
        "missions/<uuid:pk>/transition",
        api.MissionTransition.as_view(),
        name="api-mission-transition",
    ),
    path("missions/<uuid:pk>/progress", api.MissionProgress.as_view(), name="api-progress"),
]
