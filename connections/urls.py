from django.urls import path

from connections import ride_files_pages, views

app_name = "connections"

urlpatterns = [
    path("connections", views.show, name="panel"),
    path("connections/cards", views.cards, name="cards"),
    path("connections/apple-health", views.upload, name="upload"),
    path("connections/apple-health/<uuid:pk>", views.upload_status, name="upload-status"),
    path("connections/ride-files", ride_files_pages.page, name="ride-files"),
    path("connections/ride-files/state", ride_files_pages.state, name="ride-files-state"),
    path("connections/oura", views.connect_oura, name="connect-oura"),
    path("connections/<slug:provider>/sync", views.sync_now, name="sync"),
    path("connections/<slug:provider>/disconnect", views.disconnect, name="disconnect"),
]
