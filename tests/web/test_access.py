"""Nobody reads a conversation without its token; requests that make no sense are refused with a problem document."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core import signing
from django.test import AsyncClient

from tests.web.support import CRISIS, QUESTION, SYMPTOM, Background, FakeEngine, Patient, keys
from web.chat import tokens
from web.chat.incoming import MAX_TEXT
from web.chat.models import Message
from web.escalations.models import Escalation

ADDRESSES = [
    ("POST", "messages"),
    ("GET", "conversations/current"),
    ("DELETE", "conversations/current"),
    ("GET", "events"),
    ("POST", "contact"),
    ("POST", "feedback"),
]


def forged(patient: Patient) -> dict[str, str]:
    altered = patient.token[:-1] + ("A" if patient.token[-1] != "A" else "B")
    other_salt = signing.dumps({"c": patient.conversation.replace("-", ""), "s": 1, "r": "x"}, salt="another")
    other_key = signing.dumps(
        {"c": patient.conversation.replace("-", ""), "s": 1, "r": "x"}, key="guess", salt=tokens.SALT
    )
    return {
        "none": "",
        "no scheme": patient.token,
        "basic": f"Basic {patient.token}",
        "empty": "Bearer ",
        "altered": f"Bearer {altered}",
        "cut": f"Bearer {patient.token[:20]}",
        "the bare id": f"Bearer {patient.conversation}",
        "of another salt": f"Bearer {other_salt}",
        "of another key": f"Bearer {other_key}",
        "huge": "Bearer " + "x" * 5000,
        "not ours": f"Bearer {signing.dumps([1], salt=tokens.SALT)}",
    }


def test_no_forged_token_opens_anything(patient: Patient, server: Background) -> None:
    patient.say(CRISIS)
    for what, header in forged(patient).items():
        for method, address in ADDRESSES:
            got = patient.call(method, address, {"text": "hi", "client_message_id": "1"}, Authorization=header)
            assert got.status_code == 401, (what, method, address)
            assert got["Content-Type"] == "application/problem+json" and got["WWW-Authenticate"].startswith("Bearer")
    assert Message.objects.count() == 1


def test_a_token_opens_its_own_conversation_only(patient: Patient, another_patient: Patient) -> None:
    mine = patient.say(CRISIS)
    assert another_patient.call("GET", "conversations/current").json()["messages"] == []
    stolen = another_patient.call("POST", "feedback", {"message": mine["message"], "helpful": True})
    assert stolen.status_code == 404
    another_patient.call("DELETE", "conversations/current")
    assert len(patient.call("GET", "conversations/current").json()["messages"]) == 1


def test_a_token_in_the_address_or_a_cookie_is_worth_nothing(patient: Patient, server: Background) -> None:
    http = AsyncClient()
    http.cookies["token"] = patient.token
    got = server.run(http.get(f"/api/chat/conversations/current?token={patient.token}"))
    assert got.status_code == 401


def test_the_api_sets_no_cookie_and_answers_no_other_origin(patient: Patient) -> None:
    got = patient.call("GET", "conversations/current", Origin="https://elsewhere.example")
    assert not got.cookies and "Access-Control-Allow-Origin" not in got
    assert got["Cache-Control"] == "no-store"


def test_two_tokens_of_one_conversation_differ_and_both_verify() -> None:
    conversation = uuid.uuid4()
    one, two = tokens.issue(conversation), tokens.issue(conversation)
    assert one != two and tokens.verify(one).conversation == tokens.verify(two).conversation == conversation


@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        ({}, 422),
        ({"text": "hi"}, 422),
        ({"client_message_id": "1"}, 422),
        ({"text": "hi", "choice": "none", "client_message_id": "1"}, 422),
        ({"text": 7, "client_message_id": "1"}, 422),
        ({"text": {"a": 1}, "client_message_id": "1"}, 422),
        ({"text": "  \n", "client_message_id": "1"}, 422),
        ({"choice": "", "client_message_id": "1"}, 422),
        ({"choice": "x" * 201, "client_message_id": "1"}, 422),
        ({"text": "hi", "client_message_id": "x" * 65}, 422),
        ({"text": "hi", "client_message_id": 5}, 422),
        ({"text": "x" * (MAX_TEXT + 1), "client_message_id": "1"}, 413),
        ({"text": "x" * 2_000_000, "client_message_id": "1"}, 413),
    ],
)
def test_a_message_that_makes_no_sense_is_refused(patient: Patient, body: Any, status: int) -> None:
    got = patient.call("POST", "messages", body)
    assert (got.status_code, got["Content-Type"]) == (status, "application/problem+json"), got.content
    problem = got.json()
    assert problem["status"] == status and problem["detail"] and problem["type"] and problem["title"]
    assert not Message.objects.exists()


def test_a_message_of_the_greatest_length_is_read(patient: Patient) -> None:
    assert patient.post("a" * MAX_TEXT).status_code == 200


def test_a_message_that_is_too_long_says_so(patient: Patient) -> None:
    got = patient.post("word " * 1000).json()
    assert got["limit"] == MAX_TEXT and got["replies"][0]["key"] == "too_long"


def test_a_crisis_in_a_message_that_is_too_long_is_met(patient: Patient, engine: FakeEngine) -> None:
    got = patient.say("word " * 2000 + CRISIS + ". " + "word " * 5000)
    assert keys(got) == ["crisis.1", "staffing_staffed"] or keys(got) == ["crisis.1", "too_long", "staffing_staffed"]
    assert engine.requests == [] and Escalation.objects.get().tier == "crisis"
    assert CRISIS in Message.objects.get().text


def test_other_methods_and_addresses_are_refused(patient: Patient) -> None:
    got = patient.call("PUT", "messages")
    assert (got.status_code, got["Allow"]) == (405, "POST")
    missing = patient.call("GET", "nowhere")
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")


def test_a_deleted_conversation_is_erased_and_its_token_is_worth_nothing(patient: Patient) -> None:
    patient.say(QUESTION)
    got = patient.call("DELETE", "conversations/current").json()
    assert (got["kept"], got["replies"][0]["key"]) == (0, "conversation_deleted")
    row = Message.objects.get()
    assert (row.text, row.replies, row.erased) == ("", [], True)
    for method, address in ADDRESSES[:4]:
        if method != "DELETE":
            assert patient.call(method, address, {"text": "hi", "client_message_id": "9"}).status_code == 410
    assert patient.post(CRISIS).json()["replies"][0]["key"] == "crisis.1", "the lines, even so"


def test_deleting_keeps_what_an_open_escalation_needs_until_it_is_closed(patient: Patient, alice: Any) -> None:
    from web.escalations.services import escalation_claim, escalation_resolve

    patient.say(QUESTION)
    trigger = patient.say(SYMPTOM)
    patient.call("POST", "contact", {"phone": "555", "consent": True})
    got = patient.call("DELETE", "conversations/current").json()
    assert (got["kept"], got["replies"][0]["key"]) == (1, "conversation_deleted_kept")
    assert sorted(Message.objects.values_list("text", flat=True)) == ["", SYMPTOM]
    escalation = Escalation.objects.select_related("conversation").get()
    assert escalation.conversation.contact_phone == "555"
    escalation_claim(escalation=escalation.pk, by=alice)
    escalation_resolve(escalation=escalation.pk, by=alice, outcome="contacted")
    row = Message.objects.get(pk=trigger["message"])
    escalation.refresh_from_db()
    escalation.conversation.refresh_from_db()
    assert (row.text, row.replies, escalation.conversation.contact_phone) == ("", [], "")
    assert SYMPTOM not in str(escalation.reasons) and escalation.reasons
    assert Escalation.objects.count() == 1, "that it happened stays"


def test_without_any_release_the_answer_says_so_and_a_person_is_told(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, home: Any
) -> None:
    from companion.release import Releases
    from web.chat import wording

    monkeypatch.setattr(wording, "_releases", Releases(home / "nothing.json"))
    got = patient.post(CRISIS)
    assert got.status_code == 503 and got.json()["replies"] == []
    assert Escalation.objects.get().tier == "crisis"


def test_a_half_written_release_leaves_the_last_good_one_in_force(
    patient: Patient, home: Any, server: Background
) -> None:
    (home / "releases" / "current.json").write_text('{"format": 1, "num')
    assert keys(patient.say(QUESTION)) == ["preparation/eating"]
