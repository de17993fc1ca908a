"""The account pages; names without a namespace are those the account library asks for."""

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import include, path, re_path

from accounts import entrance, privacy_pages, views

ours = [
    path("settings", views.edit_settings, name="settings"),
    path("settings/example", views.show_example, name="example"),
    path("settings/sessions", views.list_sessions, name="sessions"),
    path("settings/sessions/others/end", views.end_other_sessions, name="end_other_sessions"),
    path("settings/sessions/browsers/<int:pk>/end", views.end_browser, name="end_browser"),
    path("settings/sessions/programs/<uuid:pk>/end", views.end_program, name="end_program"),
    path("settings/activity", views.activity, name="activity"),
    path("settings/privacy", privacy_pages.show, name="privacy"),
    path("settings/privacy/consent", privacy_pages.give_consent, name="give_consent"),
    path(
        "settings/privacy/consent/withdraw", privacy_pages.withdraw_consent, name="withdraw_consent"
    ),
    path("settings/exports", privacy_pages.ask_for_export, name="ask_for_export"),
    path("settings/exports/<uuid:pk>", privacy_pages.fetch_export, name="export"),
    path("settings/exports/<uuid:pk>/state", privacy_pages.export_state, name="export_state"),
    path("settings/delete", privacy_pages.delete_account, name="delete"),
    path("deleted", privacy_pages.deleted, name="deleted"),
]

urlpatterns = [
    path("", include((ours, "accounts"))),
    path("auth/login", account.login, name="account_login"),
    path("auth/logout", entrance.leave, name="account_logout"),
    path("auth/register", entrance.register, name="account_signup"),
    path("auth/inactive", account.account_inactive, name="account_inactive"),
    path("auth/confirm", account.email_verification_sent, name="account_email_verification_sent"),
    path("auth/confirm/<str:key>", entrance.confirm, name="account_confirm_email"),
    path("auth/password-reset", account.password_reset, name="account_reset_password"),
    path(
        "auth/password-reset/sent", account.password_reset_done, name="account_reset_password_done"
    ),
    # The key has a hyphen of its own, so that a plain path would cut it there.
    re_path(
        r"^auth/password-reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "auth/password-reset/done",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("auth/password", account.reauthenticate, name="account_reauthenticate"),
    path("auth/code", second_factor.authenticate, name="mfa_authenticate"),
    path("auth/code/again", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("settings/password", account.password_change, name="account_change_password"),
    path("settings/email", account.email, name="account_email"),
    path("settings/second-factor", second_factor.index, name="mfa_index"),
    path("settings/second-factor/app", totp.activate_totp, name="mfa_activate_totp"),
    path("settings/second-factor/app/remove", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path(
        "settings/second-factor/codes",
        recovery_codes.view_recovery_codes,
        name="mfa_view_recovery_codes",
    ),
    path(
        "settings/second-factor/codes/renew",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "settings/second-factor/codes/download",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
