"""The whole desk out and in again: the Rasa YAML of `data/`, or a spreadsheet. A bad file is refused whole, line by line."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from companion.catalogue import ASSISTANT_FILES, KEY, KINDS, CatalogueError, load_catalogue
from web.answers import reading
from web.answers.models import LANGUAGES, Answer
from web.answers.snapshot import LISTS, Snapshot, lines, of_item

MOST_BYTES = 30_000_000
COLUMNS = (
    "key",
    "kind",
    "section",
    "language",
    "title",
    "text",
    *LISTS,
    "offer_care_team",
    "attach_lines",
    "review_by",
)
FLAGS = ("offer_care_team", "attach_lines")
_FORMULA = ("=", "+", "-", "@", "\t", "'")
"""What a spreadsheet would run instead of show; such a cell gets an apostrophe in front, and loses it on the way in."""
_NAME = re.compile(r"(?:answers/(?:[a-z]{2}/)?[a-z0-9-]+|messages|notices\.[a-z]{2})\.yml")


class Unreadable(ValueError):
    """The file cannot be imported; each line of the message names file, line, and what to do."""


def desk() -> list[Snapshot]:
    """Every text on the desk as its newest draft says, by key."""
    rows = Answer.objects.select_related("latest_revision").order_by("key")
    return [row.get_latest_revision_as_object().snapshot for row in rows]


def to_yaml(snapshots: Iterable[Snapshot]) -> bytes:
    """A zip of Rasa training data: `answers/<section>.yml` for every language, and the assistant's own messages."""
    files: dict[str, list[Snapshot]] = {}
    for snapshot in snapshots:
        files.setdefault(_file(snapshot), []).append(snapshot)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, members in sorted(files.items()):
            archive.writestr(name, _document(members))
    return raw.getvalue()


def from_yaml(raw: bytes) -> list[Snapshot]:
    """Read what `to_yaml` wrote, or one file of it. Raises Unreadable."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        texts = _unpack(raw, data)
        for name in ASSISTANT_FILES:
            if not (data / f"{name}.yml").exists():
                (data / f"{name}.yml").write_text('version: "3.1"\n', encoding="utf-8")
        sections = yaml.safe_dump({"sections": reading.sections()}, allow_unicode=True)
        (data / "sections.yml").write_text(sections, encoding="utf-8")
        for name, text in texts.items():
            _check_syntax(name, text)
        try:
            catalogue = load_catalogue(data, related_to=_known_keys())
        except (CatalogueError, ValueError, AttributeError, TypeError) as e:
            raise Unreadable("\n".join(_with_lines(str(e), texts))) from e
    found = [of_item(item) for item in catalogue.items.values()]
    _refuse_unknown_messages(
        [(one, f"{_file(one)}, line {_line_of(one['key'], texts.get(_file(one), ''))}") for one in found]
    )
    return found


def to_csv(snapshots: Iterable[Snapshot]) -> bytes:
    """One row a text; what is a list stands in one cell, a line each."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for snapshot in snapshots:
        row = {name: snapshot[name] or "" for name in COLUMNS}
        row |= {name: "\n".join(snapshot[name]) for name in LISTS}
        row |= {name: "yes" if snapshot[name] else "no" for name in FLAGS}
        writer.writerow({name: _shown(str(value)) for name, value in row.items()})
    return out.getvalue().encode("utf-8-sig")


def from_csv(raw: bytes, name: str = "the file") -> list[Snapshot]:
    """Read what `to_csv` wrote and a spreadsheet saved. Raises Unreadable."""
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        if missing := [column for column in COLUMNS if column not in (reader.fieldnames or [])]:
            raise Unreadable(f"{name}, line 1: column {missing[0]} is missing; start from an exported file")
        faults: list[str] = []
        found: list[tuple[Snapshot, str]] = []
        begins = 2
        for row in reader:
            where = f"{name}, line {begins}"
            begins = reader.line_num + 1
            wrong, snapshot = _row({column: _meant(row[column] or "") for column in COLUMNS})
            faults += [f"{where}: {one}" for one in wrong]
            found.append((snapshot, where))
    except UnicodeDecodeError:
        raise Unreadable(f"{name}: is no UTF-8 text; save it as “CSV UTF-8”") from None
    except csv.Error as e:
        raise Unreadable(
            f"{name}, line {reader.line_num}: {e}; save it as CSV with commas and quotes"
        ) from None
    seen: dict[str, str] = {}
    for snapshot, where in found:
        if (first := seen.setdefault(snapshot["key"], where)) != where:
            faults.append(f"{where}: {snapshot['key']} is in {first} already; keep one")
    if faults:
        raise Unreadable("\n".join(faults))
    _refuse_unknown_messages(found)
    return [snapshot for snapshot, _ in found]


