"""The site map."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from social_django import views as social

from lanterne import api, dashboard, health, installed, metrics

# Disconnecting is not among them: connections.consent also gives the access back.
strava_consent = [
    path("login/<str:backend>/", social.auth, name="begin"),
    path("complete/<str:backend>/", social.complete, name="complete"),
]

urlpatterns = [
    path("", dashboard.home, name="home"),
    path("look", dashboard.look, name="look"),
    path("manifest.webmanifest", installed.manifest, name="manifest"),
    path("sw.js", installed.worker, name="worker"),
    path("offline", installed.offline, name="offline"),
    path("offline/brief", installed.offline_brief, name="offline-brief"),
    path("", include("accounts.urls")),
    path("", include("missions.urls")),
    path("", include("connections.urls")),
    path("", include("coach.urls")),
    path("", include("notifications.urls")),
    path("runs/<uuid:pk>", dashboard.run_page, name="run"),
    path("api/", include("accounts.api_urls")),
    path("api/", include("missions.api_urls")),
    path("api/", include("connections.api_urls")),
    path("api/", include("coach.api_urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"^api/.*$", api.nothing_here),
    path("connect/", include((strava_consent, "social"))),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", metrics.metrics, name="metrics"),
]

handler400 = "lanterne.api.bad_request"
handler403 = "lanterne.api.not_allowed"
handler404 = "lanterne.api.not_found"
handler500 = "lanterne.api.broken"
handler429 = "accounts.throttle.handler429"

if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("sandbox.urls")))
