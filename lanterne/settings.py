"""Every setting, in sections; the only place that reads the environment.

`.env.example` explains each variable. With none set and SANDBOX=1 (what `make up` does) the service
talks to stand-in servers of its own; each variable that names a real service replaces one of them.
"""

import warnings
import zoneinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from celery.schedules import crontab
from kombu import Queue

# Lets `ModelAdmin[Mission]` and its like be written where types are wanted.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(env("ENV_FILE", default=str(BASE_DIR / ".env")))

# The operating system's zone files lag behind the pinned tzdata package by months.
zoneinfo.reset_tzpath(to=())

# --- What kind of installation this is ----------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SANDBOX = env.bool("SANDBOX", default=False)
VAR_DIR = Path(env("VAR_DIR", default=str(BASE_DIR / "var")))
PORT = env.int("PORT", default=8000)
SITE_URL = env("SITE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
IS_HTTPS = SITE_URL.startswith("https://")

SECRET_KEY = env("SECRET_KEY", default="sandbox-only-not-a-secret") if DEBUG else env("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])

# Fernet keys, newest first: the first encrypts, all of them decrypt.
FIELD_ENCRYPTION_KEYS = env.list(
    "FIELD_ENCRYPTION_KEYS",
    default=["c2FuZGJveC1vbmx5LWtleS1ub3QtYS1zZWNyZXQhISE="] if DEBUG else environ.Env.NOTSET,
)

# --- Applications --------------------------------------------------------------------------------

INSTALLED_APPS = [
    "lanterne",
    "accounts",
    "connections",
    "missions",
    "coach",
    "notifications",
    *(["sandbox"] if SANDBOX else []),
    "lanterne.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "anymail",
    "csp",
    "django_celery_beat",
    "django_prometheus",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "social_django",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "lanterne.headers.PermissionsPolicy",
    "lanterne.away.says_away",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "connections.incoming.drops_parts",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.formats.of_the_reader",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sessions.LastSeen",
    "accounts.throttle.SayWait",
    "connections.oauth.ConsentMessages",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "lanterne.urls"
WSGI_APPLICATION = "lanterne.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "lanterne.dashboard.site",
            ],
            "builtins": ["accounts.templatetags.formats"],
        },
    },
]

# --- Database and cache: SQLite in var/ unless DATABASE_URL says otherwise ----------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'lanterne.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Take the write lock at BEGIN: a read that turns into a write cannot wait for it.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    # So many connections for all threads of a process together; 0: each thread has its own.
    DB_POOL_SIZE = env.int("DB_POOL_SIZE", default=0)
    DATABASES["default"] |= {
        # What comes out of a pool has its own age.
        "CONN_MAX_AGE": 0 if DB_POOL_SIZE else env.int("CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
        # Behind a pooler that gives each transaction another connection, a cursor would be lost.
        "DISABLE_SERVER_SIDE_CURSORS": env.bool("DB_BEHIND_PGBOUNCER", default=False),
        "OPTIONS": {
            # A server that fell silent is noticed, not waited for as long as TCP would.
            "connect_timeout": 5,
            "tcp_user_timeout": 30_000,
            "keepalives_idle": 30,
            **DATABASES["default"].get("OPTIONS", {}),
        },
    }
    if DB_POOL_SIZE:
        DATABASES["default"]["OPTIONS"]["pool"] = {
            "min_size": min(2, DB_POOL_SIZE),
            "max_size": DB_POOL_SIZE,
            "timeout": 30,
            # While the server is away it is tried again soon, not after ever longer pauses.
            "reconnect_timeout": 5,
        }

REDIS_URL = env("REDIS_URL", default="")

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 3, "socket_timeout": 15},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
        # Above its number of entries it forgets some at random: counted attempts among them.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
    # Parts of pages that look the same to everybody and take long to render, in each process.
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "fragments",
    },
    # What the stand-in servers remember: tokens given out, and how they were told to misbehave.
    "sandbox": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "sandbox",
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