def _row(cells: dict[str, str]) -> tuple[list[str], Snapshot]:
    """A row as a snapshot, and what is wrong with it."""
    key, kind, section, language = cells["key"].strip(), cells["kind"], cells["section"], cells["language"]
    wrong = []
    bare = key.removeprefix(f"{language}:") if language != "en" else key
    if language not in dict(LANGUAGES):
        wrong.append(f"language {language!r} is not one of {', '.join(dict(LANGUAGES))}")
    if not KEY.fullmatch(bare):
        wrong.append(f"key {key!r} is no valid key; use small letters, digits, - and one /")
    if kind not in KINDS:
        wrong.append(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    if kind == "answer" and (section not in reading.sections() or not bare.startswith(f"{section}/")):
        wrong.append(f"section {section!r} is none of the catalogue's, or the key does not begin with it")
    if not cells["title"].strip():
        wrong.append("has no title; write one")
    if "{" in cells["text"] or "}" in cells["text"]:
        wrong.append("has a brace in its text; remove it")
    for name in FLAGS:
        if cells[name].strip().lower() not in ("yes", "no"):
            wrong.append(f"{name} is {cells[name]!r}; write yes or no")
    review_by = cells["review_by"].strip()
    try:
        review_by = dt.date.fromisoformat(review_by).isoformat() if review_by else ""
    except ValueError:
        wrong.append(f"review_by is {review_by!r}; write a date as 2027-05-31")
    return wrong, {
        "key": key,
        "kind": kind,
        "section": section or None,
        "language": language,
        "title": cells["title"].strip(),
        "text": cells["text"].replace("\r\n", "\n").strip(),
        **{name: lines(cells[name]) for name in LISTS},
        **{name: cells[name].strip().lower() == "yes" for name in FLAGS},
        "review_by": review_by or None,
    }


def _shown(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _meant(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _file(snapshot: Snapshot) -> str:
    language = snapshot["language"]
    if snapshot["kind"] == "answer":
        return f"answers/{'' if language == 'en' else language + '/'}{snapshot['section']}.yml"
    return "messages.yml" if language == "en" else f"notices.{language}.yml"


class _Document(yaml.SafeDumper):
    """Phrasings as Rasa writes them: a block of lines."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


class _Block(str):
    pass


_Document.add_representer(
    _Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)


def _document(members: list[Snapshot]) -> str:
    nlu, responses = [], {}
    for one in members:
        bare = one["key"] if one["language"] == "en" else one["key"].removeprefix(f"{one['language']}:")
        if one["phrasings"]:
            nlu.append(
                {"intent": bare, "examples": _Block("".join(f"- {line}\n" for line in one["phrasings"]))}
            )
        metadata: dict[str, Any] = {"title": one["title"]}
        if one["kind"] != "answer":
            metadata["kind"] = one["kind"]
        metadata |= {name: one[name] for name in ("sources", "related", *FLAGS, "review_by") if one[name]}
        responses[f"utter_{bare}"] = [{"id": bare, "text": one["text"], "metadata": metadata}]
    content: dict[str, Any] = {"version": "3.1"}
    content |= ({"nlu": nlu} if nlu else {}) | {"responses": responses}
    return yaml.dump(content, Dumper=_Document, allow_unicode=True, sort_keys=False, width=10_000)


def _unpack(raw: bytes, data: Path) -> dict[str, str]:
    """Put the files where the catalogue reads them; only names that we write ourselves. Raises Unreadable."""
    texts: dict[str, str] = {}
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
    except zipfile.BadZipFile:
        raise Unreadable("the file is no zip; export one from here and change its files") from None
    members = [one for one in archive.infolist() if not one.is_dir()]
    if sum(one.file_size for one in members) > MOST_BYTES:
        raise Unreadable("the zip is too large for a catalogue")
    for one in members:
        if not _NAME.fullmatch(one.filename):
            raise Unreadable(
                f"{one.filename}: is no file of a catalogue; there are answers/<section>.yml and messages.yml"
            )
        try:
            texts[one.filename] = archive.read(one).decode("utf-8")
        except (UnicodeDecodeError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
            raise Unreadable(f"{one.filename}: is no UTF-8 text; save it as UTF-8") from None
        path = data / one.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[one.filename], encoding="utf-8")
    if not texts:
        raise Unreadable("the zip is empty; export one from here and change its files")
    return texts


def _check_syntax(name: str, text: str) -> None:
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        problem = getattr(e, "problem", None) or "is no YAML"
        raise Unreadable(
            f"{where}: {problem}; mend this line (indent with spaces, put quotes around a text)"
        ) from None


def _with_lines(faults: str, texts: dict[str, str]) -> list[str]:
    """The catalogue's faults (`file: key: what`), each with its line."""
    out = []
    for fault in faults.splitlines():
        name, _, rest = fault.partition(": ")
        key = rest.partition(": ")[0]
        for path, text in texts.items():
            if path.endswith(name) and (line := _line_of(key, text)) > 1:
                out.append(f"{path}, line {line}: {rest}")
                break
        else:
            out.append(fault)
    return out


def _line_of(key: str, text: str) -> int:
    """Where a key's text begins; its phrasings where there is none; 1 when it is not there."""
    bare = key.partition(":")[2] or key
    for mark in (f"utter_{bare}:", f"id: {bare}", f"intent: {bare}"):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip().lstrip("- ") == mark:
                return number
    return 1


def _known_keys() -> set[str]:
    return set(Answer.objects.values_list("key", flat=True))


def _refuse_unknown_messages(found: list[tuple[Snapshot, str]]) -> None:
    """Which messages the assistant has is the software's, not the desk's. Raises Unreadable."""
    messages = dict(Answer.objects.exclude(kind="answer").values_list("key", "kind"))
    answers = set(Answer.objects.filter(kind="answer").values_list("key", flat=True))
    wrong = [
        f"{where}: {one['key']} is no {one['kind']} message that the assistant has; remove it"
        for one, where in found
        if (one["kind"] != "answer" and messages.get(one["key"]) != one["kind"])
        or (one["kind"] == "answer" and one["key"] in messages)
        or (one["kind"] != "answer" and one["key"] in answers)
    ]
    if wrong:
        raise Unreadable("\n".join(wrong))
