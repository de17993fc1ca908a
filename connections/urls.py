from django.urls import path

from connections import views

app_name = "connections"

urlpatterns = [
    path("connections", views.show, name="panel"),
    path("connections/cards", views.cards, name="cards"),
    path("connections/apple-health", views.upload, name="upload"),
    path("connections/apple-health/<uuid:pk>", views.upload_status, name="upload-status"),
    path("connections/oura", views.connect_oura, name="connect-oura"),
    path("connections/<slug:provider>/sync", views.sync_now, name="sync"),
    path("connections/<slug:provider>/disconnect", views.disconnect, name="disconnect"),
]
