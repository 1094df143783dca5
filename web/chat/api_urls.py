"""The patient API's addresses, mounted at /api/chat/."""

from django.urls import path

from web.chat import api
from web.chat.openapi import openapi

urlpatterns = [
    path("conversations", api.api(POST=api.start)),
    path("conversations/current", api.api(GET=api.transcript, DELETE=api.delete)),
    path("messages", api.api(POST=api.say)),
    path("events", api.api(GET=api.follow)),
    path("contact", api.api(POST=api.contact)),
    path("feedback", api.api(POST=api.feedback)),
    path("openapi.json", api.api(GET=openapi)),
]