# --- Worker and scheduler: a folder as broker unless REDIS_URL says otherwise --------------------

CELERY_BROKER_URL = REDIS_URL or "folder://localhost"
BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        # Longer than the longest task, or it would be delivered twice while it runs. What a killed
        # worker held comes back sooner than that, through its row and a sweep.
        "visibility_timeout": 3 * 3600,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A ceiling, above the tasks that one process may have in hand: where an acknowledgement
        # finds no connection its task comes again.
        "max_connections": 500,
        "socket_connect_timeout": 3,
        # A server that is frozen for ten seconds is not noticed; one that is gone is.
        "socket_timeout": 15,
        "socket_keepalive": True,
    }
    if REDIS_URL
    else {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: what waits meanwhile waits in the database.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# What is in hand is finished without the broker: the message that comes again finds it done.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# A message that kills its worker must not come back at once, again and again: rows and sweeps bring
# the work back, after a pause and a few times.
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2}
# A worker that is told of no queue takes from all of them.
CELERY_TASK_QUEUES = [Queue("wake"), Queue("celery"), Queue("runs"), Queue("heavy")]
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    # What the scheduler sends by the minute is short, and void soon: nothing may stand before it.
    "coach.open_mornings": {"queue": "wake"},
    "coach.sweep": {"queue": "wake"},
    "notifications.sweep": {"queue": "wake"},
    "connections.sweep": {"queue": "wake"},
    "connections.refresh": {"queue": "wake"},
    "missions.sweep": {"queue": "wake"},
    "accounts.sweep": {"queue": "wake"},
    # Those wait for the model: many at once, in threads.
    "coach.run_mission_day": {"queue": "runs"},
    "coach.draft_mission": {"queue": "runs"},
    "coach.write_reflection": {"queue": "runs"},
    # Those compute for minutes: in processes, which alone can be ended when they hang.
    "connections.import_apple_health": {"queue": "heavy"},
    "connections.read_ride_files": {"queue": "heavy"},
    "accounts.export": {"queue": "heavy"},
}
CELERY_WORKER_CONSUMER = "lanterne.watched:Reader"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
# The newest beat is written at once: a killed scheduler does not fire the same minute again.
CELERY_BEAT_SYNC_EVERY = 1
# Workers are told of so many runs at once: about twice what all of them do at a time.
RUNS_IN_FLIGHT = env.int("RUNS_IN_FLIGHT", default=100)
# How often what got lost on its way to a worker is looked for.
SWEEP_EVERY_S = env.float("SWEEP_EVERY_S", default=60.0)


def _often(task: str, schedule: Any) -> dict[str, Any]:
    """While no worker takes them no more than an hour's pile up: each looks at all that is due."""
    return {"task": task, "schedule": schedule, "options": {"expire_seconds": 3600}}


CELERY_BEAT_SCHEDULE = {
    "runs that nobody holds": _often("coach.sweep", SWEEP_EVERY_S),
    "mail that is due": _often("notifications.sweep", SWEEP_EVERY_S),
    "uploads that nobody holds": _often("connections.sweep", SWEEP_EVERY_S),
    "sources whose hour has come": _often("connections.refresh", 60.0),
    "missions moved by the date": _often("missions.sweep", crontab(minute="*/15")),
    "exports and deletions that nobody holds": _often("accounts.sweep", 300.0),
    "what is kept no longer": {"task": "accounts.purge", "schedule": crontab(hour=2, minute=10)},
    "readings that are kept no longer": {
        "task": "connections.purge",
        "schedule": crontab(hour=2, minute=20),
    },
    "situations of long ago": {"task": "coach.purge", "schedule": crontab(hour=2, minute=30)},
    "addresses nobody here has": {
        "task": "notifications.purge",
        "schedule": crontab(hour=2, minute=40),
    },
    # Once a day; asked often, so that an hour without a scheduler costs no day.
    "models that are switched off": _often("coach.look_at_models", 600.0),
}
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- Accounts: who may register, how they sign in ------------------------------------------------

