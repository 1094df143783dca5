from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from companion.catalogue import Catalogue, CatalogueError, load_catalogue


def test_the_catalogue_of_the_repository_can_be_read():
    assert load_catalogue().answers


def test_an_answer_is_read_with_all_that_belongs_to_it(catalogue: Catalogue):
    item = catalogue.answers["preparation/food"]
    assert (item.kind, item.section, item.language, item.title) == (
        "answer",
        "preparation",
        "en",
        "About preparation/food",
    )
    assert len(item.phrasings) == 25
    assert item.related == ("preparation/water", "preparation/rides")
    assert item.status == "sample"


def test_variations_of_a_message_are_items_of_their_own(catalogue: Catalogue):
    assert {"crisis.1", "crisis.2", "emergency.1"} <= set(catalogue.items)
    assert catalogue.items["crisis.1"].kind == "crisis"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"text": ""}, "preparation/food: has no text"),
        ({"text": "Ask {name}."}, "preparation/food: has a brace"),
        ({"title": ""}, "preparation/food: has no title"),
        ({"related": ["preparation/nothing"]}, "related key 'preparation/nothing' does not exist"),
        ({"phrasings": []}, "preparation/food: has no phrasings"),
    ],
)
def test_an_answer_that_is_wrong_is_named_with_what_to_do(
    data_with: Callable[..., Path], three_answers: list[dict[str, Any]], changes: dict[str, Any], says: str
):
    first = three_answers[0]
    first["text"] = changes.get("text", first["text"])
    first["phrasings"] = changes.get("phrasings", first["phrasings"])
    first["metadata"] |= {name: value for name, value in changes.items() if name not in ("text", "phrasings")}
    with pytest.raises(CatalogueError, match=says):
        load_catalogue(data_with(three_answers))


def test_every_fault_is_told_at_once(data_with: Callable[..., Path], three_answers: list[dict[str, Any]]):
    three_answers[0]["text"] = ""
    three_answers[1]["metadata"]["title"] = ""
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(data_with(three_answers))
    assert len(str(caught.value).splitlines()) == 2


def test_a_section_that_patients_would_never_see_is_refused(data_with: Callable[..., Path], three_answers: list[dict[str, Any]]):
    three_answers[0]["key"] = "cooking/food"
    for one in three_answers:
        one["metadata"]["related"] = []
    with pytest.raises(CatalogueError, match=r"section 'cooking' is not in sections\.yml"):
        load_catalogue(data_with(three_answers))


def test_a_file_that_is_no_mapping_is_refused(data_with: Callable[..., Path], three_answers: list[dict[str, Any]]):
    data = data_with(three_answers)
    (data / "messages.yml").write_text("- no mapping", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"messages\.yml: is empty or not a mapping"):
        load_catalogue(data)
