"""A patient talks with the assistant, and everything works."""

from __future__ import annotations

from tests.web.support import ADVICE, CRISIS, EMERGENCY, QUESTION, SYMPTOM, Background, FakeEngine, Patient, keys, kinds
from web.chat.models import Conversation, Message
from web.escalations.models import Escalation, StateChange


def test_a_conversation_begins_with_the_disclosure_topics_and_that_answers_are_samples(patient: Patient) -> None:
    assert [reply["key"] for reply in patient.greeting] == ["greeting", "sample_answers"]
    assert patient.greeting[0]["choices"] == [
        {"label": "Before a session", "choice": "preparation"},
        {"label": "The session", "choice": "session"},
        {"label": "Label_Talk_To_Person", "choice": "human"},
    ]


def test_a_question_gets_its_approved_answer_and_nobody_is_paged(patient: Patient, engine: FakeEngine) -> None:
    answer = patient.say(QUESTION)
    assert (answer["tier"], keys(answer), answer["escalation"]) == ("none", ["preparation/eating"], None)
    assert answer["release"] == {"number": engine.release.number, "hash": engine.release.hash}
    assert not Escalation.objects.exists()
    row = Message.objects.get()
    assert (row.text, row.state, row.replies) == (QUESTION, "answered", answer["replies"])


def test_the_engine_gets_its_token_and_the_words(patient: Patient, engine: FakeEngine, settings: object) -> None:
    answer = patient.say(QUESTION)
    assert engine.tokens == [settings.ENGINE_TOKEN]
    assert engine.requests[0] == {
        "conversation": patient.conversation,
        "message": answer["message"],
        "text": QUESTION,
        "context": {
            "shown": {}, "last_answer": None, "last_tier": "none", "urgent": False, "misses": 0, "language": "en",
        },
    }  # fmt: skip


def test_the_engine_is_told_what_it_forgot(patient: Patient, engine: FakeEngine) -> None:
    patient.say(CRISIS)
    patient.say(QUESTION)
    engine.answer = lambda request: engine.turn(request, "none", "fallback.1", outcome="abstain")
    patient.say("asdf")
    engine.answer = engine.proper
    second = patient.say(CRISIS)
    assert engine.requests[-1]["context"] == {
        "shown": {"crisis": 1, "staffing_staffed": 1, "preparation/eating": 1, "fallback": 1},
        "last_answer": "preparation/eating",
        "last_tier": "none",
        "urgent": True,
        "misses": 1,
        "language": "en",
    }
    assert keys(second)[0] == "crisis.2", "a repeat is not the same block"


def test_every_tier_gets_its_card_the_truth_and_one_escalation(patient: Patient) -> None:
    for text, tier, priority in [
        (EMERGENCY, "emergency", 1),
        (CRISIS, "crisis", 1),
        (SYMPTOM, "symptom", 2),
        (ADVICE, "advice", 3),
    ]:
        answer = patient.say(text)
        assert answer["tier"] == tier
        assert kinds(answer)[0] == tier and keys(answer)[-1] == "staffing_staffed"
        escalation = Escalation.objects.get(message=answer["message"])
        assert answer["escalation"] == {"id": str(escalation.pk), "tier": tier, "state": "recorded"}
        assert (escalation.tier, escalation.priority, escalation.state) == (tier, priority, "open")
        assert escalation.reasons
    assert Escalation.objects.count() == 4 == StateChange.objects.count()


def test_an_urgent_reply_has_lines_to_call_and_text(patient: Patient) -> None:
    links = [link["href"] for link in patient.say(CRISIS)["replies"][0]["links"]]
    assert "tel:988" in links and "sms:988" in links and "tel:911" in links


def test_asking_for_a_person_by_button_goes_to_staff(patient: Patient) -> None:
    answer = patient.choose("human")
    assert (answer["tier"], kinds(answer)[0]) == ("human", "human")
    assert Message.objects.get().choice == "human"
    assert Escalation.objects.get().priority == 3


def test_at_night_the_patient_is_told_when_somebody_is_there(patient: Patient, publish: object) -> None:
    publish(staffed={})
    assert keys(patient.say(CRISIS))[-1] == "staffing_closed"


def test_a_truth_that_the_engine_got_wrong_is_put_right(patient: Patient, engine: FakeEngine, publish: object) -> None:
    publish(staffed={})
    engine.answer = lambda request: engine.turn(request, "crisis", "staffing_staffed")
    assert keys(patient.say(CRISIS)) == ["crisis.1", "staffing_closed"]
    engine.answer = lambda request: engine.turn(request, "crisis", "alert_failed")
    assert keys(patient.say(CRISIS))[-1] == "staffing_closed", (
        "the action server failed, but the website has recorded it"
    )


def test_the_transcript_holds_what_was_said(patient: Patient, another_patient: Patient) -> None:
    first, second = patient.say(QUESTION), patient.say(CRISIS)
    another_patient.say(SYMPTOM)
    got = patient.call("GET", "conversations/current").json()
    assert got["conversation"] == patient.conversation
    assert [message["text"] for message in got["messages"]] == [QUESTION, CRISIS]
    assert [message["replies"] for message in got["messages"]] == [first["replies"], second["replies"]]
    assert got["messages"][1]["escalation"]["state"] == "recorded"


def test_a_helpful_answer_can_be_praised_and_a_bad_one_explained(patient: Patient) -> None:
    answer = patient.say(QUESTION)
    for helpful in (True, False):
        body = {"message": answer["message"], "helpful": helpful, "reason": "too short"}
        assert patient.call("POST", "feedback", body).status_code == 201
    assert Message.objects.get().feedback.helpful is False


def test_contact_details_are_kept_with_consent_only(patient: Patient) -> None:
    assert patient.call("POST", "contact", {"phone": "555"}).status_code == 422
    assert patient.call("POST", "contact", {"consent": True}).status_code == 422
    saved = patient.call("POST", "contact", {"name": "Pat", "phone": "555", "consent": True})
    assert saved.status_code == 201 and saved.json()["replies"][0]["key"] == "contact_saved"
    row = Conversation.objects.get()
    assert (row.contact_name, row.contact_phone) == ("Pat", "555") and row.contact_consent_at


def test_a_question_in_unusual_characters_is_stored_as_far_as_it_can_be(patient: Patient) -> None:
    body = b'{"text": "a\\u0000b \\ud83d\\ude00 \\ud800 c", "client_message_id": "odd"}'
    assert patient.call("POST", "messages", body).status_code == 200
    assert Message.objects.get().text == "ab 😀 ? c"


def test_a_patient_who_goes_away_is_answered_all_the_same(
    patient: Patient, engine: FakeEngine, server: Background
) -> None:
    engine.hold()
    going = server.start(patient.request("POST", "messages", patient.body(CRISIS, client_message_id="gone")))
    assert engine.reached.wait(5)
    going.cancel()
    engine.let_go()
    assert kinds(patient.say(CRISIS, client_message_id="gone"))[0] == "crisis"
    assert len(engine.requests) == 1 and Escalation.objects.count() == 1
