"""The phrase rules: regular expressions over revealed text that name a tier at once, with no model and no network.

They live in `data/safety/phrases.yml` so that a clinician can read them; each has an id that staff see as the reason.
A rule never lowers a tier. `unless` takes a rule back where its words are a figure of speech, sentence by sentence.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml

from companion.literals import alternatives, grams, required
from companion.normalise import fold, reveal
from companion.paths import DATA
from companion.sentences import sentences
from companion.tiers import QUIET, TIERS, Reason, Verdict, rank

PHRASES = DATA / "safety" / "phrases.yml"
_GROUP = re.compile(r"(?<!\?P)<([a-z_0-9]+)>")
MAX_CHARS = 20_000
"""What lies beyond is cut before screening; the web side never lets a message grow this long."""


class RulesError(ValueError):
    """The rule file is missing, empty or wrong; whoever screens must refuse to start."""


@dataclass(frozen=True)
class PhraseRule:
    id: str
    tier: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None = None

    def matches(self, sentence: str) -> bool:
        return bool(self.pattern.search(sentence)) and not (self.unless and self.unless.search(sentence))


class PhraseRules:
    """All phrase rules of one file. `screen` costs well under a millisecond on a chat message and never raises on any text."""

    def __init__(self, rules: list[PhraseRule]) -> None:
        self.rules = rules
        self._probes = [probe for rule in rules for probe in _probes(rule)]
        self._across = any(not rule.unless for rule in rules)
        self._always = [n for n, probe in enumerate(self._probes) if not probe.needs]
        self._by_gram: dict[str, list[int]] = {}
        for n, probe in enumerate(self._probes):
            for gram in min(probe.needs, key=len, default=()):
                self._by_gram.setdefault(gram, []).append(n)

    @classmethod
    def load(cls, path: Path = PHRASES) -> PhraseRules:
        """Read a rule file. Raises RulesError naming the rule that is wrong: a screen without its rules must not start."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            entries, groups = content["phrases"], content.get("words") or {}
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as e:
            raise RulesError(f"{path}: cannot read the phrase rules ({e}); restore the file from the repository") from e
        if not entries:
            raise RulesError(f"{path}: holds no rules; restore the file from the repository")
        words = _words(path, groups)
        rules = [_rule(path, entry, words) for entry in entries]
        ids = [rule.id for rule in rules]
        if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise RulesError(f"{path}: {', '.join(sorted(twice))}: this id is there twice; rename one")
        return cls(rules)

    def screen(self, text: str) -> Verdict:
        """The tier that the rules find in a message, with the rule and the sentence for each finding."""
        text = text[:MAX_CHARS]
        parts = sentences(text)
        reasons: dict[str, Reason] = {}
        for sentence in dict.fromkeys(parts):
            for rule in self._found(sentence, reasons):
                reasons[rule.id] = Reason("phrase", rule.tier, rule.id, sentence[:300], 1.0)
        if self._across and len(parts) > 1:  # words that full stops part; `unless` holds within a sentence only
            for rule in self._found(text, reasons, whole=True):
                reasons[rule.id] = Reason("phrase", rule.tier, rule.id, text[:300], 1.0)
        if not reasons:
            return QUIET
        found = sorted(reasons.values(), key=lambda r: rank(r.tier), reverse=True)
        return Verdict(found[0].tier, tuple(found))

    def _found(self, text: str, known: Container[str], whole: bool = False) -> Iterator[PhraseRule]:
        for reading in {fold(text), reveal(text)}:
            present = grams(reading)
            likely = set(self._always).union(*(self._by_gram[gram] for gram in present & self._by_gram.keys()))
            for n in sorted(likely):
                rule, pattern, needs = self._probes[n]
                if rule.id in known or (whole and rule.unless):
                    continue
                if any(some.isdisjoint(present) for some in needs):
                    continue
                if pattern.search(reading) and not (rule.unless and rule.unless.search(reading)):
                    yield rule


class _Probe(NamedTuple):
    """One alternative of a rule's pattern, with the letters that it cannot do without."""

    rule: PhraseRule
    pattern: re.Pattern[str]
    needs: list[frozenset[str]]


def _probes(rule: PhraseRule) -> list[_Probe]:
    return [_Probe(rule, re.compile(part), required(part)) for part in alternatives(rule.pattern.pattern)]


def _words(path: Path, groups: dict[str, list[str]]) -> dict[str, str]:
    words: dict[str, str] = {}
    for name, group in groups.items():
        try:
            words[name] = _insert("(?:" + "|".join(map(str, group)) + ")", words)
        except ValueError as e:
            raise RulesError(f"{path}: words: {name}: {e}") from e
    return words


def _rule(path: Path, entry: dict[str, str], words: dict[str, str]) -> PhraseRule:
    try:
        tier = entry["tier"]
        if tier not in TIERS or tier == "none":
            raise ValueError(f"tier {tier!r} is not one of {', '.join(TIERS[1:])}")
        pattern, unless = (_expand(entry.get(field), words) for field in ("pattern", "unless"))
        if pattern is None:
            raise KeyError("pattern")
        return PhraseRule(entry["id"], tier, pattern, unless)
    except (KeyError, TypeError, ValueError, re.error) as e:
        raise RulesError(f"{path}: rule {_id(entry)!r} is wrong: {e}") from e


def _id(entry: object) -> object:
    return entry.get("id", entry) if isinstance(entry, dict) else entry


def _expand(pattern: str | None, words: dict[str, str]) -> re.Pattern[str] | None:
    return re.compile(_insert(pattern, words)) if pattern else None


def _insert(pattern: str, words: dict[str, str]) -> str:
    """Put word groups in the place of <name>. A group may use those above it; raises ValueError for an unknown one."""

    def group(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise ValueError(f"<{match[1]}> is no group of `words`")
        return words[match[1]]

    return _GROUP.sub(group, pattern)


@lru_cache(maxsize=1)
def phrase_rules() -> PhraseRules:
    """The rules of `data/safety/phrases.yml`, read once in a process."""
    return PhraseRules.load()
