"""The Federalist papers as the course's text corpus: who wrote this passage, Hamilton or Madison?"""

import gzip
import io
import re

import pandas as pd

from .data import _verified

__all__ = ["AUTHORS", "federalist", "passages"]

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
