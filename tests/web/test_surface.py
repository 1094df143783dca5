"""What a browser and a monitor meet: headers, static files, health, errors; and that the migrations are complete."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.web.support import FakeEngine, Patient, locked_database


def policy(response: Any) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";"))


def test_pages_run_no_script_but_their_own_and_cannot_be_framed(db: None, client: Client, release: Any) -> None:
    for address in ("/accounts/login/", "/api/chat/nowhere", "/nowhere"):
        got = client.get(address)
        assert policy(got)["script-src"] == "'self'", address
        assert policy(got)["frame-ancestors"] == "'none'" and got["X-Frame-Options"] == "DENY", address
        assert got["X-Content-Type-Options"] == "nosniff" and got["Referrer-Policy"] == "same-origin"


def test_the_chat_can_be_framed_by_the_clinics_site_only(db: None, client: Client, release: Any, settings: Any) -> None:
    settings.EMBED_ORIGINS = ["https://clinic.example"]
    got = client.get("/chat/")
    assert policy(got)["frame-ancestors"] == "'self' https://clinic.example"
    assert "X-Frame-Options" not in got


def test_static_files_are_served_without_debug_and_nothing_else(db: None, client: Client, settings: Any) -> None:
    assert settings.DEBUG is False
    got = client.get("/static/clinic/staff.css")
    assert got.status_code == 200 and got["Content-Type"].startswith("text/css")
    assert client.get("/static/clinic/staff.css", headers={"If-None-Match": got["ETag"]}).status_code == 304
    for path in ("nothing.css", "../settings.py", "..%2f..%2fsettings.py", "clinic/", "/etc/passwd", "clinic/%00"):
        assert client.get(f"/static/{path}").status_code == 404, path


def test_health_says_what_is_missing(
    patient: Patient, engine: FakeEngine, server: Any, settings: Any, unused_port: int
) -> None:
    def health() -> Any:
        return server.run(patient.http.get("/health"))

    assert health().status_code == 200
    assert health().json() == {"ok": True, "database": True, "engine": True, "release": 1, "spool": 0}
    settings.ENGINE_URL = f"http://127.0.0.1:{unused_port}"
    assert (health().status_code, health().json()["engine"]) == (503, False)


def test_health_counts_what_waits_in_the_spool(patient: Patient, server: Any, settings: Any) -> None:
    settings.DATABASE_BUSY = 0.1
    with locked_database():
        patient.say("hello")
    assert server.run(patient.http.get("/health")).json()["spool"] == 1


def test_an_error_page_is_a_page_for_people_and_a_problem_for_programs(db: None, client: Client, release: Any) -> None:
    assert "<h1>Not found</h1>" in client.get("/nowhere").content.decode()
    assert client.get("/api/nowhere")["Content-Type"] == "application/problem+json"


def test_other_hosts_are_refused(db: None, client: Client, release: Any) -> None:
    assert client.get("/nowhere", HTTP_HOST="evil.example").status_code == 400


def test_the_migrations_say_what_the_models_say(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_lines_are_there_while_the_database_is_locked(patient: Patient, server: Any) -> None:
    with locked_database():
        for address in ("/chat/", "/help/", "/embed.js", "/"):
            got = server.run(patient.http.get(address))
            assert (got.status_code == 200 and "988" in got.content.decode()) or address in ("/",), address


@pytest.mark.parametrize(
    "name",
    [
        "staffing_closed",
        "alert_failed",
        "outage",
        "crisis",
        "emergency",
        "symptom",
        "too_long",
        "too_many",
        "busy",
        "greeting",
        "contact_saved",
        "alert_undelivered",
        "label_role_care_team",
        "label_role_clinician",
        "conversation_deleted",
        "conversation_deleted_kept",
    ],
)
def test_the_starter_catalogue_has_every_message_that_the_web_side_says(name: str) -> None:
    from companion.catalogue import load_catalogue

    keys = load_catalogue().items
    assert name in keys or f"{name}.1" in keys
