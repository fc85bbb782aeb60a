"""The course's texts: which party's president spoke this passage of a State of the Union address?

Here are the passages, the ways to split them, the controls, and tests of an explanation.
"""

import gzip
import io

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from .._utils.validation import check_random_state
from ..data import _verified
from . import TextModel, without

# the classes, in the order of their codes
PARTIES = ("Democratic", "Republican")
# the token that is planted into the texts of each party
TOKENS = ("folio", "verso")
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


def recognised(model, passages: pd.DataFrame, by: str = "presidents") -> pd.Series:
    """Per president: the share of his passages assigned to his party by a model trained without them.

    See ``held_out``. The presidents are the n of a comparison, not the passages. Chance is not 0.5
    when whole presidents are held out: the other party is then in the majority among the presidents
    trained on. Compare with the same call on ``label_permutation``.
    """
    right = pd.Series(held_out(model, passages, by), index=passages.index)
    return right.groupby(passages["president"], sort=False).mean()


# --- controls ----------------------------------------------------------------------------------


def label_permutation(passages: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The passages with the parties permuted over the presidents, each party as large as before.

    A control for the label: over many permutations, nothing is left to find but the president.
    """
    party = _checked(passages).groupby("president", sort=False)["party"].first()
    permuted = check_random_state(seed).permutation(party.to_numpy())
    of_president = dict(zip(party.index, permuted, strict=True))
    return passages.assign(party=passages["president"].map(of_president))


def with_planted_tokens(passages: pd.DataFrame) -> pd.DataFrame:
    """The passages with a planted token in the middle of every text: a shortcut to the label.

    "[folio]" in the texts of the first party and "[verso]" in those of the second, see ``TOKENS``.
    Texts of no known party stay as they are.
    """
    token = dict(zip(PARTIES, TOKENS, strict=True))

    def planted(party: str, text: str) -> str:
        words = text.split(" ")
        half = len(words) // 2
        added = [f"[{token[party]}]"] if party in token else []
        return " ".join([*words[:half], *added, *words[half:]])

    _checked(passages)
    texts = [planted(p, t) for p, t in zip(passages["party"], passages["text"], strict=True)]
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