# open: everybody; invite: whom an operator has invited in the admin; closed: nobody.
REGISTRATION = env("REGISTRATION", default="open" if SANDBOX else "invite")

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backend.ByAddress"]  # and those of the sources, below
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_RESET_TIMEOUT = 3600
SESSION_COOKIE_AGE = 30 * 86_400
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# A header of the proxy in front that names who asks, such as Fly-Client-IP; without one, the peer.
ALLAUTH_TRUSTED_CLIENT_IP_HEADER = env("CLIENT_IP_HEADER", default="") or None
ACCOUNT_ADAPTER = "notifications.account_mail.MailingAdapter"
ACCOUNT_FORMS = {
    "add_email": "accounts.forms.NewAddressForm",
    "change_password": "accounts.forms.RenewPasswordForm",
    "login": "accounts.forms.SignInForm",
    "reauthenticate": "accounts.forms.PasswordAgainForm",
    "signup": "accounts.forms.RegisterForm",
    "reset_password": "accounts.forms.AskForResetForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 3
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CONFIRM_EMAIL_ON_GET = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
# Signing in, registering and resetting are counted by accounts.throttle; the rest by the library.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "signup": None,
    "reset_password": None,
    "login_failed": "10/5m/key",
    # Each registration has a link of its own, and they are counted already.
    "confirm_email": "20/h/key",
}
MFA_ADAPTER = "accounts.second_factor.EncryptingAdapter"
MFA_FORMS = {
    "activate_totp": "accounts.second_factor.FirstCodeForm",
    "authenticate": "accounts.second_factor.SignInCodeForm",
    "reauthenticate": "accounts.second_factor.CodeAgainForm",
}
MFA_TOTP_ISSUER = "Lanterne Rouge"
MFA_TOTP_TOLERANCE = 1
# Nobody comes in before their address is confirmed; this is about a new one that still waits.
MFA_ALLOW_UNVERIFIED_EMAIL = True
ACCESS_TOKEN_LASTS_S = 15 * 60
REFRESH_TOKEN_LASTS_S = 30 * 86_400
INVITATION_LASTS_S = 14 * 86_400
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", default=400)
# Taken in this order when an account is deleted, each `step(user, now)`, each harmless when taken
# again; the one that may have to wait for somebody else comes last.
ACCOUNT_DELETION_STEPS = (
    "missions.schedule.stop_for",
    "connections.apple_uploads.remove_files_of",
    "connections.ride_files.remove_files_of",
    "notifications.outbox.forget",
    "connections.consent.withdraw_everywhere",
)

# How often: (counted by, at most, in how many seconds). Of sign-ins only the failed ones count.
THROTTLES: dict[str, list[tuple[str, int, int]]] = {
    "login": [("both", 5, 300), ("network", 20, 300), ("address", 30, 300)],
    "register": [("address", 10, 3600), ("account", 5, 3600)],
    "reset": [("address", 10, 3600), ("account", 5, 3600)],
    "refresh": [("address", 120, 300)],
    "new_email": [("address", 10, 3600), ("account", 5, 3600)],
    "draft": [("address", 20, 3600), ("account", 10, 3600)],
    "run": [("address", 60, 3600), ("account", 20, 3600)],
    "upload": [("address", 60, 3600), ("account", 30, 3600)],
    "sync": [("account", 6, 3600)],
    "connect": [("address", 60, 3600), ("account", 20, 3600)],
    # Only what is refused; of the others a provider may send thousands.
    "webhook": [("address", 300, 300)],
    "export": [("address", 20, 86_400), ("account", 5, 86_400)],
    # By account alone: a mail provider presses the button for many from one address.
    "unsubscribe": [("account", 60, 3600)],
    "mail_again": [("address", 30, 3600), ("account", 5, 3600)],
    "calendar": [("address", 60, 3600), ("account", 20, 3600)],
    # Only tokens that open nothing: one server of a provider asks for many testers.
    "calendar_token": [("address", 60, 300)],
}

