from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "web.alerts"
    label = "alerts"
