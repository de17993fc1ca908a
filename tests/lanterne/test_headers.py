import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db

PAGES = [
    "/",
    "/auth/login",
    "/auth/register",
    "/connections",
    "/settings",
    "/api/schema",
    "/nowhere",
]


@pytest.fixture
def deployed(settings: LazySettings) -> None:
    """Django shows its own page for an error while DEBUG is on, and that one needs more."""
    settings.DEBUG = False


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("path", PAGES)
def test_every_answer_tells_the_browser_what_it_may_do(as_tester: Client, path: str) -> None:
    headers = as_tester.get(path).headers

    policy = dict(
        part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; ") if " " in part
    )
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"]) == ("'self'", "'self'")
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "geolocation=()" in headers["Permissions-Policy"]


def test_no_template_of_a_page_carries_script_or_style_of_its_own() -> None:
    """The policy would switch them off without a word."""
    templates = Path(settings.BASE_DIR, "templates")
    pages = [path for path in templates.rglob("*.html") if "email" not in path.parts]

    offending = [
        str(path.relative_to(templates))
        for path in pages
        if any(
            mark in path.read_text().lower()
            for mark in ("<style", " style=", "<script>", " onclick=", " onload=", " hx-on")
        )
    ]

    assert offending == []


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(client: Client) -> None:
    cookie = client.get("/auth/login").cookies["csrftoken"]

    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(
    client: Client, tester: User
) -> None:
    answer = client.post(
        "/auth/login", {"login": tester.email, "password": "correct horse battery"}
    )

    cookie = answer.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def deployed_settings(*names: str, **chosen: str) -> list[str]:
    """What the settings say on a machine that is deployed to, with https."""
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "x" * 60,
        "FIELD_ENCRYPTION_KEYS": settings.FIELD_ENCRYPTION_KEYS[0],
        "SITE_URL": "https://coach.example.org",
        "ALLOWED_HOSTS": "coach.example.org",
        "DJANGO_SETTINGS_MODULE": "lanterne.settings",
        **chosen,
    }
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from lanterne import settings\nfor name in {names!r}: print(getattr(settings, name))",
        ],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.splitlines()


def test_deployed_site_speaks_https_only_and_keeps_its_cookies_to_it() -> None:
    assert deployed_settings(
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "DEBUG",
        "SANDBOX",
        "REGISTRATION",
    ) == ["True", "31536000", "True", "True", "True", "False", "False", "invite"]


def test_deployed_policy_lets_the_strava_button_lead_to_strava_and_nothing_be_framed() -> None:
    (told,) = deployed_settings("CONTENT_SECURITY_POLICY", STRAVA_CLIENT_ID="c")
    (without,) = deployed_settings("CONTENT_SECURITY_POLICY")

    assert "'form-action': [\"'self'\", 'https://www.strava.com']" in told
    assert "strava" not in without
    assert "'frame-src': [\"'none'\"]" in told
    assert "'upgrade-insecure-requests': True" in told


def test_deployed_policy_lets_the_oura_form_lead_on_to_every_host_of_oura() -> None:
    """Its consent page redirects, and a browser holds the whole way against the policy."""
    consent, policy = deployed_settings(
        "OURA_CONSENT_URL", "CONTENT_SECURITY_POLICY", OURA_CLIENT_ID="c", OURA_CLIENT_SECRET="s"
    )

    assert consent == "https://cloud.ouraring.com/oauth/authorize"
    hosts = "'https://cloud.ouraring.com', 'https://*.ouraring.com'"
    assert f"'form-action': [\"'self'\", {hosts}]" in policy
