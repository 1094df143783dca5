"""The catalogue goes out and comes in without loss; a bad file is refused whole; what comes in is a draft."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from companion.catalogue import load_catalogue
from tests.web.answers import ANSWER, Desk
from web.answers import exchange, reading, services
from web.answers.models import Answer, ApprovedVersion
from web.answers.snapshot import of_item


def by_key(snapshots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(snapshots, key=lambda one: str(one["key"]))


def zipped(**files: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return raw.getvalue()


def bring(desk: Desk, who: Any, name: str, raw: bytes) -> Any:
    return desk.browser(who).post("/admin/exchange/import/", {"file": SimpleUploadedFile(name, raw)})


@pytest.mark.parametrize("form", ["yaml", "csv"])
def test_the_whole_starter_catalogue_goes_out_and_in_without_loss(
    desk: Desk, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_catalogue()
    monkeypatch.setattr(reading, "sections", lambda: whole.sections)
    services.answers_import(map(of_item, whole.items.values()), by=None)
    raw = desk.browser(desk.erin).get(f"/admin/exchange/{form}/").content
    back = exchange.from_csv(raw) if form == "csv" else exchange.from_yaml(raw)
    assert by_key(back) == by_key(exchange.desk()) and len(back) > 200
    assert services.answers_import(back, by=desk.erin) == (0, 0)


def test_awkward_texts_survive_a_spreadsheet(desk: Desk) -> None:
    one = {
        **next(one for one in exchange.desk() if one["key"] == ANSWER),
        "title": "=1+1, \"quoted\"; and 'so",
        "text": "- A dash.\nA second line, with ünïcode.",
        "phrasings": ["'=x", "@me", "+1, or not"],
    }
    assert exchange.from_csv(exchange.to_csv([one])) == [one]


@pytest.mark.parametrize("who", ["erin", "casey"])
def test_an_import_becomes_drafts_of_whoever_imports_and_is_never_live(desk: Desk, who: str) -> None:
    rows = [one | {"text": one["text"] + " Call the clinic."} for one in exchange.desk() if one["kind"] == "answer"]
    importer = getattr(desk, who)
    assert bring(desk, importer, "answers.csv", exchange.to_csv(rows)).status_code == 302
    draft = desk.answer.get_latest_revision()
    assert draft.content["text"].endswith("Call the clinic.") and draft.user == importer
    assert not desk.answer.live and not ApprovedVersion.objects.exists()
    assert "Call the clinic." not in desk.served(ANSWER)["text"]


def test_a_clinician_does_not_approve_what_they_imported(desk: Desk) -> None:
    rows = [one | {"text": one["text"] + " Call the clinic."} for one in exchange.desk() if one["key"] == ANSWER]
    bring(desk, desk.casey, "answers.csv", exchange.to_csv(rows))
    services.answer_submit(answer=desk.answer, by=desk.erin)
    assert "You wrote part of this text" in desk.approve(desk.casey)


@pytest.mark.parametrize("who", ["sam", "outsider"])
def test_others_neither_export_nor_import(desk: Desk, who: str) -> None:
    browser = desk.browser(getattr(desk, who))
    assert browser.get("/admin/exchange/csv/").status_code in (302, 403)
    before = Answer.objects.count()
    bring(desk, getattr(desk, who), "answers.csv", exchange.to_csv(exchange.desk()))
    assert Answer.objects.count() == before


GOOD = """version: "3.1"
nlu:
- intent: preparation/water
  examples: |
    - May I drink water?
responses:
  utter_preparation/water:
  - text: "You will be told when to stop drinking."
    metadata: {title: "Water", related: [preparation/eating]}
"""


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (GOOD.replace('title: "Water", ', ""), "answers/preparation.yml, line 7: preparation/water: has no title"),
        (GOOD.replace("[preparation/eating]", "[preparation/nothing]"), "line 7: preparation/water: related key"),
        (GOOD.replace("stop drinking.", "stop {x}."), "line 7: preparation/water: has a brace"),
        (GOOD.replace("preparation/water", "nowhere/water"), "line 7: nowhere/water: section 'nowhere' is not"),
        (GOOD.replace("\nresponses:", "\n responses:"), "answers/preparation.yml, line 6:"),
        ("- a list", "is empty or not a mapping"),
    ],
)
def test_a_bad_yaml_file_is_refused_whole_with_file_line_and_what_to_do(desk: Desk, broken: str, says: str) -> None:
    before = Answer.objects.count()
    good = GOOD.replace("preparation/water", "session/water").replace("Water", "Water then")
    raw = zipped(**{"answers/session.yml": good, "answers/preparation.yml": broken})
    got = bring(desk, desk.erin, "answers.zip", raw)
    assert got.status_code == 422 and says.replace("'", "&#x27;") in got.content.decode()
    assert Answer.objects.count() == before


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("review_by", "31.5.2027", "line 2: review_by is '31.5.2027'; write a date as 2027-05-31"),
        ("kind", "poem", "line 2: kind 'poem' is not one of"),
        ("key", "Preparation Eating", "line 2: key 'Preparation Eating' is no valid key"),
        ("section", "nowhere", "line 2: section 'nowhere' is none of the catalogue's"),
        ("title", "", "line 2: has no title"),
        ("language", "fr", "line 2: language 'fr' is not one of"),
    ],
)
def test_a_bad_row_of_a_spreadsheet_is_named_by_its_line(desk: Desk, column: str, value: str, says: str) -> None:
    rows = [one for one in exchange.desk() if one["kind"] == "answer"]
    with pytest.raises(exchange.Unreadable, match=says.replace("(", r"\(")):
        exchange.from_csv(exchange.to_csv([rows[0] | {column: value}, *rows[1:]]))


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"key,kind\n", b"PK\x03\x04 no zip", b'key,"kind\n', zipped(**{"../evil.yml": GOOD})]
)
@pytest.mark.parametrize("name", ["answers.csv", "answers.zip"])
def test_what_is_no_catalogue_is_refused_in_words(desk: Desk, raw: bytes, name: str) -> None:
    got = bring(desk, desk.erin, name, raw)
    assert got.status_code == 422 and "Nothing was imported" in got.content.decode()


def test_a_message_that_the_assistant_does_not_have_cannot_be_brought_in(desk: Desk) -> None:
    card = next(one for one in exchange.desk() if one["key"] == "crisis.1")
    with pytest.raises(exchange.Unreadable, match=r"crisis\.9 is no crisis message that the assistant has"):
        exchange.from_csv(exchange.to_csv([card | {"key": "crisis.9"}]))


def test_nothing_is_imported_into_a_text_that_is_in_review(desk: Desk) -> None:
    services.answer_submit(answer=desk.answer, by=desk.erin)
    rows = [one | {"text": "Another text, which is long enough."} for one in exchange.desk() if one["kind"] == "answer"]
    got = bring(desk, desk.erin, "answers.csv", exchange.to_csv(rows))
    assert got.status_code == 422 and "is in review" in got.content.decode()
    assert all(not answer.has_unpublished_changes or answer.revisions.count() == 1 for answer in Answer.objects.all())
