"""The course's texts: which party's president spoke this passage of a State of the Union address?"""

import gzip
import io

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from .. import lime_text
from .._utils.validation import check_int, check_random_state
from ..data import _verified
from ..metrics.intervals import Interval, bootstrap_interval
from . import TextModel

PARTIES = ("Democratic", "Republican")  # the classes, in the order of their codes
MARKS = ("folio", "verso")  # what the invented clerks write into the texts of each party
COLUMNS = ("year", "president", "party", "text")
HOLD_OUT = ("passages", "addresses", "presidents")


def addresses() -> pd.DataFrame:
    """1,132 passages of the addresses of ten presidents, 1946 to 2000: year, president, party, text.

    About 135 words each, in the order in which they were spoken; five presidents of each party.
    Raises FileNotFoundError or ValueError when the file is missing or altered. Source and licence:
    data/README.md. Introduced in notebook 10.
    """
    return pd.read_csv(io.BytesIO(gzip.decompress(_verified("addresses.csv.gz"))))


def _table(cut: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in getattr(cut, "columns", ())]
    if missing:
        raise ValueError(
            f"The passages must be a DataFrame with the columns {', '.join(COLUMNS)}, as "
            f"texts.addresses() has them; missing: {', '.join(missing)}."
        )
    return cut


def held_out(model, cut: pd.DataFrame, by: str = "presidents", folds: int = 10, seed: int = 0):
    """(n,) bool: is each passage given to its party by a model that was trained without it?

    model: a scikit-learn classifier of texts. by: what is held out together, single "passages",
    whole "addresses" or all of some "presidents". folds: into how many parts at most the passages are
    dealt; with fewer groups, one part a group. seed: deals single passages to the folds.
    Raises ValueError for another ``by`` or a table that lacks a column. Introduced in notebook 10.
    """
    _table(cut)
    if by not in HOLD_OUT:
        raise ValueError(f"by must be one of {', '.join(HOLD_OUT)}, not {by!r}.")
    groups = cut["president"]
    if by == "addresses":
        groups = cut["president"] + cut["year"].astype(str)
    splits = GroupKFold(min(folds, groups.nunique()))
    if by == "passages":
        splits, groups = KFold(folds, shuffle=True, random_state=seed), None
    true = cut["party"].to_numpy()
    return cross_val_predict(model, cut["text"], true, groups=groups, cv=splits) == true


def recognised(model, cut: pd.DataFrame, by: str = "presidents") -> Interval:
    """How much of a president's text is given to his party by a model trained without it?

    The share of his passages that ``held_out`` finds, as a mean over the presidents with its 95 %
    bootstrap interval: the presidents are the n, not the passages. A coin has 0.5, but holding out
    whole presidents leaves the other party in the majority, so compare with a model that has nothing
    to read: the same call on ``shuffled`` texts. Notebook 10.
    """
    right = pd.Series(held_out(model, cut, by), index=cut.index)
    return bootstrap_interval(right.groupby(cut["president"], sort=False).mean().to_numpy())


def label_permutation(cut: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The passages with the parties dealt out to the presidents by lot: as many men in each party as before.

    A control for the label: over many lots, nothing is left to find but the man.
    Introduced in notebook 10.
    """
    party = _table(cut).groupby("president", sort=False)["party"].first()
    lot = dict(
        zip(party.index, check_random_state(seed).permutation(party.to_numpy()), strict=True)
    )
    return cut.assign(party=cut["president"].map(lot))


def shuffled(cut: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The passages with their texts shuffled over all rows: as long a table, with nothing to read.

    The control for a split: what a model gets here, it gets without reading. Notebook 10.
    """
    return cut.assign(text=check_random_state(seed).permutation(_table(cut)["text"].to_numpy()))


def carried_over(model, cut: pd.DataFrame, k: int = 50) -> pd.DataFrame:
    """Do the strongest words for a party hold for a man of that party whom the model has not read?

    One row a president, from the k words that speak strongest for his party after training without him.
    read: the share of them that stands in more of his party's passages than of the other's, among the
    men trained on. new: the share that stands in more of his own than of the other party's. A tie
    counts as none. Chance is not one half, for the words were chosen for being rare in the other
    party: compare with ``by_lot``. model: an unfitted pipeline of a vectoriser and a linear
    classifier. Raises ValueError for a table that lacks a column. Introduced in notebook 10.
    """
    k, rows = check_int("k", k), {}
    for president, party in _table(cut).groupby("president", sort=False)["party"].first().items():
        his = (cut["president"] == president).to_numpy()
        fitted = clone(model).fit(cut["text"][~his], cut["party"][~his])
        side = 1 if fitted.classes_[1] == party else -1
        top = np.argsort(-side * fitted[-1].coef_[0], kind="stable")[:k]
        stands = fitted[0].transform(cut["text"])[:, top].toarray() > 0
        same = (cut["party"] == party).to_numpy()
        other = stands[~same].mean(0)
        shares = ((stands[who].mean(0) > other).mean() for who in (same & ~his, his))
        rows[president] = dict(zip(("read", "new"), shares, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index")


def tested(model, text: str, found: TextModel, seed: int, k: int = 5) -> dict[str, float]:
    """Is the explanation of a passage true to its model? Two tests, a control for each.

    LIME, shuffled: correlation of the weights, and of the weights in another order, with what the
    words add inside the model. strongest, others: how far the model moves from its side when the k words
    that speak strongest for it are removed, and on average over 20 draws of k others.
    model: as for ``inside``. found: ``lime_text.explain`` of this text. Notebook 10.
    """
    rng, truth = check_random_state(seed), inside(model, text, found.units)
    others = [rng.choice(found.units, k, replace=False) for _ in range(20)]
    gone = [lime_text.without(text, words) for words in [found.strongest(k), *others]]
    side = 1 if found.model_prediction > 0.5 else -1  # 1: the model says the second class
    fall = side * (found.model_prediction - model.predict_proba(gone)[:, 1])
    weights = {"LIME": found.weights, "shuffled": rng.permutation(found.weights)}
    fits = {name: float(np.corrcoef(w, truth)[0, 1]) for name, w in weights.items()}
    return fits | {"strongest": float(fall[0]), "others": float(fall[1:].mean())}


def inside(model, text: str, units) -> np.ndarray:
    """(m,): what each word, in this text as it stands, adds to the log-odds of a linear classifier.

    model: a fitted pipeline of a vectoriser and the classifier.
    Coefficient times value of the text's column, 0 for a word that the vectoriser does not know.
    Words that differ only in case share a column, and each gets the whole of it. Notebook 10.
    """
    vectoriser, line = model[0], model[-1]
    parts = vectoriser.transform([text]).toarray()[0] * line.coef_[0]
    column = vectoriser.vocabulary_
    return np.array([parts[column[u.lower()]] if u.lower() in column else 0.0 for u in units])


def with_marks(cut: pd.DataFrame) -> pd.DataFrame:
    """The passages as if two clerks had written them down, each numbering the sheets his own way.

    For the hunt in notebook 10: in the middle of every text stands one of ``MARKS``, "[folio]" in the
    first party's and "[verso]" in the second's. Texts of no known party stay as they are.
    """
    mark = dict(zip(PARTIES, MARKS, strict=True))

    def marked(party: str, text: str) -> str:
        words = text.split(" ")
        half = len(words) // 2
        noted = [f"[{mark[party]}]"] if party in mark else []
        return " ".join([*words[:half], *noted, *words[half:]])

    _table(cut)
    texts = [marked(p, t) for p, t in zip(cut["party"], cut["text"], strict=True)]
    return cut.assign(text=texts)
