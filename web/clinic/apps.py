from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ClinicConfig(AppConfig):
    name = "web.clinic"
    label = "clinic"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added

        from web.clinic.roles import make_groups
        from web.clinic.signin import remember_activation

        post_migrate.connect(make_groups, dispatch_uid="clinic.make_groups")
        authenticator_added.connect(remember_activation, dispatch_uid="clinic.remember_activation")