# --- The API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["lanterne.bodies.ObjectParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "lanterne.bodies.AnyAccept",
    "DEFAULT_PAGINATION_CLASS": "lanterne.bodies.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "lanterne.api.problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lanterne Rouge",
    "DESCRIPTION": (
        "The same coach the pages show, as JSON. "
        "Tokens come from `POST /api/auth/login`, which takes an e-mail address and a password."
    ),
    "VERSION": "1",
    # The decision comes from pydantic, whose JSON Schema 3.0 cannot hold.
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "DraftOutcomeEnum": "coach.models.MissionDraft.Outcome",
        "MissionStateEnum": "missions.models.Mission.State",
        "MissionTypeEnum": "missions.models.Mission.Type",
        "RiddenModeEnum": "missions.appeals.RIDDEN_CHOICES",
        "RideFileStatusEnum": "connections.models.RideFile.Status",
        "RideModeEnum": "missions.models.RideMode",
        "RunOutcomeEnum": "coach.models.MissionRun.Outcome",
        "SourceStateEnum": "connections.panel.STATES",
        "StageTypeEnum": "missions.models.StageType",
        "SurveyMissionTypeEnum": "coach.replies.MISSION_TYPES",
        "UploadStatusEnum": "connections.models.AppleHealthUpload.Status",
    },
}

# --- Language, time and static files -------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- Stored files: var/media unless S3_BUCKET names a bucket -------------------------------------

S3_BUCKET = env("S3_BUCKET", default="")
_bucket = {
    "bucket_name": S3_BUCKET,
    "endpoint_url": env("S3_ENDPOINT_URL", default=None),
    "region_name": env("S3_REGION", default=None),
    "access_key": env("S3_ACCESS_KEY_ID", default=None),
    "secret_key": env("S3_SECRET_ACCESS_KEY", default=None),
    "addressing_style": env("S3_ADDRESSING_STYLE", default="auto"),
    "signature_version": "s3v4",
    "default_acl": None,
    "file_overwrite": True,
}
STORAGES = {
    "default": {
        "BACKEND": "accounts.artifacts.RetentionS3Storage",
        "OPTIONS": {
            **_bucket,
            "querystring_expire": 300,
            # A larger file goes to disk while it is read.
            "max_memory_size": 5 * 1024**2,
            "object_parameters": {"ServerSideEncryption": "AES256"},
        },
    }
    if S3_BUCKET
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "media", "allow_overwrite": True},
    },
    # What testers send, until it is read. The tag: should all else fail, the bucket forgets it.
    "uploads": {
        "BACKEND": "connections.incoming.Bucket",
        "OPTIONS": {
            **_bucket,
            "location": "incoming",
            "object_parameters": {
                "ContentType": "application/octet-stream",
                "ServerSideEncryption": "AES256",
                "Tagging": "retention=apple-health-raw-30d",
            },
        },
    }
    if S3_BUCKET
    else {"BACKEND": "connections.incoming.Folder"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_HANDLERS = [
    "connections.ride_files_counted.NoMoreThanTaken",
    "connections.incoming.ToDisk",
]
FILE_UPLOAD_PERMISSIONS = 0o600
# Uploads are received here, and stay here unless they go into a bucket.
UPLOAD_DIR = VAR_DIR / "uploads"
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=8 * 1024**3)
# Ride files: of each what it unpacks to, and how many are taken at once: at most 98, for
# Django ends a request with more than 100 files in words of its own.
RIDE_FILE_MAX_BYTES = 25_000_000
RIDE_FILES_AT_ONCE = 50

# --- E-mail: the sandbox mailbox unless EMAIL_HOST or EMAIL_BACKEND says otherwise ---------------

