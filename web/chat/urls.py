"""Pages of the chat; its API is in `api_urls.py`."""

from django.urls import path, re_path

from web.chat import library_pages, pages

urlpatterns = [
    path("chat/", pages.chat, name="chat"),
    path("chat/widget.js", pages.widget, name="widget"),
    path("help/", pages.help_page, name="help"),
    path("privacy/", pages.privacy, name="privacy"),
    path("answers/", library_pages.index, name="library"),
    path("answers/es/", library_pages.index, {"language": "es"}, name="library_es"),
    re_path(r"^answers/es/(?P<key>[^/]+/[^/]+)/$", library_pages.one, {"language": "es"}, name="answer_es"),
    re_path(r"^answers/(?P<key>[^/]+/[^/]+)/$", library_pages.one, name="answer"),
    re_path(r"^safety-protocol/?$", pages.safety_protocol, name="safety_protocol"),
    path("embed.js", pages.embed, name="embed"),
]
