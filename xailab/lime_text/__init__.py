"""LIME for text by hand: leave words out, ask the model, weigh the texts, fit a line, read it."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pandas as pd

from .._utils.cards import name_of
from .._utils.validation import check_callable, check_random_state
from ..local_fit import (
    LocalExplanation,
    answers,
    check_settings,
    cosine_distance,
    exponential_kernel,
    fit_strongest,
    of_class,
)

# the lime package writes 25, because it multiplies its distances by 100
KERNEL_WIDTH = 0.25


@dataclass(frozen=True)
class Tokens:
    """A text taken apart, and which of its parts LIME may leave out.

    parts: the text as a list that joins back to it. units: the names of the m things that can be
    left out. places: for each unit the positions in ``parts`` that go with it.
    """

    parts: tuple[str, ...]
    units: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]


@cache
def _word() -> re.Pattern[str]:
    """A word: a letter, digit or underscore, and what follows of such and of combining marks.

    The marks are the Unicode categories Mn, Mc and Me: Python's \\w has none of them. The two joiners
    of Indian and Persian writing are taken only between them. Made once, when it is first needed.
    """
    planes = (*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0))
    marks = "".join(chr(c) for c in planes if unicodedata.category(chr(c))[0] == "M")
    inside = rf"[\w{marks}]"
    return re.compile(rf"\w(?:{inside}|[\u200c\u200d](?={inside}))*")


def tokens(text: str, by: str = "word") -> Tokens:
    """Take a text apart into words, of letters, digits, underscores and combining marks, and the rest.

    by: "word" makes one unit of all places of a word (a bag of words), "place" a unit of each place.
    The parts are lime's own, but that lime cuts words at combining marks, as those of Hindi.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be one string, not {type(text).__name__}.")
    if by not in ("word", "place"):
        raise ValueError(f'by must be "word" or "place", not {by!r}.')
    ends = [0, *(end for word in _word().finditer(text) for end in word.span()), len(text)]
    parts = tuple(text[a:b] for a, b in pairwise(ends) if a < b)
    found = [i for i, part in enumerate(parts) if _word().match(part)]
    if not found:
        raise ValueError("The text has no words, so there is nothing that could be left out.")
    if by == "place":
        return Tokens(parts, tuple(parts[i] for i in found), tuple((i,) for i in found))
    places: dict[str, list[int]] = {}
    for i in found:
        places.setdefault(parts[i], []).append(i)
    return Tokens(parts, tuple(places), tuple(map(tuple, places.values())))


