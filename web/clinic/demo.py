"""Demo accounts, in demo mode only: made-up people with random passwords and second factors, kept in one file."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from companion.clinic import Clinic, ClinicError
from companion.paths import home
from web.chat import wording
from web.clinic.roles import ADMINISTRATORS, CLINICIANS, EDITORS, STAFF

PEOPLE = (("sam", STAFF), ("erin", EDITORS), ("casey", CLINICIANS), ("ada", ADMINISTRATORS))
PERIOD = 30


class NotDemo(Exception):
    """This copy serves a real clinic; demo accounts must not exist in it."""


@dataclass(frozen=True)
class DemoAccount:
    name: str
    role: str
    password: str
    totp_secret: str

    def code(self) -> str:
        """The six digits that an authenticator app would show now."""
        return format_hotp_value(hotp_value(self.totp_secret, int(time.time()) // PERIOD))


def is_demo() -> bool:
    """Whether the release in force is a demo's; before there is one, what data/clinic.yml says."""
    if release := wording.current():
        return release.mode == "demo"
    try:
        return Clinic.load().mode == "demo"
    except ClinicError:
        return False


def accounts() -> list[DemoAccount]:
    """The demo accounts as they were made; none before `seed`."""
    try:
        return [DemoAccount(**entry) for entry in json.loads(_file().read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


@transaction.atomic
def seed() -> list[DemoAccount]:
    """Make the demo accounts, or bring them back to what the file says. Raises NotDemo."""
    if not is_demo():
        raise NotDemo
    known = {account.name: account for account in accounts()}
    people = [
        known.get(name) or DemoAccount(name, role, secrets.token_urlsafe(12), generate_totp_secret())
        for name, role in PEOPLE
    ]
    for account in people:
        _bring_about(account)
    _keep(people)
    return people


def _bring_about(account: DemoAccount) -> None:
    user, _ = get_user_model().objects.get_or_create(username=account.name)
    user.first_name, user.last_name = account.name.title(), "(demo)"
    if not user.check_password(account.password):
        user.set_password(account.password)
    user.save()
    user.groups.set(Group.objects.filter(name=account.role))
    found = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if found is None or decrypt(found.data["secret"]) != account.totp_secret:
        Authenticator.objects.filter(user=user).delete()
        TOTP.activate(user, account.totp_secret)


def _keep(people: list[DemoAccount]) -> None:
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        json.dump([asdict(account) for account in people], f, indent=1)
    scratch.replace(path)


def _file() -> Path:
    return home() / "demo-accounts.json"
