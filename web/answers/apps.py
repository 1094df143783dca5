from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class AnswersConfig(AppConfig):
    name = "web.answers"
    label = "answers"

    def ready(self) -> None:
        from web.answers.append_only import protect
        from web.answers.desk import make_desk

        post_migrate.connect(protect, sender=self, dispatch_uid="answers.protect")
        last = [app for app in apps.get_app_configs() if app.models_module][-1]  # rights are made app by app
        post_migrate.connect(make_desk, sender=last, dispatch_uid="answers.make_desk")
