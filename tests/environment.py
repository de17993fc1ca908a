"""The environment the tests run in, set before the settings are read.

DATABASE_URL and REDIS_URL given from outside are kept: then the same tests use those services.
"""

import atexit
import os
import random
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path


def free_port() -> int:
    """One below those that outgoing connections take: it is still free when it is listened on."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


# One folder a run; a part of it for each process of the run. Who made it removes it.
if "LANTERNE_TEST_DIR" not in os.environ:
    os.environ["LANTERNE_TEST_DIR"] = tempfile.mkdtemp(prefix="lanterne-tests-")
    atexit.register(shutil.rmtree, os.environ["LANTERNE_TEST_DIR"], ignore_errors=True)
_folder = os.environ["LANTERNE_TEST_DIR"]
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")

os.environ.update(
    # A developer's own .env names real services: no test may reach them.
    ENV_FILE=os.devnull,
    DEBUG="1",
    SANDBOX="1",
    VAR_DIR=str(Path(_folder) / _worker),
    # The stand-in servers listen here while a test runs (see conftest.py).
    PORT=str(free_port()),
    OPERATOR_EMAILS="ops@example.org",
    MAIL_WEBHOOK_SECRET="mail:hook",
    LOG_LEVEL="WARNING",
)
for _part in ("static", "broker/queue", "broker/control"):
    (Path(os.environ["VAR_DIR"]) / _part).mkdir(parents=True, exist_ok=True)
for _real in (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OURA_API_URL", "METRICS_TOKEN", "SITE_URL"),
    *("STRAVA_CLIENT_ID", "STRAVA_API_URL", "STRAVA_OAUTH_URL"),
    *("OURA_CLIENT_ID", "OURA_CLIENT_SECRET", "OURA_CONSENT_URL", "OURA_CONSENT_HOSTS"),
    *("OURA_TOKEN_URL", "OURA_USES_BASIC_AUTH", "OURA_REVOKE_URL", "OURA_SCOPES"),
    "OURA_TAKES_PASTED_TOKENS",
    *("EMAIL_HOST", "EMAIL_BACKEND", "S3_BUCKET", "CLIENT_IP_HEADER", "REGISTRATION"),
    *("EMAIL_SES_CONFIGURATION_SET", "SENDGRID_API_KEY", "SENDGRID_API_URL"),
    "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY",
):
    os.environ.pop(_real, None)
