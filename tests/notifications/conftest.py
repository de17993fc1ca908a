from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.notifications.providers import HttpServer, SmtpServer, serving


@pytest.fixture
def smtp(settings: LazySettings) -> Iterator[SmtpServer]:
    server = SmtpServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = False, 10
    with serving(server):
        yield server


@pytest.fixture
def sendgrid(settings: LazySettings) -> Iterator[HttpServer]:
    server = HttpServer()
    server.status, server.body = 202, b""
    settings.EMAIL_BACKEND = "anymail.backends.sendgrid.EmailBackend"
    settings.ANYMAIL = {"SENDGRID_API_KEY": "SG.key", "SENDGRID_API_URL": f"{server.url}/v3/"}
    with serving(server):
        yield server
