from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.notifications.providers import SmtpServer, serving


@pytest.fixture
def smtp(settings: LazySettings) -> Iterator[SmtpServer]:
    server = SmtpServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = False, 10
    with serving(server):
        yield server
