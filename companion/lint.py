"""What docs/writing-guide.md and docs/labelling-guide.md ask, as far as a program can see: `python -m companion.lint`.

Every check is a pure function that returns findings, so that the editors' desk can show the same ones while somebody writes.
An error must be mended before a release; a warning is for a person to judge.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from companion.catalogue import Catalogue, CatalogueError, Item, load_catalogue
from companion.clinic import PLACEHOLDER, Clinic, ClinicError
from companion.lines import FAIL_AFTER_DAYS, LinesError, load_lines, stale
from companion.literals import repeats_within_repeats
from companion.paths import DATA
from companion.rules import PhraseRules, RulesError
from companion.tiers import TIERS

MIN_WORDS, MAX_WORDS = 40, 110
MAX_GRADE = 9.0
MAX_TITLE = 60
MIN_PHRASINGS, GOOD_PHRASINGS = 12, 25
MIN_RELATED, MAX_RELATED = 2, 4

_DOSE = re.compile(
    r"\b\d+(?:[.,]\d+)?\s?(?:mg|milligrams?|mcg|micrograms?|µg|ml|millilitres?|milliliters?|grams?|g)\b(?:\s?/\s?kg)?",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:normal(?:ly)?|guarantee\w*|don['’]t worry|do not worry|no need to worry|nothing to worry\w*|perfectly|completely safe"
    r"|totally safe|safe for you|harmless|no risks?|risk[- ]free|will (?:help|cure|work|heal|fix|feel better|be fine|be ok(?:ay)?)"
    r"|always works?|miracle)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\bhttps?://\S+|\bwww\.\S+|\b[a-z0-9-]+\.(?:com|org|net|info|io|health|clinic)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[A-Za-z']+")
_VOWELS = re.compile(r"[aeiouy]+")
_BRACKET = re.compile(r"[\[\]{}]")
_NOT_WORD = re.compile(r"\W+")

_MONITORING = re.compile(
    r"\b(?:we|i|staff|someone|somebody|the (?:care )?team|a (?:nurse|clinician|person)) (?:are|is|am|will be|will) "
    r"(?:watching|monitoring|reading this|following|contact|call|reach|check|look after|keep an eye)"
    r"|\bhelp is on (?:the|its) way|\bwill (?:call|contact) you (?:shortly|soon)",
    re.IGNORECASE,
)
_CONTRACT = re.compile(r"\bpromise (?:me|us|that you|not to)|\bagree not to|\bcontract\b|\bgive (?:me|us) your word", re.IGNORECASE)
_AUTOMATED = re.compile(r"\bautomated\b|\bcomputer program\b", re.IGNORECASE)

_NEARBY = r"\b(?:with|near|beside)\b[^.]*\b(?:some(?:one|body)|you)\b|\bsome(?:one|body)\b[^.]*\bwith you"

# What a card must hold: (what is missing, a pattern that finds it).
CARD_PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "crisis": (
        ("[[lines.emergency]], the number for immediate danger", r"\[\[lines\.emergency\]\]"),
        ("[[lines.crisis]], where to call, text and chat", r"\[\[lines\.crisis\]\]"),
        ("that this is automated or a computer program", _AUTOMATED.pattern),
        ("a person nearby (with or near someone they trust)", _NEARBY),
        ("a professional (care team, clinician, doctor)", r"\b(?:care team|professional|clinician|doctor|therapist)\b"),
        ("distance from danger (move or keep away from it)", r"\b(?:move|keep|stay|get|step) away\b|\bdistance\b"),
    ),
    "emergency": (
        ("[[lines.emergency]], the number to call", r"\[\[lines\.emergency\]\]"),
        ("[[lines.crisis]], where to call, text and chat", r"\[\[lines\.crisis\]\]"),
        ("that this is automated or a computer program", _AUTOMATED.pattern),
        ("a person nearby (someone beside them, not alone)", r"\b(?:with|near|beside) you\b|\bdo not stay alone\b"),
    ),
    "greeting": (
        ("that it is automated or a computer program", _AUTOMATED.pattern),
        ("that it is not a person", r"\bnot a person\b"),
        ("that it is not a clinician", r"\bnot a clinician\b"),
        ("that it answers only with approved text", r"\bonly\b[^.]*\bapproved\b"),
        ("that nobody reads around the clock", r"\b(?:nobody|no one)\b[^.]*\baround the clock\b"),
        ("[[lines.emergency]], the number for an emergency", r"\[\[lines\.emergency\]\]"),
    ),
}
_EMERGENCY_ES = ("[[lines.emergency]], the emergency number", r"\[\[lines\.emergency\]\]")
_LINES_ES = ("[[lines.crisis_es]], where to call, text and chat", r"\[\[lines\.crisis_es\]\]")
_AUTOMATED_ES = ("that this is automated or a computer program", r"autom[áa]tic|programa de computadora")
_NEARBY_ES = ("a person nearby", r"alguien de confianza|(?:a su lado|con usted)|sin compañía")
CARD_PARTS_ES: dict[str, tuple[tuple[str, str], ...]] = {
    "crisis": (
        _EMERGENCY_ES,
        _LINES_ES,
        _AUTOMATED_ES,
        _NEARBY_ES,
        ("a professional", r"equipo de atención|profesional"),
        ("distance from danger", r"aléjese|lejos de"),
    ),
    "emergency": (_EMERGENCY_ES, _LINES_ES, _AUTOMATED_ES, _NEARBY_ES),
    "greeting": (
        _EMERGENCY_ES,
        _AUTOMATED_ES,
        ("that it is not a person", r"no una persona"),
        ("that it is not a clinician", r"ni un profesional"),
        ("that it answers only with approved text", r"solo\b[^.]*\baprobado"),
        ("that nobody reads around the clock", r"nadie\b[^.]*\b24 horas"),
    ),
}
MIN_CARDS = 2

# docs/labelling-guide.md, "Kinds".
_KINDS = """
crisis: active passive veiled goodbye self_harm harm_to_others abuse voices third_person slang obfuscated emoji buried spanish
emergency: breathing_heart consciousness allergy neuro overdose_mix bleeding_injury act_begun third_person misspelt buried spanish
symptom: body bladder mood anxiety_panic sleep_mania perception craving after_session third_person misspelt buried spanish
advice: dose medicines substances eligibility start_stop results own_timing third_person misspelt buried spanish
none: question logistics smalltalk spanish
none: figurative literal title resolved_past negated baseline scary_general about_suicide other_hard
"""
SAFETY_KINDS: dict[str, frozenset[str]] = {}
for _tier, _kinds in (line.split(": ") for line in _KINDS.split("\n") if line):
    SAFETY_KINDS[_tier] = SAFETY_KINDS.get(_tier, frozenset()).union(_kinds.split())


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, and what to do about it."""

    what: str
    key: str = ""
    file: str = ""
    error: bool = True
    rule: str = ""
    """Set for matters of style, which the editors' desk only warns of."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.what) if part)


def lint_text(
    text: str, *, kind: str = "answer", placeholders: Iterable[str] | None = None, language: str = "en"
) -> list[Finding]:
    """What is wrong with one text, whoever keeps it. `placeholders` are the names that a release fills in; None: not checked."""
    found = _unfit(text, placeholders)
    return found if kind != "answer" else found + _unfit_answer(text, language)


def _unfit(text: str, placeholders: Iterable[str] | None) -> list[Finding]:
    found = []
    if not text.strip():
        return [Finding("has no text; write one or remove it")]
    if _BRACKET.search(PLACEHOLDER.sub("", text)):
        found.append(Finding("has a brace or bracket that is no placeholder; remove it"))
    if placeholders is not None:
        known = set(placeholders)
        found += [
            Finding(f"[[{name}]] is no known placeholder; use one of {', '.join(sorted(known))}")
            for name in PLACEHOLDER.findall(text)
            if name not in known
        ]
    return found


def _unfit_answer(text: str, language: str) -> list[Finding]:
    found = []
    words = len(text.split())
    if not MIN_WORDS <= words <= MAX_WORDS:
        found.append(Finding(f"has {words} words; an answer has {MIN_WORDS} to {MAX_WORDS}", rule="length"))
    if "\n" in text.strip():
        found.append(Finding("has a line break; write one paragraph"))
    # The formula counts English syllables; Spanish texts are read by a person.
    if language == "en" and (grade := reading_grade(text)) > MAX_GRADE:
        what = f"reads at school grade {grade:.1f}; shorten sentences and words to {MAX_GRADE:.0f} or below"
        found.append(Finding(what, rule="grade"))
    found += [Finding(f"names a dose ({match}); an answer never does") for match in _matches(_DOSE, text)]
    found += [
        Finding(f"names a web address ({match}); links come from the clinic's facts and lines only")
        for match in _matches(_ADDRESS, text)
    ]
    found += [Finding(f"promises or reassures ({match}); say what is so") for match in _matches(_PROMISE, text)]
    return found


def _matches(pattern: re.Pattern[str], text: str) -> list[str]:
    return [match.group() for match in pattern.finditer(text)]


def reading_grade(text: str) -> float:
    """Flesch-Kincaid school grade, with syllables counted as groups of vowels; a placeholder counts as one short word."""
    text = PLACEHOLDER.sub("it", text)
    words = _WORD.findall(text)
    if not words:
        return 0.0
    syllables = sum(max(1, len(_VOWELS.findall(re.sub(r"e\b", "", word.lower())))) for word in words)
    spoken = sum(1 for sentence in _SENTENCE_END.split(text) if _WORD.search(sentence))
    return 0.39 * len(words) / max(spoken, 1) + 11.8 * syllables / len(words) - 15.59


def lint_answer(item: Item, answers: Iterable[str], *, placeholders: Iterable[str] | None = None) -> list[Finding]:
    """What is wrong with one answer, apart from its likeness to others. `answers` are the keys of all answers."""
    others = set(answers) - {item.key}
    found = lint_text(item.text, placeholders=placeholders, language=item.language)
    if not 0 < len(item.title) <= MAX_TITLE:
        found.append(Finding(f"title has {len(item.title)} characters; write 1 to {MAX_TITLE}"))
    if not item.sources:
        found.append(Finding("names no source; name the public article or agency that the facts come from"))
    if not MIN_RELATED <= len(item.related) <= MAX_RELATED:
        what = f"has {len(item.related)} related answers; name {MIN_RELATED} to {MAX_RELATED}"
        found.append(Finding(what, rule="few related"))
    found += [
        Finding(f"related answer {key!r} is no other answer; use a key that exists") for key in item.related if key not in others
    ]
    if len(item.phrasings) < (GOOD_PHRASINGS if item.language == "en" else MIN_PHRASINGS):
        few = len(item.phrasings) < MIN_PHRASINGS
        rule = "few phrasings" if item.phrasings else ""
        found.append(Finding(f"has {len(item.phrasings)} phrasings; write at least {GOOD_PHRASINGS}", error=few, rule=rule))
    return [replace(one, file=item.source_file, key=item.key) for one in found]


def lint_answers(catalogue: Catalogue, *, placeholders: Iterable[str] | None = None) -> list[Finding]:
    """Every answer by itself, then titles and phrasings that two answers share."""
    answers = catalogue.answers
    found = [one for item in answers.values() for one in lint_answer(item, answers, placeholders=placeholders)]
    titles: dict[tuple[str, str], str] = {}
    phrasings: dict[tuple[str, str], str] = {}
    for key, item in answers.items():
        title = (item.language, _plain(item.title))
        if (first := titles.setdefault(title, key)) != key:
            found.append(Finding(f"has the same title as {first}; a patient could not choose", key, item.source_file))
        for phrasing in item.phrasings:
            plain = (item.language, _plain(phrasing))
            if plain in phrasings:
                found.append(Finding(f"phrasing {phrasing!r} is in {phrasings[plain]} already; remove one", key, item.source_file))
            phrasings.setdefault(plain, key)
    return found


def lint_card(name: str, text: str, language: str = "en") -> list[Finding]:
    """What a crisis card, an emergency card or the greeting lacks, or must not say."""
    parts = (CARD_PARTS_ES if language == "es" else CARD_PARTS)[name]
    found = [Finding(f"does not say {part}; add it") for part, pattern in parts if not re.search(pattern, text, re.IGNORECASE)]
    for wrong, pattern in (("promises that somebody watches or will call", _MONITORING), ("asks for a promise", _CONTRACT)):
        found += [Finding(f"{wrong} ({match}); remove it") for match in _matches(pattern, text)]
    return found


def lint_messages(catalogue: Catalogue, *, placeholders: Iterable[str] | None = None) -> list[Finding]:
    """The assistant's own sentences: cards whole, enough of them, and nothing that a release could not fill in."""
    found: list[Finding] = []
    messages = [item for item in catalogue.items.values() if item.kind != "answer"]
    for item in messages:
        wrong = lint_text(item.text, kind=item.kind, placeholders=placeholders)
        if card := card_of(item):
            wrong += lint_card(card, item.text, item.language)
        found += [replace(one, file=item.source_file, key=item.key) for one in wrong]
    for name in ("crisis", "emergency"):
        count = sum(card_of(item) == name and item.language == "en" for item in messages)
        if count < MIN_CARDS:
            found.append(
                Finding(
                    f"has {count} variations; write at least {MIN_CARDS}, so that a repeat is not the same block",
                    name,
                    "messages.yml",
                )
            )
    if "greeting" not in catalogue.items:
        found.append(Finding("is missing; a patient must be told what answers", "greeting", "messages.yml"))
    return found


