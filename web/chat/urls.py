"""Pages of the chat; its API is in `api_urls.py`."""

from django.urls import path, re_path

from web.chat import pages

urlpatterns = [
    path("chat/", pages.chat, name="chat"),
    path("chat/widget.js", pages.widget, name="widget"),
    path("help/", pages.help_page, name="help"),
    re_path(r"^safety-protocol/?$", pages.safety_protocol, name="safety_protocol"),
    path("embed.js", pages.embed, name="embed"),
]
