"""The release in force as the engine uses it: with its index, followed on disk by one watching thread.

The matcher and the NLG of one process share it, so that a reply's text comes from the release that matched it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.encoder import Memory, encoder
from assistant.letters import Letters, LettersMemory
from assistant.matching import AnswerIndex, Example
from companion.release import Release, Releases
from companion.sentences import sentences

WATCH_EVERY_SECONDS = 0.25
TEXT_WEIGHT = 0.75

log = logging.getLogger(__name__)


def release_examples(release: Release) -> list[Example]:
    """What a release's answers and small talk can be asked with: phrasings, titles, and weighing less the texts' own sentences."""
    found = []
    for item in release.items.values():
        if release.get(item["key"]) is None:
            continue
        key = item["key"].removeprefix("es:")  # a question has one answer, in whatever language it is asked and answered
        found += [Example(text, key) for text in item["phrasings"]]
        if item["kind"] == "answer":
            found.append(Example(item["title"], key))
            found += [Example(text, key, TEXT_WEIGHT) for text in sentences(item["text"])]
    return found


@dataclass(frozen=True)
class Live:
    """A release and the index made from it."""

    release: Release
    index: AnswerIndex


class LiveReleases:
    """Follows the release file; `current()` is the newest release that is indexed. The last few stay for the NLG."""

    def __init__(
        self,
        others: Sequence[Example],
        letters: Letters,
        releases: Releases | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.releases = releases or Releases()
        self._others, self._letters, self._letters_memory = list(others), letters, LettersMemory(letters)
        self._memory = memory or Memory(encoder().encode)
        self._live = self._index(self.releases.current())
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self) -> Live:
        return self._live

    def refresh(self) -> bool:
        """Index the release on disk if it is another than the one in force. Returns whether it was."""
        release = self.releases.current()
        if release.hash == self._live.release.hash:
            return False
        self._live = self._index(release)
        return True

    def watch(self) -> None:
        """Refresh in the background from now on."""
        self._thread = threading.Thread(target=self._follow, name="release-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.wait(WATCH_EVERY_SECONDS):
            try:
                if self.refresh():
                    log.info("release %s is in force", self._live.release.number)
            except Exception:  # the last good release stays in force, whatever is wrong with the new one
                log.exception("the new release could not be indexed")

    def _index(self, release: Release) -> Live:
        examples = [*release_examples(release), *self._others]
        # The memory is for what is indexed: only new texts are encoded. A patient's message is encoded without being remembered.
        index = AnswerIndex(examples, self._memory, self._letters, self._letters_memory)
        index.encode = encoder().encode
        self._memory.keep_only(example.text for example in examples)
        return Live(release, index)


_current: LiveReleases | None = None
_lock = threading.Lock()


def serve(live: LiveReleases) -> None:
    """Make these the releases of this process (a newly loaded model replaces an older one)."""
    global _current
    with _lock:
        if _current is not None:
            _current.close()
        _current = live


def served() -> LiveReleases | None:
    """The releases of this process; None before a model is loaded."""
    return _current