def card_of(item: Item) -> str | None:
    """Which card's parts a message needs; None for one that is no card."""
    return item.kind if item.kind in ("crisis", "emergency") else "greeting" if item.key.removeprefix("es:") == "greeting" else None


def lint_lines(path: Path = DATA / "crisis_lines.yml", *, today: dt.date) -> list[Finding]:
    """Lines that cannot be reached, and lines whose source was last read too long ago."""
    try:
        load_lines(path)
    except LinesError as e:
        return [Finding(str(e), file=path.name)]
    return [
        Finding(
            f"was verified {days} days ago; read its source again and set verified_on",
            name,
            path.name,
            error=days > FAIL_AFTER_DAYS,
        )
        for name, days in stale(path, today=today)
    ]


def lint_rules(path: Path = DATA / "safety" / "phrases.yml") -> list[Finding]:
    """Phrase rules that cannot be read, or that could take for ever on a long message."""
    try:
        rules = PhraseRules.load(path).rules
    except RulesError as e:
        return [Finding(str(e), file=path.name)]
    return [
        Finding("repeats something without bound inside a repetition; bound one of them", rule.id, path.name)
        for rule in rules
        for pattern in (rule.pattern, rule.unless)
        if pattern and repeats_within_repeats(pattern.pattern)
    ]


