from django.urls import path

from coach import views

app_name = "coach"

urlpatterns = [
    path("missions/<uuid:pk>/run-now", views.run_now, name="run-now"),
    path("runs/<uuid:pk>/status", views.run_status, name="run-status"),
]
