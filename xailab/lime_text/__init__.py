"""LIME for text by hand: leave words out, ask the model, weigh the texts, fit a line, read it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .._utils.cards import card, name_of
from ..local_fit import all_finite, answers, exponential_kernel, fit_strongest, of_class

KERNEL_WIDTH = 0.25  # the lime package writes 25, because it multiplies its distances by 100


@dataclass(frozen=True)
class Tokens:
    """A text taken apart, and which of its parts LIME may leave out.

    parts: the text as a list that joins back to it. units: the names of the m things that can be
    left out. places: for each unit the positions in ``parts`` that go with it. Notebook 10.
    """

    parts: tuple[str, ...]
    units: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]


def tokens(text: str, by: str = "word") -> Tokens:
    """Take a text apart at everything that is no letter, digit or underscore.

    by: "word" makes one unit of all places of a word (a bag of words), "place" a unit of each place.
    Raises TypeError for anything but a text, ValueError for one without words or an unknown ``by``.
    Introduced in notebook 10; the parts are lime's own.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be one string, not {type(text).__name__}.")
    if by not in ("word", "place"):
        raise ValueError(f'by must be "word" or "place", not {by!r}.')
    parts = tuple(part for part in re.split(r"(\W+)", text) if part)
    found = [i for i, part in enumerate(parts) if re.match(r"\w", part)]
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
    gone on average: the texts are *not* close to the one explained. As lime.lime_text. Notebook 10.
    """
    sizes = rng.integers(1, m + 1, n_samples - 1)
    rank = rng.random((n_samples - 1, m)).argsort(1).argsort(1)
    return np.vstack([np.ones(m), rank >= sizes[:, None]]).astype(float)


def write(taken: Tokens, Z: np.ndarray, mask: str | None = None) -> list[str]:
    """The texts that rows of Z describe: units with a 0 removed, or replaced by ``mask``.

    Z: (n, m) of 0 and 1. Introduced in notebook 10.
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
    """(n, m) of 0 and 1: does text i hold unit j as a whole word, spelt exactly so? Notebook 10.

    Reads back the rows that ``write`` turned into texts by removing words.
    """
    found = [set(re.findall(r"\w+", text)) for text in texts]
    return np.array([[unit in words for unit in units] for words in found], dtype=float)


def without(text: str, units) -> str:
    """The text with every place of these units removed. Introduced in notebook 10."""
    taken = tokens(text)
    return write(taken, np.array([[unit not in set(units) for unit in taken.units]]))[0]


def distance(Z: np.ndarray) -> np.ndarray:
    """Cosine distance of 0/1 rows from the row of ones: 1 - sqrt(share kept), in [0, 1].

    Z: (n, m). Introduced in notebook 10; LIME for images has the same.

    >>> distance([[1, 1, 1, 1], [1, 0, 0, 0]]).tolist()
    [0.0, 0.5]
    """
    return 1 - np.sqrt(np.mean(Z, axis=1))


