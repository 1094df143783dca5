"""Fixtures of the web tests: a database file of their own, a fake engine, a release, patients and staff."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client

from companion.release import Release, Releases, write
from tests.web.answers import Desk, starter
from tests.web.support import Background, FakeEngine, Patient, catalogue, clinic, make_release, rules
from web import db
from web.answers import reading
from web.answers.append_only import TABLES, protect
from web.answers.desk import make_desk
from web.answers.services import starter_import
from web.chat import engine as engine_client
from web.chat import limits, spool, wording
from web.clinic.demo import DemoAccount
from web.clinic.roles import make_groups

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(scope="session")
def django_db_use_migrations() -> bool:
    """Tables straight from the models: seconds instead of a minute. A test checks that the migrations say the same."""
    return False


@pytest.fixture(autouse=True)
def allow_database_beside_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright leaves an event loop running in this thread, which Django would take for async code."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def server() -> Iterator[Background]:
    """The event loop in which the web side runs, as under uvicorn."""
    background = Background()
    yield background
    background.run(engine_client.close())
    db.turns.close()
    db.pages.close()
    db.chores.close()
    background.stop()


@pytest.fixture(scope="session")
def fake_engine() -> Iterator[FakeEngine]:
    background = Background()
    fake = FakeEngine(background)
    fake.open()
    yield fake
    fake.close()
    background.stop()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder for releases, spool and accounts; the database file is the test run's."""
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
    return tmp_path


Publish = Callable[..., Release]


@pytest.fixture
def publish(home: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Put a release in force, with changed texts or facts of the clinic."""
    in_force: list[Release] = []

    def put(**changes: Any) -> Release:
        content = make_release(previous=in_force[-1] if in_force else None, **changes)
        monkeypatch.setattr(wording, "_releases", Releases(write(content)))
        in_force.append(Release(content))
        fake_engine.release = in_force[-1]
        return in_force[-1]

    return put


@pytest.fixture
def release(publish: Publish) -> Release:
    return publish()


@pytest.fixture
def engine(
    fake_engine: FakeEngine, release: Release, home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeEngine]:
    settings.ENGINE_URL = fake_engine.url
    screen = rules(home)
    monkeypatch.setattr("web.chat.turn.phrase_rules", lambda: screen)
    fake_engine.reset(release)
    limits.requests_of_address.forget()
    limits.messages_of_conversation.forget()
    db.turns.resume()
    db.pages.resume()
    db.chores.resume()
    yield fake_engine
    fake_engine.let_go()
    spool._in_memory.clear()


@pytest.fixture
def patient(transactional_db: None, engine: FakeEngine, server: Background) -> Patient:
    return Patient(server)


@pytest.fixture
def address(patient: Patient, server: Background, unused_port: int) -> Iterator[str]:
    """The web side behind a real HTTP server, for whoever needs more than Django's test client sends."""
    from web.asgi import application

    config = uvicorn.Config(application, port=unused_port, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    http = uvicorn.Server(config)
    serving = server.start(http.serve())
    while not http.started:
        assert not serving.done(), serving.exception()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{unused_port}"
    http.should_exit = http.force_exit = True
    serving.result(timeout=10)


@pytest.fixture
def another_patient(patient: Patient, server: Background) -> Patient:
    return Patient(server)


@pytest.fixture
def person(transactional_db: None) -> Callable[..., User]:
    """Make an account with a second factor: `person("alice", "Staff")`."""
    cache.clear()
    make_groups()

    def make(name: str, *groups: str, second_factor: bool = True) -> User:
        user = User.objects.create_user(name, password=f"{name}-has-a-long-password", first_name=name.title())
        user.groups.set(Group.objects.filter(name__in=groups))
        if second_factor:
            TOTP.activate(user, SECRET)
        return user

    return make


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def current_code() -> str:
    return DemoAccount("", "", "", SECRET).code()


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    """A signed-in browser of somebody, by the real way: password, then code."""

    def sign_in(user: User) -> Client:
        client = Client(raise_request_exception=False)
        cache.clear()
        response = client.post(
            "/accounts/login/", {"login": user.username, "password": f"{user.username}-has-a-long-password"}
        )
        assert response.status_code == 302 and response["Location"].startswith("/accounts/2fa/authenticate/"), (
            response.content
        )
        response = client.post("/accounts/2fa/authenticate/", {"code": current_code()})
        assert response.status_code == 302, response.content
        return client

    return sign_in


@pytest.fixture
def alice(person: Callable[..., User]) -> User:
    return person("alice", "Staff")


@pytest.fixture
def bob(person: Callable[..., User]) -> User:
    return person("bob", "Staff")


@pytest.fixture
def charlie(person: Callable[..., User]) -> User:
    """Has an account and no role."""
    return person("charlie")


@pytest.fixture
def erin(person: Callable[..., User]) -> User:
    return person("erin", "Editors")


@pytest.fixture
def desk(
    person: Callable[..., User],
    browser_of: Callable[[User], Client],
    release: Release,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """The editors' desk with a small catalogue; the record can be emptied again only after the test."""
    monkeypatch.setattr(reading, "starter", starter)
    monkeypatch.setattr(reading, "clinic", clinic)
    monkeypatch.setattr(reading, "sections", lambda: catalogue().sections)
    make_desk()
    protect()
    starter_import()
    yield Desk(person, browser_of)
    lift()


@pytest.fixture
def unprotected(desk: Desk) -> None:
    """Somebody who owns the database has dropped the triggers."""
    lift()


def lift() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            for verb in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
