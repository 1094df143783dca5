"""Character n-grams of a text: what is left of a word that is misspelt, and of a language that the encoder does not speak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from companion.normalise import reveal

SKETCH = 512


class Letters:
    """TF-IDF of character n-grams (2 to 5, within words) of revealed text, and a dense random sketch of it.

    The sketch keeps inner products (Johnson-Lindenstrauss), so that a ridge classifier on it stays small however many
    n-grams there are. Fitted once by `rasa train`; n-grams that are new in a later release are left out.
    """

    def __init__(self, texts: Sequence[str], max_features: int = 40_000) -> None:
        self.vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, dtype=np.float32, max_features=max_features
        ).fit(map(reveal, texts))
        self.projection = self._projection()

    def _projection(self) -> np.ndarray:
        width = len(self.vectorizer.vocabulary_)
        rows = np.random.default_rng(0).standard_normal((width, SKETCH), dtype=np.float32)
        return rows / np.float32(np.sqrt(SKETCH))

    def __getstate__(self) -> dict[str, Any]:
        """The projection is made again from its seed, which is quicker than reading 80 MB."""
        return {"vectorizer": self.vectorizer}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.vectorizer = state["vectorizer"]
        self.projection = self._projection()

    def grams(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """One sparse row a text, of unit length."""
        return self.grams_of_revealed([reveal(text) for text in texts])

    def grams_of_revealed(self, revealed: Sequence[str]) -> sparse.csr_matrix:
        """The same for texts that are revealed already."""
        return self.vectorizer.transform(revealed)

    def sketch(self, grams: sparse.csr_matrix) -> np.ndarray:
        """The dense rows (SKETCH wide) of some n-gram rows."""
        return np.asarray(grams @ self.projection)


class LettersMemory:
    """What was made of the texts of a release, so that the next release costs only what is new in it."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._place: dict[str, int] = {}
        self._revealed: list[str] = []
        self._grams = sparse.csr_matrix((0, len(letters.vectorizer.vocabulary_)), dtype=np.float32)
        self._sketch = np.zeros((0, SKETCH), np.float32)

    def __call__(self, texts: Sequence[str]) -> tuple[list[str], sparse.csr_matrix, np.ndarray]:
        """For each text: revealed, its n-gram row, its sketch. All other texts are forgotten."""
        kept = list(dict.fromkeys(texts))
        if new := [text for text in kept if text not in self._place]:
            revealed = [reveal(text) for text in new]
            grams = self._letters.grams_of_revealed(revealed)
            self._place.update({text: len(self._revealed) + i for i, text in enumerate(new)})
            self._revealed += revealed
            self._sketch = np.vstack([self._sketch, self._letters.sketch(grams)])
            self._grams = sparse.vstack([self._grams, grams], format="csr")
        rows = [self._place[text] for text in kept]
        self._place = {text: i for i, text in enumerate(kept)}
        self._revealed, self._grams, self._sketch = [self._revealed[row] for row in rows], self._grams[rows], self._sketch[rows]
        order = [self._place[text] for text in texts]
        return [self._revealed[i] for i in order], self._grams[order], self._sketch[order]
