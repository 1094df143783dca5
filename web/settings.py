"""Django settings. What differs between copies comes from the environment; state lives under COMPANION_HOME."""

from __future__ import annotations

import os

from companion.paths import home
from companion.secrets import secret

HOME = home()
HOME.mkdir(parents=True, exist_ok=True)


def _list(name: str, default: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def _rate(name: str, default: str) -> tuple[int, float]:
    """So many in so many seconds, written `60/30`."""
    words = os.environ.get(name, default)
    number, _, seconds = words.partition("/")
    try:
        rate = int(number), float(seconds)
    except ValueError:
        rate = 0, 0.0
    if rate[0] < 1 or not 0 < rate[1] <= 86400:
        raise ValueError(f"{name}={words} is no rate; write how many in how many seconds, for example {default}")
    return rate


DEBUG = False
SECRET_KEY = secret("django_secret_key", env="DJANGO_SECRET_KEY")
PORT = int(os.environ.get("PORT", "8000"))
ALLOWED_HOSTS = _list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS", "")
HTTPS = os.environ.get("HTTPS") == "1"  # set behind a proxy that ends TLS: cookies are then sent over TLS only

# The engine: loopback, its own token. Seconds; the whole answer to an urgent message has to stay under six.
ENGINE_URL = os.environ.get("ENGINE_URL", "http://127.0.0.1:5005").rstrip("/")
ENGINE_TOKEN = secret("engine_token", env="ENGINE_TOKEN")
ENGINE_DEADLINE = 4.0
ENGINE_DEADLINE_URGENT = 2.5  # when the phrase rules have found an urgent tier and the database is down as well
ENGINE_CONNECTIONS = 8  # at once: more would only share its one core and all be late; the urgent get the next place
TURNS_AT_ONCE = 64  # more are refused, with the lines, before anything is stored; urgent messages never are
DATABASE_BUSY = 1.0
DATABASE_DEADLINE = 1.2  # waiting for a thread and for the database together
DATABASE_PAUSE = 2.0  # after a failure go straight to the spool for so long
TURN_LEASE = 6.0  # whoever answers a message holds it for so long
SWEEP_EVERY = 30.0
SWEEP_AFTER = 30.0
EXPIRE_EVERY = 3600.0
DRAIN_EVERY = 1.0
FOLLOW_RECORD_EVERY = 60.0
DELIVER_EVERY = 1.0
WATCH_EVERY = 5.0
EVENTS_EVERY = 1.0
STAFF_EVENTS_EVERY = 0.5
HEARTBEAT = 15.0
EVENTS_AT_ONCE = 1000
EVENTS_OF_CONVERSATION = 8
BODY_DEADLINE = 10.0  # a request's body has to be there by then

# Limits (web/chat/limits.py); none of them is in the way of a message that the phrase rules find urgent.
LIMIT_CONVERSATION_MESSAGES = _rate("LIMIT_CONVERSATION_MESSAGES", "20/60")
LIMIT_ADDRESS_REQUESTS = _rate("LIMIT_ADDRESS_REQUESTS", "300/60")  # a ward or a household may share one address
LIMIT_REMEMBERED = 50_000  # addresses and conversations
TRUSTED_PROXIES = _list("TRUSTED_PROXIES", "")  # addresses or networks whose X-Forwarded-For is believed
TAKEOVER_IDLE = 120.0  # a person whose page has been closed for so long has left the patient

# Clinic websites that may embed the chat, as origins ("https://clinic.example"); our own pages always may.
EMBED_ORIGINS = _list("EMBED_ORIGINS", "")

INSTALLED_APPS = [
    "web.chat",
    "web.escalations",
    "web.alerts",
    "web.clinic",
    "web.answers",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "web.headers.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "web.clinic.signin.second_factor",
]

ROOT_URLCONF = "web.urls"
ASGI_APPLICATION = "web.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.clinic.roles.navigation",
            ]
        },
    }
]

# DATABASE_URL is reserved for PostgreSQL.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "db.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
        },
        "TEST": {"NAME": HOME / "test.sqlite3"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = WAGTAILADMIN_LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/accounts/start/"
ACCOUNT_ADAPTER = "web.clinic.signin.StaffOnly"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_SESSION_REMEMBER = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Integration Companion"

SESSION_COOKIE_NAME = f"companion_session_{PORT}"  # two copies on one host must not sign each other out
CSRF_COOKIE_NAME = f"companion_csrf_{PORT}"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

WAGTAIL_SITE_NAME = "Integration Companion"
PUBLIC_URL = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")  # what links in alerts begin with
WAGTAILADMIN_BASE_URL = PUBLIC_URL
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
WAGTAIL_PASSWORD_MANAGEMENT_ENABLED = False
WAGTAIL_PASSWORD_RESET_ENABLED = False
WAGTAIL_EMAIL_MANAGEMENT_ENABLED = False
WAGTAILDOCS_SERVE_METHOD = "serve_view"
WAGTAIL_AUTOSAVE_INTERVAL = 0  # every save is a revision with an author; half-typed words are none
WAGTAIL_FINISH_WORKFLOW_ACTION = "web.answers.workflow.publish_approved"
WAGTAIL_WORKFLOW_REQUIRE_REAPPROVAL_ON_EDIT = True

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
# E-mail is for alerts only (web/alerts), which hold nothing of a conversation. Without EMAIL_HOST none is sent.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_USER", ""), os.environ.get("EMAIL_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_TLS", "1") == "1"
EMAIL_TIMEOUT = 6
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'dummy'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "integration-companion@localhost")

# No message text in any log: exceptions are written as type and place, never as their message (web/logs.py).
LOGGING_CONFIG = "web.logs.configure"
LOGGING = {"all": "web.logs.configure"}