def draw(m: int, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Z: (n_samples, m) of 1 (kept) and 0 (left out); row 0 keeps everything.

    Every other row leaves out s of the m units, s drawn evenly from 1 to m, so half of the text is
    gone on average: the texts are *not* close to the one explained. As lime.lime_text.
    """
    sizes = rng.integers(1, m + 1, n_samples - 1)
    rank = rng.random((n_samples - 1, m)).argsort(1).argsort(1)
    return np.vstack([np.ones(m), rank >= sizes[:, None]]).astype(float)


def write(taken: Tokens, Z: np.ndarray, mask: str | None = None) -> list[str]:
    """The texts that rows of Z describe: units with a 0 removed, or replaced by ``mask``.

    Z: (n, m) of 0 and 1.
    """
    texts = []
    for row in np.asarray(Z):
        parts = list(taken.parts)
        for j in np.flatnonzero(row == 0):
            for i in taken.places[j]:
                parts[i] = "" if mask is None else mask
        texts.append("".join(parts))
    return texts


def presence(units, texts) -> np.ndarray:
    """(n, m) of 0 and 1: does text i hold unit j as a whole word, spelt exactly so?

    Reads back the rows that ``write`` turned into texts by removing words.
    """
    found = [set(_word().findall(text)) for text in texts]
    return np.array([[unit in words for unit in units] for words in found], dtype=float)


def without(text: str, units) -> str:
    """The text with every place of these units removed."""
    taken = tokens(text)
    return write(taken, np.array([[unit not in set(units) for unit in taken.units]]))[0]


@dataclass(frozen=True, repr=False)
class TextModel(LocalExplanation):
    """LIME's line near one text: a weight says what keeping the word adds, on average.

    units: the words, or their places; counts: how often each stands in the text. by, mask:
    settings, see ``explain``.
    """

    units: tuple[str, ...]
    counts: tuple[int, ...]
    by: str
    mask: str | None

    title: ClassVar[str] = "LIME for a text"
    distance: ClassVar[str] = "cosine distance"

    @property
    def conditions(self) -> tuple[str, ...]:
        """The units' names, under the name that ``stability`` asks for."""
        return self.units

    def table(self) -> pd.DataFrame:
        """The words, how often each stands in the text, and their weights, the largest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return pd.DataFrame(
            {"times": np.array(self.counts)[order], "weight": self.weights[order]},
            index=pd.Index(np.array(self.units)[order], name="word"),
        )

    def strongest(self, k: int) -> list[str]:
        """The k units that support the model's side most: the class above 0.5, else the other."""
        side = 1 if self.model_prediction > 0.5 else -1
        return [self.units[i] for i in np.argsort(-side * self.weights, kind="stable")[:k]]

    def _samples(self) -> str:
        gone = "removed" if self.mask is None else f"replaced by {self.mask!r}"
        unit = "all places of a word" if self.by == "word" else "each place on its own"
        return f"texts of {len(self.units)} units ({unit}), {gone}"

    def _reading(self, k: int) -> str:
        top = self.table()["weight"].head(k)
        parts = [f'"{word}" ({weight:+.2f})' for word, weight in top.items()]
        return (
            f"Strongest words: {', '.join(parts)}. A weight says what keeping the word adds on "
            "average over texts with about half of their words left out."
        )


def explain(
    predict_proba: Callable,
    text: str,
    *,
    n_samples: int = 5000,
    kernel_width: float = KERNEL_WIDTH,
    num_features: int | None = None,
    by: str = "word",
    mask: str | None = None,
    target: int = 1,
    samples: np.ndarray | None = None,
    seed: int = 0,
) -> TextModel:
    """Explain one text: the linear model that best imitates the classifier near it.

    Ribeiro et al. 2016, section 3, with the kernel and the ridge penalty of the lime package.

    Parameters
    ----------
    predict_proba : function, list of n texts -> (n, C) probabilities
        The classifier; it is asked once, about all texts.
    text : str
        What is explained.
    n_samples : int
        How many texts to draw, the whole text included; at least two more than there are units.
    kernel_width : float
        In units of the cosine distance of a row of Z from the row of ones.
    num_features : int, optional
        How many units get a weight, the strongest ones; None keeps all.
    by : "word" or "place"
        What is left out together, see ``tokens``.
    mask : str, optional
        What stands in the place of a word that is left out; None removes it.
    target : int
        The class to explain.
    samples : (n, m) of 0 and 1, optional
        Rows to use instead of drawing them, the first all ones.
    seed : int
        Of the draws.

    Returns
    -------
    TextModel
        Weights, intercept and fit of the line, and every setting.
    """
    check_callable("predict_proba", predict_proba, "model.predict_proba")
    taken = tokens(text, by)
    m = len(taken.units)
    if samples is not None:
        samples = _checked_samples(samples, m)
        n_samples = len(samples)
    check_settings(n_samples, m, kernel_width, num_features)

    # draw
    Z = draw(m, n_samples, check_random_state(seed)) if samples is None else samples
    # ask
    y = of_class(answers(predict_proba, write(taken, Z, mask), "texts"), target)
    # weigh
    sample_weights = exponential_kernel(cosine_distance(Z), kernel_width)
    # fit
    line = fit_strongest(Z, y, sample_weights, num_features)
    # read
    return TextModel(
        **vars(line),
        local_prediction=line.at(Z[0]),
        model_prediction=float(y[0]),
        n_samples=len(Z),
        kernel_width=float(kernel_width),
        num_features=num_features,
        target=target,
        seed=seed if samples is None else None,
        model=name_of(predict_proba),
        units=taken.units,
        counts=tuple(map(len, taken.places)),
        by=by,
        mask=mask,
    )


def _checked_samples(samples, m: int) -> np.ndarray:
    Z = np.asarray(samples, dtype=float)
    if Z.ndim != 2 or Z.shape[1] != m:
        raise ValueError(f"samples must have shape (n, {m}), one column per unit, not {Z.shape}.")
    if not len(Z) or not np.isin(Z, (0, 1)).all() or not Z[0].all():
        raise ValueError("samples must hold only 0 and 1, and its first row must keep every unit.")
    return Z
