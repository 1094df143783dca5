"""The alerts' addresses, mounted at /staff/alerts/."""

from django.urls import path

from web.alerts import views

app_name = "alerts"

urlpatterns = [
    path("", views.deliveries, name="deliveries"),
    path("recipients/", views.recipients, name="recipients"),
    path("recipients/<int:pk>/switch/", views.recipient_switch, name="recipient_switch"),
    path("recipients/<int:pk>/test/", views.recipient_test, name="recipient_test"),
    path("<uuid:pk>/", views.alert, name="alert"),
]
