from django.urls import path

from connections import api, apple_api, days_api, precedence_api, ride_files_api, rides_api

urlpatterns = [
    path("connections/status", api.ConnectionsStatus.as_view(), name="api-connections"),
    path(
        "connections/precedence",
        precedence_api.PrecedenceView.as_view(),
        name="api-precedence",
    ),
    path("connections/<slug:provider>", api.ConnectionView.as_view(), name="api-connection"),
    path(
        "connections/<slug:provider>/sync",
        api.ConnectionSync.as_view(),
        name="api-connection-sync",
    ),
    path("apple-health/upload", apple_api.AppleHealthUploads.as_view(), name="api-apple-uploads"),
    path(
        "apple-health/uploads/<uuid:pk>",
        apple_api.AppleHealthUploadView.as_view(),
        name="api-apple-upload",
    ),
    path("days", days_api.Days.as_view(), name="api-days"),
    path("rides/files", ride_files_api.RideFiles.as_view(), name="api-ride-files"),
    path("rides/upload", rides_api.RideUpload.as_view(), name="api-ride-upload"),
    path("rides/<int:pk>", rides_api.RideView.as_view(), name="api-ride"),
]