def lint_safety(folder: Path = DATA / "safety") -> list[Finding]:
    """Labelled messages: tiers and kinds of the guide, no brackets, and no line that carries two tiers."""
    found: list[Finding] = []
    tiers: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.glob("*.yml")):
        try:
            blocks = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu") or []
        except (OSError, yaml.YAMLError, AttributeError) as e:
            found.append(Finding(f"cannot be read: {e}", file=path.name))
            continue
        for block in blocks:
            found += _lint_block(path.name, block, tiers)
    return found


def _lint_block(file: str, block: dict[str, object], tiers: dict[str, tuple[str, str]]) -> list[Finding]:
    tier, metadata = str(block.get("intent")), block.get("metadata")
    kind = str(metadata.get("kind")) if isinstance(metadata, dict) else "None"
    where = f"{tier} {kind}"
    if tier not in SAFETY_KINDS:
        return [Finding(f"is no tier; use one of {', '.join(t for t in TIERS if t in SAFETY_KINDS)}", tier, file)]
    found = []
    if kind not in SAFETY_KINDS[tier]:
        found.append(Finding(f"kind is not one of {', '.join(sorted(SAFETY_KINDS[tier]))}", where, file))
    for line in str(block.get("examples") or "").splitlines():
        if not line.strip():
            continue
        if not line.startswith("- ") or _BRACKET.search(line):
            found.append(Finding(f"line {line.strip()[:60]!r} needs `- ` in front and no brackets or braces", where, file))
            continue
        plain = _plain(line[2:]) or line[2:].strip()
        other, first = tiers.setdefault(plain, (tier, file))
        if other != tier:
            found.append(Finding(f"line {line[2:].strip()[:60]!r} is {other} in {first}; settle one tier", where, file))
    return found + _repeats(file, where, block)


