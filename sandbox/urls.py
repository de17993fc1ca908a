"""Everything below /sandbox/. Each address goes through the guard."""

from sandbox import apple_export, mailbox, modes
from sandbox.guard import sandbox_path
from sandbox.index import index
from sandbox.openai import api as openai
from sandbox.oura import api as oura
from sandbox.oura import controls as oura_controls
from sandbox.oura import oauth as oura_oauth
from sandbox.oura import webhooks as oura_webhooks
from sandbox.strava import api as strava
from sandbox.strava import controls, oauth, webhooks
from sandbox.token_requests import token_requests

app_name = "sandbox"

API = "strava/api/v3"

urlpatterns = [
    sandbox_path("", index, name="index"),
    sandbox_path("<str:server>/mode", modes.mode, name="mode"),
    sandbox_path("strava/oauth/authorize", oauth.authorize, name="strava-authorize"),
    sandbox_path("strava/oauth/token", oauth.token, name="strava-token"),
    sandbox_path("strava/oauth/deauthorize", oauth.deauthorize, name="strava-deauthorize"),
    sandbox_path("strava/oauth/revoke", oauth.revoke, name="strava-revoke"),
    sandbox_path(f"{API}/athlete", strava.athlete, name="strava-athlete"),
    sandbox_path(f"{API}/athlete/zones", strava.zones, name="strava-zones"),
    sandbox_path(f"{API}/athlete/activities", strava.activities, name="strava-activities"),
    sandbox_path(f"{API}/activities/<int:ride_id>", strava.activity, name="strava-activity"),
    sandbox_path(
        f"{API}/activities/<int:ride_id>/streams", strava.activity_streams, name="strava-streams"
    ),
    sandbox_path(f"{API}/push_subscriptions", webhooks.subscriptions, name="strava-subscriptions"),
    sandbox_path(
        f"{API}/push_subscriptions/<int:subscription_id>",
        webhooks.subscription,
        name="strava-subscription",
    ),
    sandbox_path("strava/events", controls.events, name="strava-events"),
    sandbox_path("strava/rides/<int:ride_id>/delete", controls.delete, name="strava-delete"),
    sandbox_path("strava/rides/<int:ride_id>/rename", controls.rename, name="strava-rename"),
    sandbox_path("strava/deauthorise", controls.deauthorise, name="strava-deauthorise"),
    sandbox_path("strava/expire", controls.expire, name="strava-expire"),
    sandbox_path("strava/limits", controls.limits, name="strava-limits"),
    sandbox_path("strava/token-requests", token_requests("strava"), name="strava-token-requests"),
    sandbox_path("oura/oauth/authorize", oura_oauth.authorize, name="oura-authorize"),
    # The tokens come from another host than the API: moi.ouraring.com in the real world.
    sandbox_path("oura-token/oauth/v2/ext/oauth-token", oura_oauth.token, name="oura-token"),
    sandbox_path("oura/oauth/token", oura_oauth.old_token, name="oura-old-token"),
    sandbox_path("oura/oauth/revoke", oura_oauth.revoke, name="oura-revoke"),
    sandbox_path(
        "oura/v2/webhook/subscription", oura_webhooks.subscriptions, name="oura-subscriptions"
    ),
    sandbox_path(
        "oura/v2/webhook/subscription/<uuid:subscription_id>",
        oura_webhooks.subscription,
        name="oura-subscription",
    ),
    sandbox_path(
        "oura/v2/webhook/subscription/renew/<uuid:subscription_id>",
        oura_webhooks.renew,
        name="oura-renew",
    ),
    sandbox_path("oura/events", oura_controls.events, name="oura-events"),
    sandbox_path("oura/expire", oura_controls.expire, name="oura-expire"),
    sandbox_path("oura/token-requests", token_requests("oura"), name="oura-token-requests"),
    sandbox_path("oura/v2/usercollection/<str:route>", oura.usercollection, name="oura"),
    sandbox_path(
        "oura/v2/usercollection/<str:route>/<str:document_id>", oura.document, name="oura-document"
    ),
    sandbox_path("oura/v2/sandbox/usercollection/<str:route>", oura.try_out, name="oura-try-out"),
    sandbox_path(
        "oura/v2/sandbox/usercollection/<str:route>/<str:document_id>",
        oura.try_out_document,
        name="oura-try-out-document",
    ),
    sandbox_path("openai/requests", openai.requests, name="openai-requests"),
    sandbox_path("openai/v1/chat/completions", openai.chat_completions, name="openai-chat"),
    sandbox_path("openai/v1/models", openai.models, name="openai-models"),
    sandbox_path("openai/v1/models/<str:name>", openai.one_model, name="openai-model"),
    sandbox_path("mailbox/", mailbox.mailbox, name="mailbox"),
    sandbox_path("mailbox/<str:mail_id>", mailbox.mail, name="mail"),
    sandbox_path("mailbox/<str:mail_id>/html", mailbox.mail_html, name="mail-html"),
    sandbox_path("apple-health/export.zip", apple_export.download, name="apple-export"),
]
