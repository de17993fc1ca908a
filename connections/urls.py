from django.urls import path

from connections import apple_pages, ride_files_pages, rides_pages, views, webhooks

app_name = "connections"

urlpatterns = [
    path("connections", views.show, name="panel"),
    path("connections/cards", views.cards, name="cards"),
    path("connections/precedence", views.choose_precedence, name="precedence"),
    path("connections/apple-health", apple_pages.upload, name="upload"),
    path("connections/apple-health/<uuid:pk>", apple_pages.upload_status, name="upload-status"),
    path(
        "connections/apple-health/uploads/<uuid:pk>/cancel",
        apple_pages.cancel,
        name="cancel-upload",
    ),
    path("connections/ride-files", ride_files_pages.page, name="ride-files"),
    path("connections/ride-files/state", ride_files_pages.state, name="ride-files-state"),
    path("connections/rides/<int:pk>/delete", rides_pages.delete, name="delete-ride"),
    path("connections/<slug:provider>/token", views.connect_token, name="connect-token"),
    path("connections/<slug:provider>/sync", views.sync_now, name="sync"),
    path("connections/<slug:provider>/disconnect", views.disconnect, name="disconnect"),
    path("webhooks/<slug:provider>", webhooks.receive, name="webhook"),
]
