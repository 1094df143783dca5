"""Pages of the chat; its API is in `api_urls.py`."""

from django.urls import path

from web.chat import pages

urlpatterns = [
    path("chat/", pages.chat, name="chat"),
    path("help/", pages.help_page, name="help"),
    path("embed.js", pages.embed, name="embed"),
]
