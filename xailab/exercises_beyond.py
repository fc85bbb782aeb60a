"""The exercises of notebooks 10 to 13."""

import numpy as np

from . import lime_text
from .exercises import Exercise

__all__ = ["EXERCISES"]


# --- 10: LIME for text -------------------------------------------------------------------------


def _texts() -> list[tuple]:
    taken = lime_text.tokens("On the shore he relied on the sea, upon which the sun shone.")
    Z = lime_text.draw(len(taken.units), 12, np.random.default_rng(4))
    short = (("on", "upon", "On"), ["upon", "on", "On upon", "", "none."])
    one = (("sun", "shone"), ["The sun.", "sunshine", "shone, sun"])
    return [(taken.units, lime_text.write(taken, Z)), short, one]


def _left_out(m: int) -> float:
    return (m + 1) / (2 * m)


_LIME_TEXT = {
    "10.either": Exercise(
        "The model answers 0.8 when 'upon' or 'whilst' is in the text, else 0.2. Both are in. "
        "By how much does its answer change when 'upon' alone is removed?",
        0.0,
        mistakes=[
            (0.6, "That is the change when both go: 'whilst' is still there."),
            (-0.6, "That is what removing both does, and 'whilst' stays."),
            (0.3, "Half each is a fair division, not what this removal does."),
            (0.8, "That is the model's answer, and it asked for the change."),
        ],
        level="predict",
        minutes=3,
        hint="Read the condition again: it says 'or'.",
    ),
    "10.left_out": Exercise(
        "Write left_out(m): the share of m words that a drawn text lacks on average, when the number "
        "left out is drawn evenly from 1 to m.",
        _left_out,
        lambda: [(m,) for m in (1, 2, 9, 110)],
        [
            (lambda m: 0.5, "Nearly: the number left out runs from 1, not from 0."),
            (lambda m: (m + 1) / 2, "That is how many are left out; the share divides by m."),
            (lambda m: (m - 1) / (2 * m), "That is the share kept."),
            (
                lambda m: 1 / m,
                "That is for one word left out; all numbers from 1 to m are as likely.",
            ),
        ],
        level="write",
        minutes=5,
        hint="The mean of 1, 2, ..., m is (m + 1) / 2.",
    ),
    "10.presence": Exercise(
        "Write presence(units, texts): an array (n, m) of 0 and 1, 1 where text i holds unit j as a "
        "whole word, spelt exactly so.",
        lime_text.presence,
        _texts,
        [
            (
                lambda units, asked: np.array(
                    [[u in t for u in units] for t in asked], dtype=float
                ),
                "'on' is found inside 'upon': split the text into words first.",
            ),
            (
                lambda units, asked: lime_text.presence(
                    [u.lower() for u in units], [t.lower() for t in asked]
                ),
                "'On' and 'on' are two units here: leave the case alone.",
            ),
            (
                lambda units, asked: lime_text.presence(units, asked).T,
                "One row a text, one column a unit: transpose it.",
            ),
            (
                lambda units, asked: np.array(
                    [[u in t.split() for u in units] for t in asked], dtype=float
                ),
                "'sea,' is not 'sea' to str.split: take re.findall(r'\\w+', text).",
            ),
        ],
        level="write",
        minutes=10,
        hint="set(re.findall(r'\\w+', text)) has the words of a text.",
    ),
    "10.printer": Exercise(
        "Which word do the two printers' texts give Hamilton away by?",
        "viz",
        mistakes=[
            (
                "ibid",
                "That is the mark in the other author's texts: look at the sign of the weight.",
            ),
            ("upon", "That was the strongest honest word; this model has found an easier one."),
            ("the", "A frequent word, but in the texts of both."),
        ],
        level="hunt",
        minutes=10,
        hint="Explain one passage of Hamilton's with the model trained on the marked texts.",
    ),
}

EXERCISES: dict[str, Exercise] = {**_LIME_TEXT}
