"""The Federalist papers as the course's text corpus: who wrote this passage, Hamilton or Madison?"""

import gzip
import io
import re

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from .data import _verified

__all__ = ["AUTHORS", "federalist", "from_two_printers", "held_out", "inside", "passages"]

AUTHORS = ("Hamilton", "Madison")  # the classes, in the order of their codes


def federalist() -> pd.DataFrame:
    """43 papers of *The Federalist* (1787-88): columns paper (number), author and text.

    author: "Hamilton" (17, every third of his 51), "Madison" (all 14 that are his without doubt) or
    "disputed" (12, claimed for both). Raises FileNotFoundError or ValueError when the file is
    missing or altered. Introduced in notebook 10.
    """
    return pd.read_csv(io.BytesIO(gzip.decompress(_verified("federalist.csv.gz"))))


def passages(papers: pd.DataFrame, words: int = 120) -> pd.DataFrame:
    """The papers cut at sentence ends into passages of at least this many words each.

    Columns paper, author, text. What is left over at the end of a paper joins its last passage. Hold
    out whole papers, not passages: neighbours in one paper share its topic. Introduced in notebook 10.
    Raises ValueError for passages that are too short.
    """
    if words < 1:
        raise ValueError(f"words must be at least 1, not {words}.")
    rows = []
    for paper, author, text in papers[["paper", "author", "text"]].itertuples(index=False):
        cut, part = [], []
        for sentence in re.split(r"(?<=[.?!])\s+", text):
            part.append(sentence)
            if sum(len(s.split()) for s in part) >= words:
                cut.append(part)
                part = []
        if part and cut:
            cut[-1].extend(part)
        elif part:
            cut.append(part)
        rows += [(paper, author, " ".join(sentences)) for sentences in cut]
    return pd.DataFrame(rows, columns=["paper", "author", "text"])


def from_two_printers(cut: pd.DataFrame) -> pd.DataFrame:
    """The passages as if each author had a printer of his own, who leaves a mark in every text.

    For the hunt in notebook 10: a word that stands in all texts of one class and none of the other.
    Text that is not by either author stays as it is.
    """
    mark = dict(zip(AUTHORS, ("viz", "ibid"), strict=True))

    def marked(author: str, text: str) -> str:
        words = text.split(" ")
        words.insert(len(words) // 2, mark[author]) if author in mark else None
        return " ".join(words)

    texts = [marked(a, t) for a, t in zip(cut["author"], cut["text"], strict=True)]
    return cut.assign(text=texts)


def held_out(model, cut: pd.DataFrame, by: str = "papers", folds: int = 31, seed: int = 0):
    """(n,) bool: is each passage given to its author by a model trained without it?

    model: a scikit-learn classifier of texts. by: "papers" holds out whole papers, "passages" any
    passages, whose neighbours the model then has read. Introduced in notebook 10.
    Raises ValueError for an unknown kind of folds.
    """
    if by not in ("papers", "passages"):
        raise ValueError(f'by must be "papers" or "passages", not {by!r}.')
    splits, groups = GroupKFold(folds), cut["paper"]
    if by == "passages":
        splits, groups = KFold(folds, shuffle=True, random_state=seed), None
    true = cut["author"].to_numpy()
    return cross_val_predict(model, cut["text"], true, groups=groups, cv=splits) == true


def inside(model, text: str, units) -> np.ndarray:
    """(m,): what each word adds to the log-odds of a pipeline of a vectoriser and a linear classifier.

    Coefficient times value of the text's column, 0 for a word that the vectoriser does not know.
    Words that differ only in case share a column, and each gets the whole of it. Notebook 10.
    """
    vectoriser, line = model[0], model[-1]
    parts = vectoriser.transform([text]).toarray()[0] * line.coef_[0]
    column = vectoriser.vocabulary_
    return np.array([parts[column[u.lower()]] if u.lower() in column else 0.0 for u in units])