EMAIL_HOST = env("EMAIL_HOST", default="")
EMAIL_PORT = env.int("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", default=False)
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 30
EMAIL_FILE_PATH = VAR_DIR / "mailbox"
MAIL_IS_SANDBOXED = SANDBOX and not EMAIL_HOST and not env("EMAIL_BACKEND", default="")
EMAIL_BACKEND = env(
    "EMAIL_BACKEND",
    default="django.core.mail.backends.filebased.EmailBackend"
    if MAIL_IS_SANDBOXED
    else "django.core.mail.backends.smtp.EmailBackend",
)
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", default="Lanterne Rouge <coach@lanterne.local>")
OPERATOR_EMAILS = env.list("OPERATOR_EMAILS", default=["admin@lanterne.local"] if SANDBOX else [])
# How apps that may not import the outbox reach them; see accounts/operators.py.
TELL_OPERATORS = "coach.alerts.send"
# The same of a source that needs its tester; see connections/news.py.
TELL_TESTERS = "coach.source_mails.send"
# "user:password", as mail providers show it with each event; without one they are not listened to.
MAIL_WEBHOOK_SECRET = env("MAIL_WEBHOOK_SECRET", default="")
ANYMAIL: dict[str, Any] = {
    "AMAZON_SES_CLIENT_PARAMS": {
        "region_name": env("EMAIL_SES_REGION", default="eu-west-1"),
        # boto itself would send a mail again whose outcome it does not know; the outbox never does.
        "config": {"retries": {"total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 30},
    },
    # Which of the account's sets of event destinations a mail goes by.
    "AMAZON_SES_CONFIGURATION_SET_NAME": env("EMAIL_SES_CONFIGURATION_SET", default="") or None,
    "SENDGRID_API_URL": env("SENDGRID_API_URL", default="https://api.sendgrid.com/v3/"),
    "REQUESTS_TIMEOUT": 30,
    "WEBHOOK_SECRET": MAIL_WEBHOOK_SECRET,
    "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": env(
        "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY", default=""
    ),
}
if SENDGRID_API_KEY := env("SENDGRID_API_KEY", default=""):
    ANYMAIL["SENDGRID_API_KEY"] = SENDGRID_API_KEY
# Its makers do not test the library with SendGrid any more, as docs/operating.md says too; it would
# say so for each mail and each event.
warnings.filterwarnings("ignore", "django-anymail has dropped official support for SendGrid")

# --- The model -----------------------------------------------------------------------------------

OPENAI_API_KEY = env("OPENAI_API_KEY", default="")
IS_MODEL_SANDBOXED = SANDBOX and not OPENAI_API_KEY
OPENAI_BASE_URL = env(
    "OPENAI_BASE_URL",
    default=f"{SITE_URL}/sandbox/openai/v1" if IS_MODEL_SANDBOXED else "https://api.openai.com/v1",
)
COACH_MODEL_TRAINING = env("COACH_MODEL_TRAINING", default="gpt-4o-mini")
COACH_MODEL_EVENT = env("COACH_MODEL_EVENT", default="gpt-4o")
# Drafts missions from surveys, and looks back on them.
COACH_MODEL_BUILDER = env("COACH_MODEL_BUILDER", default="gpt-4o-mini")
COACH_TIMEOUT_S = env.float("COACH_TIMEOUT_S", default=60.0)
# So many questions at once, all workers together; 0 for no limit.
COACH_MOST_AT_ONCE = env.int("COACH_MOST_AT_ONCE", default=50)
# Requests and tokens a minute, where the server does not tell its own limits; 0 for no limit.
COACH_REQUESTS_PER_MINUTE = env.int("COACH_REQUESTS_PER_MINUTE", default=0)
COACH_TOKENS_PER_MINUTE = env.int("COACH_TOKENS_PER_MINUTE", default=0)
# Tokens of a calendar month (UTC), in and out together; 0 for no limit.
COACH_MONTHLY_TOKENS_PER_TESTER = env.int("COACH_MONTHLY_TOKENS_PER_TESTER", default=1_000_000)
COACH_MONTHLY_TOKENS = env.int("COACH_MONTHLY_TOKENS", default=20_000_000)
# US dollars for a million tokens, by a model’s exact name: asked, read from the cache, answered,
# and where that has a price of its own, written into the cache. As third parties quoted OpenAI in
# November 2026; a model that is not here has an unknown cost.
MODEL_PRICES: dict[str, list[str]] = {
    "gpt-4o-mini": ["0.15", "0.075", "0.60"],
    "gpt-4o": ["2.50", "1.25", "10.00"],
    "gpt-6-luna": ["0.10", "0.01", "0.50", "0.125"],
    "gpt-6.1-sol": ["2", "0.10", "10"],
    **env.json("MODEL_PRICES", default={}),
}
# What coach/abilities.py does not know of a model, or has wrong, by the beginning of its name.
MODEL_ABILITIES: dict[str, dict[str, Any]] = env.json("MODEL_ABILITIES", default={})

# --- Strava --------------------------------------------------------------------------------------

STRAVA_CLIENT_ID = env("STRAVA_CLIENT_ID", default="")
IS_STRAVA_SANDBOXED = SANDBOX and not STRAVA_CLIENT_ID
_strava = f"{SITE_URL}/sandbox/strava" if IS_STRAVA_SANDBOXED else "https://www.strava.com"
STRAVA_API_URL = env("STRAVA_API_URL", default=f"{_strava}/api/v3")
STRAVA_OAUTH_URL = env("STRAVA_OAUTH_URL", default=f"{_strava}/oauth")
SOCIAL_AUTH_STRAVA_KEY = STRAVA_CLIENT_ID or "10001"
SOCIAL_AUTH_STRAVA_SECRET = env("STRAVA_CLIENT_SECRET", default="sandbox-strava-secret")
SOCIAL_AUTH_STRAVA_SCOPE = ["read", "activity:read_all", "profile:read_all"]
SOCIAL_AUTH_STRAVA_AUTH_EXTRA_ARGUMENTS = {"approval_prompt": "auto"}
# A fresh code is refused now and then, and works so much later.
STRAVA_CODE_PAUSE_S = 2.0
# What Strava shows when it makes sure that we subscribed to events; unset: made from SECRET_KEY.
STRAVA_VERIFY_TOKEN = env("STRAVA_VERIFY_TOKEN", default="")
# Of what Strava grants all testers together, hourly readings leave the rest to the mornings' runs
# and to whoever waits in front of a page.
STRAVA_BACKGROUND_SHARE = 0.7

# --- Oura ----------------------------------------------------------------------------------------

OURA_CLIENT_ID = env("OURA_CLIENT_ID", default="")
IS_OURA_SANDBOXED = SANDBOX and not OURA_CLIENT_ID
_oura = f"{SITE_URL}/sandbox/oura"
OURA_API_URL = env(
    "OURA_API_URL", default=_oura if IS_OURA_SANDBOXED else "https://api.ouraring.com"
)
OURA_CONSENT_URL = env(
    "OURA_CONSENT_URL",
    default=f"{_oura}/oauth/authorize"
    if IS_OURA_SANDBOXED
    else "https://cloud.ouraring.com/oauth/authorize",
)
# Where the consent page leads on to: a browser blocks a form that is sent to elsewhere.
OURA_CONSENT_HOSTS = env.list(
    "OURA_CONSENT_HOSTS", default=[] if IS_OURA_SANDBOXED else ["https://*.ouraring.com"]
)
# Apps of Oura's older portal take https://api.ouraring.com/oauth/token.
OURA_TOKEN_URL = env(
    "OURA_TOKEN_URL",
    default=f"{_oura}-token/oauth/v2/ext/oauth-token"
    if IS_OURA_SANDBOXED
    else "https://moi.ouraring.com/oauth/v2/ext/oauth-token",
)
OURA_REVOKE_URL = env("OURA_REVOKE_URL", default=f"{OURA_API_URL}/oauth/revoke")
# Whether the secret travels in a header, as some apps there need it, and not in the form.
OURA_USES_BASIC_AUTH = env.bool("OURA_USES_BASIC_AUTH", default=False)
SOCIAL_AUTH_OURA_KEY = OURA_CLIENT_ID or "oura-sandbox"
SOCIAL_AUTH_OURA_SECRET = env("OURA_CLIENT_SECRET", default="sandbox-oura-secret")
# Scopes Oura does not know are dropped in silence and missed later, as a 401.
SOCIAL_AUTH_OURA_SCOPE = env.list(
    "OURA_SCOPES", default=["personal", "daily", "heartrate", "stress", "heart_health"]
)
# Oura gives out no personal access tokens any more; one that somebody has may still work.
OURA_TAKES_PASTED_TOKENS = env.bool("OURA_TAKES_PASTED_TOKENS", default=True)

# --- The sources: what speaks for each, and what may happen with its values ---------------------

OUTBOUND_TIMEOUT_S = 20.0
# Connections are read hourly; of those that are due at once, so many are handed out a minute.
REFRESH_MOST_PER_MINUTE = env.int("REFRESH_MOST_PER_MINUTE", default=2000)
# What was read so lately is not read again before a run.
REFRESH_FRESH_FOR_S = 600


def _source(
    prefix: str,
    label: str,
    provider: str,
    *,
    keep_days: str = "",
    rate_limit: tuple[int, int] | None = None,
    at_once: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """KEEP_DAYS: None for as long as the account; the providers' terms are in docs/privacy.md.

    A value that is none stays the text it is, for `manage.py check` to refuse. RATE_LIMIT:
    requests in a quarter of an hour and in a day (UTC), until an answer tells the true limits;
    None for a source whose requests are not counted. AT_ONCE: how many of all workers together
    read it at the same time; None for no limit. `more`: what its own folder reads there, by
    name, and for OAuth BACKEND, what social-auth connects it through; CONSENT_URL, where that
    leads, and CONSENT_HOSTS, where that leads on to.
    """
    days = env(f"{prefix}_KEEP_DAYS", default=keep_days).strip()
    return {
        "LABEL": label,
        "PROVIDER": f"connections.providers.{provider}",
        "KEEP_DAYS": int(days) if days.isdecimal() else days or None,
        "IN_PROMPTS": _switch(f"{prefix}_IN_PROMPTS"),
        "JOINED": _switch(f"{prefix}_JOINED"),
        "RATE_LIMIT": rate_limit,
        "AT_ONCE": at_once,
        **more,
    }


def _switch(name: str) -> bool | str:
    told = env(name, default="1").strip().lower()
    if told in env.BOOLEAN_TRUE_STRINGS:
        return True
    return False if told in {"0", "false", "off", "no", "n"} else told


# Without an application of its own a service has no consent page, and can only be given tokens.
_strava_consent: dict[str, Any] = {
    "BACKEND": "connections.providers.strava.backend.StravaOAuth2",
    "CONSENT_URL": STRAVA_OAUTH_URL,
}
_oura_consent: dict[str, Any] = {
    "BACKEND": "connections.providers.oura.backend.OuraOAuth2",
    "CONSENT_URL": OURA_CONSENT_URL,
    "CONSENT_HOSTS": OURA_CONSENT_HOSTS,
}
# In the order in which they count where a tester has chosen no other.
SOURCES = {
    "oura": _source(
        "OURA",
        "Oura",
        "oura.provider.Oura",
        at_once=20,
        **(_oura_consent if OURA_CLIENT_ID or IS_OURA_SANDBOXED else {}),
    ),
    "apple": _source("APPLE", "Apple Health", "apple_health.provider.AppleHealth"),
    "strava": _source(
        "STRAVA",
        "Strava",
        "strava.provider.Strava",
        keep_days="7",  # what Strava's API policy (section 6.2) allows
        rate_limit=(100, 1_000),  # those of a new application
        at_once=10,
        **(_strava_consent if STRAVA_CLIENT_ID or IS_STRAVA_SANDBOXED else {}),
    ),
    "file": _source("FILE", "Ride files", "ride_files.provider.RideFiles"),
}
AUTHENTICATION_BACKENDS += [source["BACKEND"] for source in SOURCES.values() if "BACKEND" in source]
SOCIAL_AUTH_URL_NAMESPACE = "social"
SOCIAL_AUTH_REDIRECT_IS_HTTPS = IS_HTTPS
SOCIAL_AUTH_NEW_ASSOCIATION_REDIRECT_URL = "/connections"
SOCIAL_AUTH_LOGIN_REDIRECT_URL = "/connections"
SOCIAL_AUTH_LOGIN_ERROR_URL = "/connections"
SOCIAL_AUTH_RAISE_EXCEPTIONS = False
SOCIAL_AUTH_PIPELINE = (
    "connections.oauth.require_consent",
    "connections.oauth.require_scopes",
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "social_core.pipeline.social_auth.social_user",
    "social_core.pipeline.social_auth.associate_user",
    "connections.oauth.keep_tokens_encrypted",
)

# --- Security ------------------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        # The mailbox of the sandbox shows a mail in a frame.
        "frame-src": ["'self'"] if SANDBOX else ["'none'"],
        # Connecting a source begins with a form of ours that leads there.
        "form-action": [
            "'self'",
            *(
                "{0.scheme}://{0.netloc}".format(urlsplit(source["CONSENT_URL"]))
                for source in SOURCES.values()
                if "CONSENT_URL" in source
            ),
            *(host for source in SOURCES.values() for host in source.get("CONSENT_HOSTS", [])),
        ],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "upgrade-insecure-requests": IS_HTTPS,
    }
}
METRICS_TOKEN = env("METRICS_TOKEN", default="")

# --- Logs and metrics ----------------------------------------------------------------------------

PROMETHEUS_EXPORT_MIGRATIONS = False
PRINT_WHAT_THEY_SEND = (
    *("amqp", "kombu", "psycopg"),
    *("boto3", "botocore", "s3transfer", "urllib3"),
    *("httpcore2", "httpx2", "openai"),
    *("oauthlib", "requests_oauthlib", "social", "social_core", "social_django"),
)
TELL_WHAT_BROKE_OFF = (
    "celery.app.trace",
    "celery.worker.consumer.consumer",
    "celery.worker.request",
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "without codes": {"()": "lanterne.logs.WithoutCodes"},
        "without values": {"()": "lanterne.logs.WithoutValues"},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Celery sets the level of the root to its own; each reading is told all the same.
        "connections": {"level": env("LOG_LEVEL", default="INFO")},
        # These print requests, statements and contexts, which carry tokens and health values: they
        # stay as quiet as this whatever LOG_LEVEL says.
        **{name: {"level": "WARNING"} for name in PRINT_WHAT_THEY_SEND},
        "django.db.backends": {"level": "INFO"},
        "django.template": {"level": "INFO"},
        "django.request": {"level": "INFO", "filters": ["without codes"]},
        "django.security.csrf": {"level": "INFO", "filters": ["without codes"]},
        # Says nothing unless gunicorn is told to keep an access log.
        "gunicorn.access": {
            "level": "INFO",
            "handlers": ["console"],
            "filters": ["without codes"],
            "propagate": False,
        },
        "django.utils.autoreload": {"level": "WARNING"},
        **{name: {"filters": ["without values"]} for name in TELL_WHAT_BROKE_OFF},
    },
}
