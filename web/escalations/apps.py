from django.apps import AppConfig


class EscalationsConfig(AppConfig):
    name = "web.escalations"
    label = "escalations"
