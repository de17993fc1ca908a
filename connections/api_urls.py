from django.urls import path

from connections import api, ride_files_api

urlpatterns = [
    path("connections/status", api.ConnectionsStatus.as_view(), name="api-connections"),
    path("connections/oura", api.OuraConnection.as_view(), {"provider": "oura"}, name="api-oura"),
    path("connections/<slug:provider>", api.ConnectionView.as_view(), name="api-connection"),
    path("apple-health/upload", api.AppleHealthUploads.as_view(), name="api-apple-uploads"),
    path(
        "apple-health/uploads/<uuid:pk>",
        api.AppleHealthUploadView.as_view(),
        name="api-apple-upload",
    ),
    path("rides/files", ride_files_api.RideFiles.as_view(), name="api-ride-files"),
]
