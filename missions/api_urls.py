from django.urls import path

from missions import api, game_api

urlpatterns = [
    path("missions", api.Missions.as_view(), name="api-missions"),
    path("missions/<uuid:pk>", api.MissionView.as_view(), name="api-mission"),
    path(
        "missions/<uuid:pk>/transition",
        api.MissionTransition.as_view(),
        name="api-mission-transition",
    ),
    path("missions/<uuid:pk>/undo", api.MissionUndo.as_view(), name="api-mission-undo"),
    path("missions/<uuid:pk>/progress", game_api.MissionProgress.as_view(), name="api-progress"),
    path(
        "missions/<uuid:pk>/stages/<int:number>/appeal",
        game_api.StageAppeal.as_view(),
        name="api-stage-appeal",
    ),
]