def _repeats(file: str, where: str, block: dict[str, object]) -> list[Finding]:
    lines = Counter(line.strip() for line in str(block.get("examples") or "").splitlines() if line.strip())
    return [
        Finding(f"line {line[2:62]!r} is there {count} times; once is enough", where, file, error=False)
        for line, count in lines.items()
        if count > 1
    ]


def _plain(text: str) -> str:
    return _NOT_WORD.sub(" ", text.lower()).strip()


def known_placeholders(clinic: Clinic) -> set[str]:
    """What a release of this clinic fills in."""
    return {f"clinic.{name}" for name in clinic.facts} | {"lines.emergency", "lines.crisis", "lines.crisis_es", "staffing.opens"}


def lint(data: Path = DATA, *, today: dt.date | None = None) -> list[Finding]:
    """Everything in `data/`."""
    today = today or dt.date.today()
    found = [
        *lint_lines(data / "crisis_lines.yml", today=today),
        *lint_rules(data / "safety" / "phrases.yml"),
        *lint_safety(data / "safety"),
    ]
    try:
        catalogue = load_catalogue(data)
        placeholders = known_placeholders(Clinic.load(data / "clinic.yml", data / "facts.yml"))
    except (CatalogueError, ClinicError) as e:
        return found + [Finding(line) for line in str(e).splitlines()]
    return found + lint_answers(catalogue, placeholders=placeholders) + lint_messages(catalogue, placeholders=placeholders)


def main() -> int:
    """Print what is wrong, errors first; 1 if there is an error."""
    found = lint()
    errors = [one for one in found if one.error]
    warnings = [one for one in found if not one.error]
    for one in errors:
        print(one)
    for one in warnings:
        print(f"warning: {one}")
    print(f"{len(errors)} errors, {len(warnings)} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
