"""Signing in takes a password and a second factor; there is one door, and no sign-up."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from tests.web.conftest import current_code
from web.clinic import demo
from web.clinic.roles import make_groups

PASSWORD = "{}-has-a-long-password"


def give_password(client: Client, user: User) -> Any:
    return client.post("/accounts/login/", {"login": user.username, "password": PASSWORD.format(user.username)})


def test_a_password_alone_opens_nothing(alice: User) -> None:
    client = Client()
    assert give_password(client, alice)["Location"].startswith("/accounts/2fa/authenticate/")
    for address in ("/staff/", "/admin/", "/accounts/start/"):
        assert client.get(address)["Location"].startswith("/accounts/login/"), address


def test_a_wrong_code_opens_nothing_and_each_code_works_once(alice: User) -> None:
    client = Client()
    give_password(client, alice)
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.get("/staff/").status_code == 302
    code = current_code()
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert client.get("/staff/").status_code == 200
    second = Client()
    give_password(second, alice)
    second.post("/accounts/2fa/authenticate/", {"code": code})
    assert second.get("/staff/").status_code == 302, "the code was used already"


def test_everybody_lands_on_the_page_of_their_role(alice: User, erin: User, charlie: User, browser_of: Any) -> None:
    assert browser_of(alice).get("/accounts/start/")["Location"] == "/staff/"
    assert browser_of(erin).get("/accounts/start/")["Location"] == "/admin/answers-in-force/"
    assert browser_of(charlie).get("/accounts/start/").status_code == 403


def test_who_has_no_second_factor_must_set_one_up_first(person: Callable[..., User]) -> None:
    dora = person("dora", "Staff", second_factor=False)
    client = Client()
    give_password(client, dora)
    for address in ("/staff/", "/admin/", "/staff/queue.json", "/admin/answers-in-force/"):
        assert client.get(address)["Location"] == "/accounts/2fa/totp/activate/", address
    again = client.get("/accounts/2fa/totp/activate/")["Location"]
    client.post(again, {"password": PASSWORD.format("dora")})
    client.get("/accounts/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    code = demo.DemoAccount("", "", "", secret).code()
    assert client.post("/accounts/2fa/totp/activate/", {"code": code}).status_code == 302
    assert Authenticator.objects.filter(user=dora, type="totp").exists()
    assert client.get("/staff/").status_code == 200


def test_a_session_from_before_the_second_factor_is_ended(person: Callable[..., User]) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    dora = person("dora", "Staff", second_factor=False)
    thief = Client()
    give_password(thief, dora)
    TOTP.activate(dora, generate_totp_secret())
    assert thief.get("/staff/")["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in thief.session


def test_there_is_no_sign_up_and_no_other_door(alice: User, client: Client) -> None:
    page = client.get("/accounts/signup/").content.decode().lower()
    assert "closed" in page and "password1" not in page
    assert not client.post(
        "/accounts/signup/",
        {"username": "eve", "password1": "long-enough-password", "password2": "long-enough-password"},
    ).cookies.get("sessionid")
    assert not User.objects.filter(username="eve").exists()
    assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")
    assert client.post("/admin/login/", {"username": "alice", "password": PASSWORD.format("alice")}).status_code == 302
    assert "_auth_user_id" not in client.session
    assert client.get("/accounts/password/reset/")["Location"].startswith("/accounts/login/")
    assert "sign up" not in client.get("/accounts/login/").content.decode()
    assert client.get("/admin/password_reset/")["Location"].startswith("/accounts/login/")


def test_guessing_passwords_is_slowed_down(alice: User, client: Client) -> None:
    cache.clear()
    for _ in range(12):
        page = client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    assert page.status_code == 429 or "Too many" in page.content.decode()


def test_the_session_cookie_is_for_this_site_only(alice: User, browser_of: Any, settings: Any) -> None:
    cookie = browser_of(alice).cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"


def test_erin_reads_the_answers_in_force(erin: User, browser_of: Any, release: Any) -> None:
    browser = browser_of(erin)
    home = browser.get("/admin/", follow=True).content.decode()
    assert '"desk-in_force"' in home and '"images"' not in home and '"explorer"' not in home
    page = browser.get("/admin/answers-in-force/").content.decode()
    assert "You will be told when to stop eating." in page and "sample, not approved" in page


def test_editors_get_no_rights_on_pages_and_images_from_wagtail(erin: User) -> None:
    editors = erin.groups.get()
    editors.permissions.add(Permission.objects.get(codename="add_image"))
    make_groups()
    beside_answers = {name for name in erin.get_all_permissions() if not name.startswith("answers.")}
    assert beside_answers == {"wagtailadmin.access_admin"}


@pytest.fixture
def seeded(transactional_db: None, home: Path, release: Any) -> list[demo.DemoAccount]:
    make_groups()
    cache.clear()
    return demo.seed()


def test_demo_accounts_are_made_once_and_can_sign_in(seeded: list[demo.DemoAccount], home: Path) -> None:
    assert demo.seed() == seeded == demo.accounts()
    assert User.objects.count() == 4
    path = home / "demo-accounts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len({account["password"] for account in json.loads(path.read_text())}) == 4
    sam = seeded[0]
    client = Client()
    client.post("/accounts/login/", {"login": sam.name, "password": sam.password})
    client.post("/accounts/2fa/authenticate/", {"code": sam.code()})
    assert client.get("/staff/").status_code == 200


def test_seeding_prints_the_accounts_and_codes_can_be_asked_for(seeded: list[demo.DemoAccount]) -> None:
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    assert all(account.password in out.getvalue() for account in seeded)
    out = io.StringIO()
    call_command("demo_code", "sam", stdout=out)
    assert len(out.getvalue().strip()) == 6
    with pytest.raises(CommandError, match="no demo account"):
        call_command("demo_code", "nobody")


def test_demo_sign_ins_are_shown_at_this_machine_only(seeded: list[demo.DemoAccount], client: Client) -> None:
    assert seeded[0].password in client.get("/demo/sign-ins/", HTTP_HOST="127.0.0.1:8000").content.decode()
    away: list[dict[str, str]] = [
        {"REMOTE_ADDR": "10.0.0.7"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_FORWARDED": "for=127.0.0.1"},
    ]  # fmt: skip
    for extra in away:
        assert client.get("/demo/sign-ins/", **{"HTTP_HOST": "127.0.0.1:8000", **extra}).status_code == 404, extra


def test_in_clinic_mode_there_are_no_demo_accounts(
    seeded: list[demo.DemoAccount], publish: Any, client: Client
) -> None:
    publish(mode="clinic")
    assert client.get("/demo/sign-ins/", HTTP_HOST="127.0.0.1:8000").status_code == 404
    with pytest.raises(CommandError, match="demo mode only"):
        call_command("seed_demo")
    with pytest.raises(CommandError, match="no demo account"):
        call_command("demo_code", "sam")
