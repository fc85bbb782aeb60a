"""The course's texts: which party's president spoke this passage of a State of the Union address?

Here are the passages, the ways to split them, the controls, and tests of an explanation.
"""

import gzip
import io

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from .._utils.validation import check_int, check_random_state
from ..data import _verified
from ..metrics.intervals import Interval, bootstrap_interval
from . import TextModel, without

# the classes, in the order of their codes
PARTIES = ("Democratic", "Republican")
# what the invented clerks write into the texts of each party
MARKS = ("folio", "verso")
COLUMNS = ("year", "president", "party", "text")
HOLD_OUT = ("passages", "addresses", "presidents")


def addresses() -> pd.DataFrame:
    """1,132 passages of the addresses of ten presidents, 1946 to 2000: year, president, party, text.

    About 135 words each, in the order in which they were spoken; five presidents of each party.
    Raises FileNotFoundError or ValueError when the file is missing or altered. Source and licence:
    data/README.md.
    """
    return pd.read_csv(io.BytesIO(gzip.decompress(_verified("addresses.csv.gz"))))


def _checked(passages: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in getattr(passages, "columns", ())]
    if missing:
        raise ValueError(
            f"The passages must be a DataFrame with the columns {', '.join(COLUMNS)}, as "
            f"addresses.addresses() has them; missing: {', '.join(missing)}."
        )
    return passages


# --- splits ------------------------------------------------------------------------------------


def held_out(
    model, passages: pd.DataFrame, by: str = "presidents", folds: int = 10, seed: int = 0
) -> np.ndarray:
    """Is each passage assigned to its party by a model that was trained without it?

    Parameters
    ----------
    model : scikit-learn classifier of texts
        Not fitted; a copy is trained for every fold.
    passages : DataFrame
        As ``addresses`` has them.
    by : "passages", "addresses" or "presidents"
        What is held out together: single passages, whole addresses, or all of some presidents.
    folds : int
        Into how many parts at most the passages are divided; with fewer groups, one part per group.
    seed : int
        Assigns single passages to the folds.

    Returns
    -------
    (n,) bool array
        One per passage.
    """
    _checked(passages)
    if by not in HOLD_OUT:
        raise ValueError(f"by must be one of {', '.join(HOLD_OUT)}, not {by!r}.")
    groups = passages["president"]
    if by == "addresses":
        groups = passages["president"] + passages["year"].astype(str)
    splits = GroupKFold(min(folds, groups.nunique()))
    if by == "passages":
        splits, groups = KFold(folds, shuffle=True, random_state=seed), None
    true = passages["party"].to_numpy()
    return cross_val_predict(model, passages["text"], true, groups=groups, cv=splits) == true


def recognised(model, passages: pd.DataFrame, by: str = "presidents") -> Interval:
    """How much of a president's text is assigned to his party by a model trained without it?

    The share of his passages that ``held_out`` finds, as a mean over the presidents with its 95 %
    bootstrap interval: the presidents are the n, not the passages. A coin has 0.5, but holding out
    whole presidents leaves the other party in the majority, so compare with a model that has nothing
    to read: the same call on ``shuffled`` texts.
    """
    right = pd.Series(held_out(model, passages, by), index=passages.index)
    shares = right.groupby(passages["president"], sort=False).mean()
    return bootstrap_interval(shares.to_numpy())


# --- controls ----------------------------------------------------------------------------------


