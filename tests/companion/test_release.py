from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import release as release_module
from companion.catalogue import Catalogue, load_catalogue
from companion.clinic import Clinic, ClinicError
from companion.release import (
    Release,
    ReleaseError,
    Releases,
    build,
    build_from_data,
    content_hash,
    servable,
    text_hash,
    write,
)

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc)
TODAY = dt.date(2026, 11, 1)


def test_every_text_of_a_release_is_filled_in(release: Release):
    assert all("[[" not in item["text"] for item in release.items.values())


def test_every_opening_has_a_sentence_of_its_own(release: Release):
    assert release.items["staffing_until.mon-0900"]["text"].count("Monday at 9:00 am") == 1
    assert "staffing_until.wed-1300" in release.items


def test_cards_carry_links_and_answers_do_not(release: Release):
    assert release.items["crisis.1"]["links"]
    assert release.items["preparation/food"]["links"] == []


def test_a_second_release_counts_up_and_only_changed_texts_get_a_new_revision(
    catalogue: Catalogue, clinic: Clinic, release: Release, given: dict[str, Any]
):
    moved = Clinic.parse(given | {"phone": "206-555-0199"})
    second = Release(build(catalogue, moved, previous=release, now=NOW))
    assert second.number == 2
    assert second.items["preparation/food"]["revision"] == 2
    assert second.items["label_none_of_these"]["revision"] == 1


def test_a_release_with_a_placeholder_that_nobody_knows_is_never_built(catalogue: Catalogue, clinic: Clinic):
    bad = copy.deepcopy(catalogue)
    bad.items["preparation/food"] = bad.items["preparation/food"].__class__(
        key="preparation/food", kind="answer", title="t", text="[[clinic.fax]]"
    )
    with pytest.raises(ClinicError, match="unknown placeholder"):
        build(bad, clinic)


def test_a_repeated_message_is_not_the_same_block(release: Release):
    shown = [release.message("crisis", shown)["key"] for shown in range(4)]
    assert shown == ["crisis.1", "crisis.2", "crisis.3", "crisis.1"]
    with pytest.raises(KeyError):
        release.message("unheard_of")


def test_a_reply_is_the_items_own_text(release: Release):
    item = release.items["crisis.1"]
    reply = release.reply(item)
    assert reply["text"] == item["text"] and reply["links"] == item["links"] and reply["choices"] == []


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("release") / "current.json"
    clinic = Clinic.load()
    whole = load_catalogue()
    few = Catalogue(
        whole.sections,
        {key: item for key, item in whole.items.items() if item.kind in ("crisis", "emergency", "label")},
    )
    return write(build(few, clinic, now=NOW), path).read_bytes()


@given(st.data())
def test_a_release_with_any_flipped_bit_is_refused(raw: bytes, data: st.DataObject):
    place = data.draw(st.integers(0, len(raw) - 1))
    flipped = bytearray(raw)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ReleaseError):
        Release.parse(bytes(flipped))


@given(st.data())
def test_a_release_that_was_cut_short_is_refused(raw: bytes, data: st.DataObject):
    with pytest.raises(ReleaseError):
        Release.parse(raw[: data.draw(st.integers(0, len(raw) - 1))])


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b'"x"', b"\xff", b'{"format": 1}', b"[" * 100_000])
def test_what_is_no_release_is_refused(raw: bytes):
    with pytest.raises(ReleaseError):
        Release.parse(raw)


def test_a_release_of_another_format_is_refused(content: dict[str, Any]):
    content["format"] = 2
    content["hash"] = content_hash(content)
    with pytest.raises(ReleaseError, match="reads format 1"):
        Release.parse(json.dumps(content).encode())


def test_a_text_that_was_exchanged_under_a_new_hash_is_refused_by_its_own_hash(content: dict[str, Any]):
    content["items"][0]["text"] = "Another text."
    content["hash"] = content_hash(content)
    with pytest.raises(ReleaseError, match="a text of the release does not match its hash"):
        Release.parse(json.dumps(content).encode())


