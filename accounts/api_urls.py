from django.urls import path

from accounts import api

urlpatterns = [
    path("auth/register", api.register, name="api-register"),
    path("auth/login", api.sign_in, name="api-sign-in"),
    path("auth/refresh", api.refresh, name="api-refresh"),
    path("auth/logout", api.sign_out, name="api-sign-out"),
    path("auth/password-reset", api.ask_for_reset, name="api-password-reset"),
    path("auth/password", api.change_password, name="api-password"),
    path("auth/email", api.change_email, name="api-email"),
    path("me", api.Me.as_view(), name="api-me"),
    path("sessions", api.Sessions.as_view(), name="api-sessions"),
    path("sessions/<str:id>", api.end_session, name="api-session"),
]
