from django.urls import path

from missions import views

app_name = "missions"

urlpatterns = [
    path("missions/current", views.current, name="current"),
    path("missions/new", views.new, name="new"),
    path("missions/<uuid:pk>", views.detail, name="detail"),
    path("missions/<uuid:pk>/start", views.start, name="start"),
]