def approved(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return item | {"sample": False, "approver": "a clinician", "review_by": "2026-12-01"} | changes


def test_a_sample_is_served_in_demo_mode_and_not_to_a_clinics_patients(release: Release):
    item = release.items["preparation/food"]
    assert servable(item, "demo", TODAY)
    assert not servable(item, "clinic", TODAY)
    assert release.get("preparation/food") is None


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({}, True),
        ({"approver": None}, False),
        ({"sample": True}, False),
        ({"review_by": "2026-10-31"}, False),
        ({"review_by": None}, True),
        ({"review_by": "2026-11-01"}, True),
    ],
)
def test_only_an_approved_answer_that_is_not_overdue_is_served(release: Release, changes: dict[str, Any], served: bool):
    assert servable(approved(release.items["preparation/food"], **changes), "clinic", TODAY) is served


def test_crisis_lines_are_served_whether_or_not_they_are_due_for_review(release: Release):
    assert servable(release.items["crisis.1"] | {"review_by": "2020-01-01"}, "clinic", TODAY)


def test_a_key_that_no_release_holds_is_nothing(release: Release):
    assert release.get("nothing/here") is None


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """A reader that looks at the file on every call."""
    monkeypatch.setattr(release_module, "CHECK_EVERY_SECONDS", 0)
    return Releases(tmp_path / "releases" / "current.json")


def test_a_reader_without_any_release_says_how_to_get_one(reader: Releases):
    with pytest.raises(ReleaseError, match="script/setup builds the first release"):
        reader.current()


def test_a_reader_follows_what_is_put_in_force(reader: Releases, catalogue: Catalogue, clinic: Clinic, content: dict[str, Any]):
    write(content, reader.path)
    assert reader.current().number == 1
    write(build(catalogue, clinic, previous=reader.current(), now=NOW), reader.path)
    assert reader.current().number == 2


@pytest.mark.parametrize("damage", [b"", b"half a fi", None])
def test_a_reader_keeps_the_last_good_release_and_says_what_is_wrong(
    reader: Releases, content: dict[str, Any], damage: bytes | None
):
    write(content, reader.path)
    good = reader.current()
    if damage is None:
        reader.path.unlink()
    else:
        reader.path.write_bytes(damage)
    assert reader.current() is good
    assert reader.fault
    write(content, reader.path)
    assert reader.current().number == good.number
    assert reader.fault is None


def test_a_release_that_is_no_longer_in_force_can_still_be_had(
    reader: Releases, catalogue: Catalogue, clinic: Clinic, content: dict[str, Any]
):
    write(content, reader.path)
    write(build(catalogue, clinic, previous=reader.current(), now=NOW), reader.path)
    assert reader.current().number == 2
    first = reader.numbered(1)
    assert first is not None and first.number == 1
    assert reader.numbered(99) is None


def test_a_process_that_starts_with_a_broken_file_serves_the_newest_release_that_is_whole(
    reader: Releases, catalogue: Catalogue, clinic: Clinic, content: dict[str, Any]
):
    write(content, reader.path)
    second = build(catalogue, clinic, previous=Release(content), now=NOW)
    write(second, reader.path)
    write(build(catalogue, clinic, previous=Release(second), now=NOW), reader.path)
    for damaged in (reader.path, reader.path.with_name("3.json")):
        damaged.write_bytes(damaged.read_bytes()[:-50])
    assert reader.current().number == 2
    assert reader.fault, "whoever watches can see that the file in force is broken"


def test_a_release_built_over_a_broken_file_counts_on_and_mends_it(tmp_path: Path):
    path = tmp_path / "current.json"
    build_from_data(path)
    path.write_bytes(b"half a fi")
    release, new = build_from_data(path)
    assert (release.number, new) == (2, True), "number 1 stays what it was"
    assert Release.read(path).hash == release.hash


def test_what_is_not_whole_is_never_written(tmp_path: Path, content: dict[str, Any]):
    content["items"][0]["text"] += "!"
    with pytest.raises(ReleaseError):
        write(content, tmp_path / "current.json")
    assert list(tmp_path.glob("*.json")) == []


def test_the_same_data_makes_no_new_release(tmp_path: Path):
    path = tmp_path / "current.json"
    first, new = build_from_data(path)
    again, new_again = build_from_data(path)
    assert (new, new_again) == (True, False)
    assert again.hash == first.hash


def test_the_hash_of_a_text_is_the_hash_of_its_bytes():
    assert text_hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