@dataclass(frozen=True)
class TextModel:
    """A linear model that stands in for a text classifier near one text.

    weights: (m,) for the units, in units of the model's output (probability): what keeping the word
    adds, on average over the drawn texts. The other fields are the settings it was made with. Notebook 10.
    """

    units: tuple[str, ...]
    counts: tuple[int, ...]
    weights: np.ndarray
    intercept: float
    local_prediction: float
    model_prediction: float
    r2: float
    n_samples: int
    kernel_width: float
    num_features: int | None
    by: str
    mask: str | None
    target: int
    seed: int | None
    output: str = "probability"
    model: str = "not named"

    @property
    def conditions(self) -> tuple[str, ...]:
        """The units' names, under the name that ``stability`` asks for."""
        return self.units

    @property
    def local_error(self) -> float:
        """local_prediction - model_prediction: how far the line misses the text it explains."""
        return self.local_prediction - self.model_prediction

    def table(self) -> pd.DataFrame:
        """The words, how often each stands in the text, and their weights, the largest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return pd.DataFrame(
            {"times": np.array(self.counts)[order], "weight": self.weights[order]},
            index=pd.Index(np.array(self.units)[order], name="word"),
        )

    def strongest(self, k: int) -> list[str]:
        """The k units that speak strongest for the side the model takes: for the class above 0.5."""
        side = 1 if self.model_prediction > 0.5 else -1
        return [self.units[i] for i in np.argsort(-side * self.weights, kind="stable")[:k]]

    def card(self) -> str:
        """Everything that must stand beside these weights so that others can judge and repeat them."""
        gone = "removed" if self.mask is None else f"replaced by {self.mask!r}"
        unit = "all places of a word" if self.by == "word" else "each place on its own"
        return card(
            "LIME for a text",
            model=self.model,
            output=f"{self.output}, class {self.target}",
            prediction=f"{self.model_prediction:.3f} by the model",
            local_line=f"{self.local_prediction:.3f} (error {self.local_error:+.3f}), R2 {self.r2:.2f}",
            samples=f"{self.n_samples} texts of {len(self.units)} units ({unit}), {gone}",
            kernel_width=f"{self.kernel_width:.3g}, cosine distance",
            seed="none: the samples were given" if self.seed is None else self.seed,
        )

    __str__ = __repr__ = card

    def describe(self, k: int = 3) -> str:
        """The explanation in plain sentences; the strongest words first, ``k`` of them."""
        top = self.table()["weight"].head(k)
        parts = [f'"{word}" ({weight:+.2f})' for word, weight in top.items()]
        return (
            f"The model gives {self.model_prediction:.2f}, its local line "
            f"{self.local_prediction:.2f} (R2 {self.r2:.2f}). Strongest words: {', '.join(parts)}. "
            "A weight says what keeping the word adds on average over texts with about half of "
            "their words left out."
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
    output: str = "probability",
    model: str = "",
) -> TextModel:
    """Explain one text: the linear model that best imitates the classifier near it.

    predict_proba: list of n texts -> (n, C) probabilities. by: see ``tokens``. mask: None removes a
    word, a string stands in its place. num_features: None keeps all. samples: (n, m) rows of 0 and 1
    to use instead of drawing them, the first all ones. output, model: names for the card.
    Raises TypeError or ValueError for a text, settings or predictions that do not fit.
    Ribeiro et al. 2016, section 3. Introduced in notebook 10.
    """
    taken = tokens(text, by)
    m = len(taken.units)
    if samples is None:
        if n_samples < m + 2:
            raise ValueError(
                f"n_samples must be at least {m + 2} to fit the {m} words of this text, "
                f"not {n_samples}."
            )
        Z = draw(m, n_samples, np.random.default_rng(seed))
    else:
        Z = _checked(samples, m)
    y = _ask(predict_proba, write(taken, Z, mask), target)
    line = fit_strongest(Z, y, exponential_kernel(distance(Z), kernel_width), num_features)
    return TextModel(
        units=taken.units,
        counts=tuple(map(len, taken.places)),
        weights=line.weights,
        intercept=line.intercept,
        local_prediction=float(line.intercept + line.weights.sum()),
        model_prediction=float(y[0]),
        r2=line.r2,
        n_samples=len(Z),
        kernel_width=float(kernel_width),
        num_features=num_features,
        by=by,
        mask=mask,
        target=target,
        seed=seed if samples is None else None,
        output=output,
        model=name_of(predict_proba, model),
    )


def _checked(samples, m: int) -> np.ndarray:
    Z = np.asarray(samples, dtype=float)
    if Z.ndim != 2 or Z.shape[1] != m or len(Z) < 2:
        raise ValueError(f"samples must have shape (n, {m}), one column a unit, not {Z.shape}.")
    if not np.isin(Z, (0, 1)).all() or not Z[0].all():
        raise ValueError("samples must hold only 0 and 1, and its first row must keep every unit.")
    return Z


def _ask(predict_proba: Callable, texts: list[str], target: int) -> np.ndarray:
    return of_class(all_finite(answers(predict_proba(texts), len(texts), "texts")), target)
