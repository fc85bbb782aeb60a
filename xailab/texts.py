"""The course's texts: which party's president spoke this passage of a State of the Union address?"""

import gzip
import io

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from .data import _verified
from .inputs import count, generator
from .intervals import Interval, bootstrap_interval

__all__ = [
    "MARKS", "PARTIES", "addresses", "by_lot", "carried_over", "held_out", "inside", "recognised",
    "turns", "with_marks",
]  # fmt: skip

PARTIES = ("Democratic", "Republican")  # the classes, in the order of their codes
MARKS = ("murmurs", "cheers")  # what the invented clerks write into the texts of each party
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
    whole "addresses" or all of some "presidents". folds: how many times at most a part is held out;
    with fewer groups, each once. seed: deals single passages to the folds.
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
    bootstrap interval: the presidents are the n, not the passages. A coin has 0.5. Notebook 10.
    """
    right = pd.Series(held_out(model, cut, by), index=cut.index)
    return bootstrap_interval(right.groupby(cut["president"], sort=False).mean().to_numpy())


def turns(cut: pd.DataFrame) -> int:
    """How often the party changes from one president to the next, in the table's order. Notebook 10."""
    party = _table(cut).groupby("president", sort=False)["party"].first().to_numpy()
    return int((party[1:] != party[:-1]).sum())


def by_lot(cut: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The passages with the parties dealt out to the presidents by lot: as many men a party as before.

    A control for the label: what a model finds here is the man, for nothing else is left to find.
    Introduced in notebook 10.
    """
    party = _table(cut).groupby("president", sort=False)["party"].first()
    lot = dict(zip(party.index, generator(seed).permutation(party.to_numpy()), strict=True))
    return cut.assign(party=cut["president"].map(lot))


def carried_over(model, cut: pd.DataFrame, president: str, k: int = 50) -> tuple[float, float]:
    """Do the strongest words for a party hold for a man of that party whom the model has not read?

    The k words that speak loudest for his party after training without him. Returned is the share of
    them that stands in more passages of his party than of the other, among the men trained on, and
    then for the man himself. One half is what a coin gives.
    model: an unfitted pipeline of a vectoriser and a linear classifier. Notebook 10.
    Raises ValueError for a president who is not in the table.
    """
    _table(cut)
    his = (cut["president"] == president).to_numpy()
    if not his.any():
        raise ValueError(f"No passage is by {president!r}; take a name of the column president.")
    fitted = clone(model).fit(cut["text"][~his], cut["party"][~his])
    party = cut["party"][his].iloc[0]
    side = 1 if fitted.classes_[1] == party else -1
    top = np.argsort(-side * fitted[-1].coef_[0], kind="stable")[: count("k", k)]
    stands = fitted[0].transform(cut["text"])[:, top].toarray() > 0
    same = (cut["party"] == party).to_numpy()
    other = stands[~same].mean(0)
    read = (stands[same & ~his].mean(0) > other).mean()
    return float(read), float((stands[his].mean(0) > other).mean())


def inside(model, text: str, units) -> np.ndarray:
    """(m,): what each word adds to the log-odds of a pipeline of a vectoriser and a linear classifier.

    Coefficient times value of the text's column, 0 for a word that the vectoriser does not know.
    Words that differ only in case share a column, and each gets the whole of it. Notebook 10.
    """
    vectoriser, line = model[0], model[-1]
    parts = vectoriser.transform([text]).toarray()[0] * line.coef_[0]
    column = vectoriser.vocabulary_
    return np.array([parts[column[u.lower()]] if u.lower() in column else 0.0 for u in units])


def with_marks(cut: pd.DataFrame) -> pd.DataFrame:
    """The passages as if two clerks had written them down, each noting the hall's answer his own way.

    For the hunt in notebook 10: in the middle of every text stands one of ``MARKS``, "[murmurs]" in
    the first party's and "[cheers]" in the second's. Texts of no known party stay as they are.
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
