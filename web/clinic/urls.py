"""The clinic's own pages."""

from django.urls import path

from web.clinic import pages

urlpatterns = [path("", pages.home, name="home")]
