"""What patients ask and the assistant does not answer reaches the editors, as single questions and most asked first."""

from __future__ import annotations

from tests.web.answers import ANSWER, Desk
from tests.web.support import CRISIS, FakeEngine, Patient
from web.answers import questions
from web.answers.likeness import grouped
from web.answers.models import Answer

DOGS = ["Can I bring my dog?", "can i bring my dog along", "may I bring my dog?"]
BATHS = ["How warm is the bath?"]


def asked(patient: Patient, engine: FakeEngine, texts: list[str], outcome: str = "abstain") -> None:
    key = "fallback.1" if outcome == "abstain" else "clarify"
    for text in texts:
        engine.answer = lambda request: engine.turn(request, "none", key, outcome=outcome)
        patient.say(text)
    engine.answer = engine.proper


def test_like_questions_stand_together_the_most_asked_first(desk: Desk, patient: Patient, engine: FakeEngine) -> None:
    asked(patient, engine, BATHS)
    asked(patient, engine, DOGS)
    asked(patient, engine, ["bring my dog?"], outcome="clarify")
    found = questions.unanswered()
    assert [(one.times, set(one.wordings)) for one in found] == [(4, {*DOGS, "bring my dog?"}), (1, set(BATHS))]
    assert dict(found[0].went) == {"not answered": 3, "asked which was meant": 1}
    assert DOGS[0] in desk.open(desk.erin, "/admin/questions/")


def test_an_answer_that_did_not_help_is_there_too(desk: Desk, patient: Patient) -> None:
    said = patient.say("What about tea?")
    patient.call("POST", "feedback", {"message": said["message"], "helpful": False})
    patient.say("What about coffee?")
    (one,) = questions.unanswered()
    assert one.title == "What about tea?" and one.answered_with == (ANSWER,)
    row = desk.open(desk.erin, f"/admin/record/{desk.answer.pk}/")
    assert "<td>2</td><td>0</td><td>1</td>" in row


def test_editors_do_not_see_what_went_to_the_care_team_or_was_deleted_or_who_asked(
    desk: Desk, patient: Patient, another_patient: Patient, engine: FakeEngine
) -> None:
    patient.say(CRISIS)
    asked(another_patient, engine, ["a secret question"])
    another_patient.call("DELETE", "conversations/current")
    asked(patient, engine, ["Call me on 206-555-0199 or write to me@example.org about the bath"])
    (one,) = questions.unanswered()
    assert one.title == "Call me on … or write to … about the bath"
    page = desk.open(desk.erin, "/admin/questions/")
    assert CRISIS not in page and "a secret question" not in page and "555-0199" not in page


def test_erin_adds_a_question_to_an_answer_as_a_phrasing(desk: Desk, patient: Patient, engine: FakeEngine) -> None:
    asked(patient, engine, DOGS)
    browser = desk.browser(desk.erin)
    got = browser.post("/admin/questions/phrasings/", {"answer": ANSWER, "phrasing": DOGS})
    assert got["Location"] == desk.edit
    draft = desk.answer.get_latest_revision()
    assert set(DOGS) <= set(draft.content["phrasings"].splitlines()) and draft.user == desk.erin
    assert not set(DOGS) & set(desk.served(ANSWER)["phrasings"]), "a phrasing needs approval as well"
    browser.post("/admin/questions/phrasings/", {"answer": ANSWER, "phrasing": DOGS})
    assert desk.answer.get_latest_revision() == draft


def test_erin_starts_a_new_answer_from_questions(desk: Desk) -> None:
    form = {"section": "preparation", "title": "Bringing a dog", "phrasing": DOGS}
    desk.browser(desk.erin).post("/admin/questions/new/", form)
    answer = Answer.objects.get(key="preparation/bringing-a-dog")
    assert not answer.live and answer.phrasings.splitlines() == DOGS
    assert answer.get_latest_revision().user == desk.erin
    page = desk.browser(desk.erin).post("/admin/questions/new/", form, follow=True).content.decode()
    assert "There is an answer under that title already" in page


def test_staff_and_outsiders_neither_see_the_questions_nor_write_from_them(desk: Desk) -> None:
    before = Answer.objects.count()
    for who in (desk.sam, desk.outsider):
        browser = desk.browser(who)
        assert browser.get("/admin/questions/").status_code in (302, 403)
        browser.post("/admin/questions/new/", {"section": "preparation", "title": "Dog", "phrasing": DOGS})
        browser.post("/admin/questions/phrasings/", {"answer": ANSWER, "phrasing": DOGS})
    assert Answer.objects.count() == before and desk.answer.revisions.count() == 1


def test_each_of_two_thousand_questions_is_in_one_group() -> None:
    subjects = ["my dog", "a friend", "tea", "my own music", "a book", "an eye mask", "my partner", "two blankets"]
    texts = [f"{how} I bring {what} number {n % 50}?" for n in range(125) for what in subjects for how in ("Can", "may")]
    groups = grouped(texts)
    assert sum(len(group.places) for group in groups) == len(texts) == 2000


def test_likeness_survives_misspelling_and_keeps_other_questions_apart() -> None:
    texts = ["Is parking free?", "is the parkng free", "What does a session cost?", "how much does one sesion cost"]
    assert next(sorted(group.places) for group in grouped(texts)) == [0, 1]
    assert all(not {0, 2} <= set(group.places) for group in grouped(texts))
    assert grouped([]) == []
