"""Everything below /sandbox/. Each address goes through the guard."""

from sandbox import apple_export, mailbox, modes
from sandbox.guard import sandbox_path
from sandbox.index import index
from sandbox.openai import api as openai
from sandbox.oura import api as oura
from sandbox.strava import api as strava
from sandbox.strava import oauth

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
    sandbox_path("oura/v2/usercollection/<str:route>", oura.usercollection, name="oura"),
    sandbox_path("openai/requests", openai.requests, name="openai-requests"),
    sandbox_path("openai/v1/chat/completions", openai.chat_completions, name="openai-chat"),
    sandbox_path("openai/v1/models", openai.models, name="openai-models"),
    sandbox_path("openai/v1/models/<str:name>", openai.one_model, name="openai-model"),
    sandbox_path("mailbox/", mailbox.mailbox, name="mailbox"),
    sandbox_path("mailbox/<str:mail_id>", mailbox.mail, name="mail"),
    sandbox_path("mailbox/<str:mail_id>/html", mailbox.mail_html, name="mail-html"),
    sandbox_path("apple-health/export.zip", apple_export.download, name="apple-export"),
]