def label_permutation(passages: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The passages with the parties permuted over the presidents, each party as large as before.

    A control for the label: over many permutations, nothing is left to find but the president.
    """
    party = _checked(passages).groupby("president", sort=False)["party"].first()
    permuted = check_random_state(seed).permutation(party.to_numpy())
    of_president = dict(zip(party.index, permuted, strict=True))
    return passages.assign(party=passages["president"].map(of_president))


def shuffled(passages: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The passages with their texts shuffled over all rows: as long a table, with nothing to read.

    A control for a split: what a model gets here, it gets without reading.
    """
    texts = _checked(passages)["text"].to_numpy()
    return passages.assign(text=check_random_state(seed).permutation(texts))


def carried_over(model, passages: pd.DataFrame, k: int = 50) -> pd.DataFrame:
    """Do the strongest words for a party hold for a president whom the model has not read?

    One row per president, from the k words that support his party most after training without him.
    read: the share of them that stands in more of his party's passages than of the other's, among
    the presidents trained on. new: the share that stands in more of his own passages than of the
    other party's. A tie counts as none. Chance is not one half, for the words were chosen for being
    rare in the other party: compare with ``label_permutation``. model: an unfitted pipeline of a
    vectoriser and a linear classifier.
    """
    k, party_of = check_int("k", k), _checked(passages).groupby("president", sort=False)["party"]
    rows = {}
    for president, party in party_of.first().items():
        his = (passages["president"] == president).to_numpy()
        fitted = clone(model).fit(passages["text"][~his], passages["party"][~his])
        side = 1 if fitted.classes_[1] == party else -1
        top = np.argsort(-side * fitted[-1].coef_[0], kind="stable")[:k]
        stands = fitted[0].transform(passages["text"])[:, top].toarray() > 0
        same = (passages["party"] == party).to_numpy()
        other = stands[~same].mean(0)
        rows[president] = {
            "read": (stands[same & ~his].mean(0) > other).mean(),
            "new": (stands[his].mean(0) > other).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def with_marks(passages: pd.DataFrame) -> pd.DataFrame:
    """The passages as if two clerks had written them down, each with a mark of his own.

    In the middle of every text stands one of ``MARKS``, "[folio]" in the first party's and "[verso]"
    in the second's. Texts of no known party stay as they are.
    """
    mark = dict(zip(PARTIES, MARKS, strict=True))

    def marked(party: str, text: str) -> str:
        words = text.split(" ")
        half = len(words) // 2
        noted = [f"[{mark[party]}]"] if party in mark else []
        return " ".join([*words[:half], *noted, *words[half:]])

    _checked(passages)
    texts = [marked(p, t) for p, t in zip(passages["party"], passages["text"], strict=True)]
    return passages.assign(text=texts)


# --- tests of an explanation -------------------------------------------------------------------


def tested(model, text: str, found: TextModel, seed: int, k: int = 5) -> dict[str, float]:
    """Is the explanation of a passage true to its model? Two tests, and a control for each.

    Parameters
    ----------
    model : fitted pipeline of a vectoriser and a linear classifier
        As for ``inside``.
    text : str
        The passage.
    found : TextModel
        ``lime_text.explain`` of this text.
    seed : int
        Of the controls.
    k : int
        How many words are removed.

    Returns
    -------
    dict
        LIME, shuffled: correlation of the weights, and of the weights in another order, with what
        the words add inside the model. strongest, others: how far the model moves from its side when
        the k words that support it most are removed, and on average over 20 draws of k others.
    """
    rng, truth = check_random_state(seed), inside(model, text, found.units)
    others = [rng.choice(found.units, k, replace=False) for _ in range(20)]
    gone = [without(text, words) for words in [found.strongest(k), *others]]
    # 1 where the model decides for the second class
    side = 1 if found.model_prediction > 0.5 else -1
    fall = side * (found.model_prediction - model.predict_proba(gone)[:, 1])
    weights = {"LIME": found.weights, "shuffled": rng.permutation(found.weights)}
    fits = {name: float(np.corrcoef(w, truth)[0, 1]) for name, w in weights.items()}
    return fits | {"strongest": float(fall[0]), "others": float(fall[1:].mean())}


def inside(model, text: str, units) -> np.ndarray:
    """(m,): what each word, in this text as it stands, adds to the log-odds of a linear classifier.

    Coefficient times value of the text's column, 0 for a word that the vectoriser does not know.
    Words that differ only in case share a column, and each gets the whole of it.
    model: a fitted pipeline of a vectoriser and the classifier.
    """
    vectoriser, line = model[0], model[-1]
    parts = vectoriser.transform([text]).toarray()[0] * line.coef_[0]
    column = vectoriser.vocabulary_
    return np.array([parts[column[u.lower()]] if u.lower() in column else 0.0 for u in units])
