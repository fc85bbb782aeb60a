"""The exercises of notebook 10."""

import re

import numpy as np

from . import lime_text
from .exercises import Exercise

__all__ = ["EXERCISES"]


def _texts() -> list[tuple]:
    taken = lime_text.tokens("On the shore he relied on the sea, upon which the sun shone.")
    Z = lime_text.draw(len(taken.units), 12, np.random.default_rng(4))
    short = (("on", "upon", "On"), ["upon", "on", "On upon", "", "none."])
    one = (("sun", "shone"), ["The sun.", "sunshine", "shone, sun"])
    return [(taken.units, lime_text.write(taken, Z)), short, one]


def _inside_words(units, asked):
    return np.array([[u in t for u in units] for t in asked], dtype=float)


def _lower_case(units, asked):
    return lime_text.presence([u.lower() for u in units], [t.lower() for t in asked])


def _at_spaces(units, asked):
    return np.array([[u in t.split() for u in units] for t in asked], dtype=float)


def _counted(units, asked):
    found = [re.findall(r"\w+", t) for t in asked]
    return np.array([[words.count(u) for u in units] for words in found], dtype=float)


def _left_out(m: int) -> float:
    return (m + 1) / (2 * m)


EXERCISES: dict[str, Exercise] = {
    "10.either": Exercise(
        "The model answers 0.8 when 'freedom' or 'liberty' is in the text, else 0.2. Both are in. "
        "By how much does its answer change when 'freedom' alone is removed?",
        0.0,
        mistakes=[
            (0.6, "That is the change when both go: 'liberty' is still there."),
            (-0.6, "That is what removing both does, and 'liberty' stays."),
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
            (_inside_words, "'on' is found inside 'upon': split the text into words first."),
            (_lower_case, "'On' and 'on' are two units here: leave the case alone."),
            (
                lambda units, asked: lime_text.presence(units, asked).T,
                "One row a text, one column a unit: transpose it.",
            ),
            (_at_spaces, "'sea,' is not 'sea' to str.split: take re.findall(r'\\w+', text)."),
            (_counted, "Count no places: 1 when the word is there, however often."),
        ],
        level="write",
        minutes=10,
        hint="set(re.findall(r'\\w+', text)) has the words of a text.",
    ),
    "10.clerk": Exercise(
        "The second model is right about presidents it has never read. By which word does it know a "
        "Republican?",
        "cheers",
        mistakes=[
            ("murmurs", "That is the mark in the other party's texts: look at the sign."),
            ("[cheers]", "The word without its brackets: LIME's units are words."),
            ("America", "That was the strongest word of the first model; this one has an easier."),
            ("the", "A frequent word, but in the texts of both."),
        ],
        level="hunt",
        minutes=10,
        hint="Explain one marked passage with the second model, and look at the first word.",
    ),
}
