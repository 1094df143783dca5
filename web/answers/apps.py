from django.apps import AppConfig


class AnswersConfig(AppConfig):
    name = "web.answers"
    label = "answers"
