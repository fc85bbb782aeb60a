"""The exercises of notebook 10: LIME for texts."""

import re

import numpy as np

from .. import lime_text, local_fit
from .exercise import Exercise


def _texts() -> list[tuple]:
    taken = lime_text.tokens("On the shore he relied on the sea, upon which the sun shone.")
    Z = lime_text.draw(len(taken.units), 12, np.random.default_rng(4))
    short = (("on", "upon", "On"), ["upon", "on", "On upon", "", "none."])
    one = (("sun", "shone"), ["The sun;", "sunshine", "-shone- (sun)"])
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


def _kept_words() -> list[tuple]:
    rng = np.random.default_rng(6)
    fixed = [(np.array([[1.0, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]), 0.25)]
    drawn = [
        ((rng.random((n, m)) < 0.6) * 1.0, width) for n, m, width in ((5, 9, 0.25), (8, 3, 0.5))
    ]
    return fixed + drawn


def _text_weights(Z: np.ndarray, width: float) -> np.ndarray:
    return local_fit.exponential_kernel(local_fit.cosine_distance(Z), width)


def _left_out(m: int) -> float:
    return (m + 1) / (2 * m)


EXERCISES: dict[str, Exercise] = {
    "10.both": Exercise(
        "A model answers 0.8 when 'freedom' and 'liberty' are both in the text, else 0.2. Both are. "
        "Two numbers: how far its answer falls when only 'freedom' is removed plus how far when only "
        "'liberty' is removed, and how far when both are removed.",
        (1.2, 0.6),
        mistakes=[
            ((0.6, 0.6), "Removing one costs 0.6, and so does removing the other: add the two."),
            ((0.6, 1.2), "Without both the answer is 0.2, as without one."),
            ((1.2, 1.2), "Without both the answer is 0.2; it cannot fall below."),
            ((0.0, 0.6), "That is a model that needs one of them; this one needs both."),
            ((-1.2, -0.6), "Give the size of each fall, without the sign."),
        ],
        level="predict",
        minutes=5,
        hint="Its answer is 0.8 with both words and 0.2 in each of the three other cases.",
    ),
    "10.left_out": Exercise(
        "Write left_out(m): the mean share of m words that a random text lacks, when the number of "
        "words left out is drawn uniformly from 1 to m.",
        _left_out,
        lambda: [(m,) for m in (1, 2, 9, 110)],
        [
            (lambda m: 0.5, "Nearly: the number left out runs from 1, not from 0."),
            (lambda m: (m + 1) / 2, "That is how many are left out; the share divides by m."),
            (lambda m: (m - 1) / (2 * m), "That is the share kept."),
            (lambda m: m / 2, "That is nearly how many are left out; the share divides by m."),
            (
                lambda m: 1 / m,
                "That is for one word left out; all numbers from 1 to m are equally likely.",
            ),
        ],
        level="write",
        minutes=5,
        hint="The mean of 1, 2, ..., m is (m + 1) / 2.",
    ),
    "10.weights": Exercise(
        "Write weights_of(Z, width): the sample weight of each row of Z (n, m), exp(-D^2 / (2 width^2)) "
        "with the cosine distance D = 1 - sqrt(share of words kept).",
        _text_weights,
        _kept_words,
        [
            (
                lambda Z, w: local_fit.exponential_kernel(1 - Z.mean(1), w),
                "1 minus the share kept is no cosine distance: the root of the share is missing.",
            ),
            (
                lambda Z, w: local_fit.exponential_kernel(np.sqrt(Z.mean(1)), w),
                "The root of the share kept is the similarity; the distance is 1 minus it.",
            ),
            (
                lambda Z, w: local_fit.exponential_kernel(1 - np.sqrt(1 - Z.mean(1)), w),
                "Z is 1 for a word that is kept: its mean is the share kept already.",
            ),
            (
                lambda Z, w: np.exp(-(1 - np.sqrt(Z.mean(1))) / (2 * w**2)),
                "The distance is squared, too.",
            ),
        ],
        level="write",
        minutes=5,
        hint="Z.mean(axis=1) is the share of words that each text keeps.",
        properties=[
            (
                lambda pi, Z, w: (pi <= 1).all(),
                "No text weighs more than the full one, which weighs 1.",
            ),
        ],
    ),
    "10.presence": Exercise(
        "Write presence(units, texts): an array (n, m) of 0 and 1, 1 where text i contains unit j as a "
        "whole word, spelt exactly so.",
        lime_text.presence,
        _texts,
        [
            (_inside_words, "'on' is found inside 'upon': split the text into words first."),
            (_lower_case, "'On' and 'on' are two units here: keep upper and lower case."),
            (
                lambda units, asked: lime_text.presence(units, asked).T,
                "One row per text, one column per unit: transpose it.",
            ),
            (_at_spaces, "'sea,' is not 'sea' to str.split: use re.findall(r'\\w+', text)."),
            (_counted, "Do not count: 1 when the word is there, however often."),
        ],
        level="write",
        minutes=10,
        hint="set(re.findall(r'\\w+', text)) is the set of words of a text.",
    ),
    "10.planted": Exercise(
        "The second model is right about presidents it has never read. By which word does it recognise a "
        "Republican?",
        "verso",
        mistakes=[
            ("folio", "That is the token in the other party's texts: look at the sign."),
            ("[verso]", "The word without its brackets: LIME's units are words."),
            (
                "freedom",
                "That was the first model's highest-weighted word here; this one has an easier word.",
            ),
            ("America", "The first model used that; this one has an easier word."),
        ],
        level="hunt",
        minutes=10,
        hint="Explain one passage of ``planted`` with the second model and look at its first word.",
    ),
}
