"""A text with its strongest words marked, as readers of LIME for text know it."""

import html
from dataclasses import dataclass

import numpy as np

from .._utils.validation import check_int
from . import TextModel, tokens

# orange raises, blue lowers, as in every figure
COLOURS = {1: "230, 140, 40", -1: "60, 120, 190"}


@dataclass(frozen=True)
class Marked:
    """A text taken apart, with the weight of each part that is marked (0: not marked)."""

    parts: tuple[str, ...]
    weights: np.ndarray
    output: str

    def __repr__(self) -> str:
        """The text equivalent: every marked word is followed by its weight."""
        pairs = zip(self.parts, self.weights, strict=True)
        return "".join(f"{part}[{w:+.2f}]" if w else part for part, w in pairs)

    def _repr_html_(self) -> str:
        largest = max(np.abs(self.weights).max(), 1e-12)
        spans = []
        for part, w in zip(self.parts, self.weights, strict=True):
            part = html.escape(part)
            if w:
                back = f"rgba({COLOURS[int(np.sign(w))]}, {0.25 + 0.65 * abs(w) / largest:.2f})"
                part = (
                    f'<span style="background: {back}; color: #111; border-radius: 3px; '
                    f'padding: 0 2px">{part}<sup>{w:+.2f}</sup></span>'
                )
            spans.append(part)
        key = (
            "Marked words, and what keeping a word in all its places together adds to the "
            f"{html.escape(self.output)}"
        )
        return (
            '<div style="max-width: 44em; line-height: 1.9; background: #fff; color: #111; '
            f'padding: .6em 1em"><p style="margin: 0">{"".join(spans)}</p>'
            f'<p style="margin: .4em 0 0; font-size: 85%">{key}: orange (+) raises, blue (−) lowers.'
            "</p></div>"
        )


def marked(text: str, found: TextModel, k: int = 10, output: str = "probability") -> Marked:
    """The text with the k words of the largest weights marked, in every place where they stand.

    found: ``lime_text.explain`` of this text. Colour and sign say the direction; the printed form
    writes the weights behind the words. output: what the legend calls the model's output.
    """
    taken = tokens(text, found.by)
    if taken.units != found.units:
        raise ValueError("This explanation belongs to another text; pass the text it was made for.")
    weights = np.zeros(len(taken.parts))
    for unit in np.argsort(-np.abs(found.weights), kind="stable")[: check_int("k", k)]:
        weights[list(taken.places[unit])] = found.weights[unit]
    return Marked(taken.parts, weights, f"{output}, class {found.target}")
