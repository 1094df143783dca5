"""What a patient sees and does in the chat, against a fake API that each test fills."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.browser.fake_api import ANSWER, CLARIFY, CRISIS, STAFFING, FakeApi, reply

OUTAGE = re.compile("Something on our side is not working")


@pytest.fixture
def chat(open_page: Any, site: str) -> Any:
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/")
    expect(page.locator("#box")).to_be_enabled()
    return page


def say(page: Any, text: str) -> None:
    page.locator("#box").fill(text)
    page.locator("#box").press("Enter")


def last(page: Any, selector: str) -> Any:
    return page.locator(f"#log {selector}").last


def test_the_first_view_says_who_is_talking_and_offers_topics_without_any_call(chat: Any, release: Any) -> None:
    expect(chat.locator("#log .text").first).to_have_text(release.items["greeting"]["text"])
    expect(chat.locator(".banner")).to_have_text(release.items["sample_answers"]["text"])
    titles = [*release.sections.values(), release.items["label_talk_to_person"]["text"]]
    assert chat.locator("[data-start] .choices button").all_inner_texts() == titles
    assert chat.api.calls == []


def test_a_question_is_answered_word_for_word_and_no_cookie_is_sent_or_set(chat: Any) -> None:
    chat.api.answers({**ANSWER, "text": "  Two  spaces,\na line <b>and</b> a tag. "})
    say(chat, "what do I bring?")
    expect(last(chat, ".it.answer .text")).to_be_visible()
    assert last(chat, ".it.answer .text").text_content() == "  Two  spaces,\na line <b>and</b> a tag. "
    assert chat.api.sent[0]["text"] == "what do I bring?" and "choice" not in chat.api.sent[0]
    assert chat.api.cookies == ["", ""] and chat.context.cookies() == []


def test_a_topic_a_related_question_and_a_person_are_one_tap_away(chat: Any, release: Any) -> None:
    section, title = next(iter(release.sections.items()))
    chat.get_by_role("button", name=title, exact=True).click()
    expect(last(chat, ".you .text")).to_have_text(title)
    chat.get_by_role("button", name="Getting home").click()
    expect(chat.locator(".you")).to_have_count(2)
    chat.locator("[data-choice=human]").last.click()
    expect(chat.locator(".you")).to_have_count(3)
    assert [sent["choice"] for sent in chat.api.sent] == [section, "preparation/transport", "human"]


def test_a_typed_number_picks_a_choice_and_only_below_numbered_choices(chat: Any) -> None:
    say(chat, "2")
    expect(chat.locator(".it.answer")).to_have_count(1)
    chat.api.answers(CLARIFY)
    say(chat, "eating")
    expect(chat.locator(".numbered button")).to_have_count(3)
    say(chat, " 2. ")
    expect(last(chat, ".you .text")).to_have_text("Eating after a session")
    assert chat.api.sent[0]["text"] == "2" and chat.api.sent[2]["choice"] == "aftercare/eating"


def test_a_crisis_card_stays_in_view_for_the_rest_of_the_conversation(chat: Any) -> None:
    chat.api.answers(CRISIS, STAFFING, tier="crisis", escalation={"id": "e", "tier": "crisis", "state": "recorded"})
    say(chat, "I cannot go on")
    card = chat.locator(".it.card.crisis")
    expect(card).to_be_in_viewport()
    assert card.locator(".text").text_content() == CRISIS["text"]
    assert card.locator("a").all_text_contents() == [link["label"] for link in CRISIS["links"]]
    for number in range(3):
        say(chat, f"question {number}")
        expect(chat.locator(".it.answer")).to_have_count(number + 1)
    ways = chat.get_by_role("region", name="People who can help now").get_by_role("link")
    assert [way.get_attribute("href") for way in ways.all()] == [
        "tel:911",
        "tel:988",
        "sms:988",
        "https://988lifeline.org",
    ]
    for way in ways.all():
        expect(way).to_be_in_viewport(ratio=1)
    expect(
        chat.get_by_role("link", name=re.compile("^Text 988 ?: 988 Suicide & Crisis Lifeline$")).first
    ).to_be_visible()


def test_a_lost_message_is_kept_and_sent_once(chat: Any) -> None:
    chat.api.down = True
    say(chat, "are you there?")
    expect(last(chat, ".it.fault .text")).to_have_text(OUTAGE)
    expect(chat.locator(".it.fault a[href='tel:988']").first).to_be_visible()
    chat.api.down = False
    chat.get_by_role("button", name="Send again").click()
    expect(chat.locator(".it.answer")).to_have_count(1)
    expect(chat.locator(".fault")).to_have_count(0)
    assert len(chat.api.sent) == 1 and chat.locator(".you").count() == 1


def test_a_message_whose_answer_was_lost_is_sent_again_with_the_same_id(chat: Any) -> None:
    chat.api.fails(503)
    say(chat, "are you there?")
    chat.get_by_role("button", name="Send again").click()
    expect(chat.locator(".it.answer")).to_have_count(1)
    first, second = chat.api.sent
    assert first == second


def test_what_failed_goes_out_by_itself_when_the_network_is_back(chat: Any) -> None:
    chat.api.down = True
    say(chat, "are you there?")
    expect(chat.locator(".unsent")).to_be_visible()
    chat.api.down = False
    chat.evaluate("window.dispatchEvent(new Event('online'))")
    expect(chat.locator(".it.answer")).to_have_count(1)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "not a problem document"),
        (503, {"replies": []}),
        (429, {"replies": [reply("fallback", "Too much.")]}),
        (200, {"replies": []}),
        (200, {"replies": None}),
        (200, {"replies": [{"kind": "answer", "text": "  "}]}),
        (200, ["a list"]),
    ],
)
def test_whatever_goes_wrong_the_outage_words_and_the_lines_are_shown(
    chat: Any, release: Any, status: int, body: Any
) -> None:
    chat.api.queue.append((status, body)) if status != 200 else chat.route(
        "**/api/chat/messages", lambda route: route.fulfill(status=200, json=body)
    )
    say(chat, "hello")
    assert last(chat, ".it.fault .text").text_content() == release.items["outage"]["text"]
    expect(chat.locator(".it.fault a[href='tel:911']").first).to_be_visible()


def test_words_that_come_with_a_problem_are_shown_when_they_carry_the_lines(chat: Any) -> None:
    chat.api.fails(503, {"replies": [CRISIS]})
    say(chat, "hello")
    expect(chat.locator(".it.card .text")).to_have_text(CRISIS["text"])
    expect(chat.locator("#pinned")).to_be_visible()


def test_a_slow_answer_is_announced_truthfully_after_five_seconds(open_page: Any, site: str, release: Any) -> None:
    page = open_page()
    page.clock.install()
    api = FakeApi(page)
    page.goto(f"{site}/chat/")
    api.hold = True
    say(page, "a hard one")
    expect(page.locator(".busy")).to_be_visible()
    while not api.held:
        page.wait_for_timeout(20)
    page.clock.run_for(4000)
    expect(page.get_by_text(release.items["slow"]["text"])).to_have_count(0)
    page.clock.run_for(1500)
    assert last(page, ".fault .text").text_content() == release.items["slow"]["text"]
    held = api.held.pop()
    held.fulfill(status=200, json=next(iter(api.answered.values())))
    expect(page.locator(".it.answer")).to_be_visible()
    expect(page.locator(".busy, .fault")).to_have_count(0)


def test_two_messages_at_once_each_get_their_own_answer(chat: Any) -> None:
    chat.api.hold = True
    chat.api.answers(reply("answer", "First answer."))
    chat.api.answers(CRISIS, tier="crisis")
    say(chat, "one")
    expect(chat.locator(".busy")).to_have_count(1)
    chat.wait_for_function("() => true")
    say(chat, "two")
    expect(chat.locator(".busy")).to_have_count(2)
    while len(chat.api.held) < 2:
        chat.wait_for_timeout(20)
    for route, content in reversed(list(zip(chat.api.held, chat.api.answered.values(), strict=True))):
        route.fulfill(status=200, json=content)
    expect(chat.locator(".turn", has_text="one").locator(".it.answer")).to_have_count(1)
    expect(chat.locator(".turn", has_text="two").locator(".it.card")).to_have_count(1)


def test_a_reload_brings_the_conversation_back_with_its_lines_in_view(chat: Any, release: Any) -> None:
    section, title = next(iter(release.sections.items()))
    chat.api.answers(CRISIS, tier="crisis")
    say(chat, "I cannot go on")
    chat.locator(f"[data-choice={section}]").click()
    expect(chat.locator(".it.answer")).to_have_count(1)
    chat.reload()
    expect(chat.locator(".it.card")).to_have_count(1)
    expect(chat.locator("#pinned")).to_be_visible()
    assert chat.locator(".you .text").all_text_contents() == ["I cannot go on", title]


def test_a_message_that_was_not_answered_before_a_reload_is_sent_after_it_once(chat: Any) -> None:
    chat.api.hold = True
    say(chat, "one")
    expect(chat.locator(".busy")).to_be_visible()
    while not chat.api.held:
        chat.wait_for_timeout(20)
    chat.api.hold = False
    chat.reload()
    expect(chat.locator(".it.answer")).to_have_count(1)
    assert chat.locator(".you").count() == 1 and chat.api.sent[0] == chat.api.sent[1]


def test_the_chat_works_where_storage_is_forbidden(open_page: Any, site: str) -> None:
    page = open_page()
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    FakeApi(page)
    page.goto(f"{site}/chat/")
    say(page, "one")
    say(page, "two")
    expect(page.locator(".it.answer")).to_have_count(2)


def test_a_conversation_that_is_gone_is_begun_anew_and_the_message_is_not_lost(chat: Any) -> None:
    say(chat, "one")
    expect(chat.locator(".it.answer")).to_have_count(1)
    chat.api.fails(410)
    say(chat, "two")
    expect(chat.locator(".it.answer")).to_have_count(2)
    assert chat.api.calls.count("POST conversations") == 2


def test_shift_enter_makes_a_line_enter_sends_and_an_empty_box_sends_nothing(chat: Any) -> None:
    box = chat.locator("#box")
    box.press("Enter")
    box.press_sequentially("one")
    box.press("Shift+Enter")
    box.press_sequentially("two")
    box.press("Enter")
    expect(chat.locator(".it.answer")).to_have_count(1)
    assert [sent["text"] for sent in chat.api.sent] == ["one\ntwo"]


def test_a_long_text_is_counted_and_never_cut_in_silence(chat: Any) -> None:
    box, count = chat.locator("#box"), chat.locator("#count")
    box.fill("a" * 3000)
    expect(count).to_be_hidden()
    box.fill("a" * 3800)
    expect(count).to_have_text("200 characters left")
    box.fill("a" * 3999)
    box.press("End")
    box.press_sequentially("bc")
    assert len(box.input_value()) == 4000
    expect(count).to_contain_text("was cut off")


def test_an_unsafe_link_or_a_broken_choice_is_left_out(chat: Any) -> None:
    links: list[Any] = [{"label": "Bad", "href": "javascript:alert(1)"}, None, {"label": "Good", "href": "tel:1"}]
    chat.api.answers(
        {**ANSWER, "links": links, "choices": [None, {"label": "No choice"}, {"label": "Yes", "choice": "a/b"}]}
    )
    say(chat, "hello")
    expect(last(chat, ".it.answer")).to_be_visible()
    assert last(chat, ".it.answer").locator("a").all_text_contents() == ["Good"]
    assert last(chat, ".choices").locator("button").all_text_contents() == ["Yes"]


def test_feedback_and_deletion_reach_the_server(chat: Any) -> None:
    say(chat, "one")
    chat.get_by_role("button", name="Yes", exact=True).click()
    expect(chat.locator(".helpful")).to_have_text("Thank you, noted.")
    chat.get_by_label("Menu").click()
    chat.get_by_role("button", name="Delete this conversation").click()
    chat.get_by_role("button", name="Delete it now").click()
    expect(chat.locator(".you")).to_have_count(0)
    assert chat.api.calls[-2:] == ["POST feedback", "DELETE conversations/current"]
    assert [body["helpful"] for _, body in chat.api.bodies] == [True]
    assert chat.evaluate("sessionStorage.length") == 0


def test_quick_exit_leaves_nothing_in_the_tab(chat: Any) -> None:
    chat.route("https://www.google.com/", lambda route: route.fulfill(body="elsewhere"))
    say(chat, "one")
    expect(chat.locator(".it.answer")).to_have_count(1)
    stored = chat.evaluate("sessionStorage.length")
    chat.get_by_role("link", name="Quick exit").click()
    expect(chat.locator("body")).to_have_text("elsewhere")
    assert stored == 2 and chat.url == "https://www.google.com/"
