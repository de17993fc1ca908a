from django.urls import path

from missions import game_views, views

app_name = "missions"

urlpatterns = [
    path("missions/current", views.current, name="current"),
    path("missions/by-hand", views.by_hand, name="by-hand"),
    path("missions/<uuid:pk>", views.detail, name="detail"),
    path("missions/<uuid:pk>/start", views.start, name="start"),
    path("missions/<uuid:pk>/stages/<int:number>/appeal", game_views.appeal, name="appeal"),
    path("missions/<uuid:pk>/undo", views.take_back, name="undo"),
    path("missions/<uuid:pk>/delete", views.delete, name="delete"),
]
