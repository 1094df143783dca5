from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class AnswersConfig(AppConfig):
    name = "web.answers"
    label = "answers"

    def ready(self) -> None:
        from web.answers.append_only import protect
        from web.answers.desk import make_desk

        post_migrate.connect(protect, sender=self, dispatch_uid="answers.protect")
        last = list(apps.get_app_configs())[-1]  # the rights that it gives are made app by app
        post_migrate.connect(make_desk, sender=last, dispatch_uid="answers.make_desk")
