"""All addresses of the web side."""

from django.urls import include, path
from django.views.generic import RedirectView
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from web import problems
from web.answers import views
from web.clinic import demo_views, start
from web.health import health
from web.static_files import static_file

to_login = RedirectView.as_view(pattern_name="account_login", query_string=True)

urlpatterns = [
    path("api/chat/", include("web.chat.api_urls")),
    path("health", health, name="health"),
    path("static/<path:path>", static_file),
    path("staff/alerts/", include("web.alerts.urls")),
    path("staff/", include("web.escalations.urls")),
    path("accounts/start/", start.start, name="start"),
    path("accounts/password/reset/", to_login),  # this service sends no e-mail; administrators set new passwords
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("demo/sign-ins/", demo_views.sign_ins, name="demo_sign_ins"),
    # Wagtail's own doors are closed: there is one way in, and it asks for the second factor.
    path("admin/login/", to_login),
    path("admin/logout/", RedirectView.as_view(pattern_name="account_logout")),
    path("admin/password_reset/", to_login),
    path("admin/documents-served/", include(wagtaildocs_urls)),
    path("admin/", views.home),
    path("admin/", include(wagtailadmin_urls)),
    path("", include("web.clinic.urls")),
    path("", include("web.chat.urls")),
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.not_found
handler500 = problems.server_error
