"""A report of an evaluation, and a linter that says what a report leaves out.

``build`` makes a report from a table of scores; ``lint`` reads a report or any other text.
"""

import html
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from .. import metrics
from .._utils.labels import label
from . import BASELINES


class Finding(NamedTuple):
    """Something that a report should say and does not, or says and should not."""

    rule: str
    message: str


@dataclass(frozen=True)
class Report:
    """An evaluation with all that is needed to judge and repeat it.

    facts: name -> text. tables: title -> DataFrame of texts.
    """

    title: str
    facts: dict[str, str]
    tables: dict[str, pd.DataFrame]

    def markdown(self) -> str:
        """The report as Markdown."""
        lines = [f"# {self.title}", ""]
        lines += [f"- **{name}**: {text}" for name, text in self.facts.items()]
        for title, table in self.tables.items():
            head = [table.index.name or "", *table.columns]
            rows = [
                [str(i), *map(str, row)]
                for i, row in zip(table.index, table.to_numpy(), strict=True)
            ]
            lines += [
                "",
                f"## {title}",
                "",
                _row(head),
                _row(["---"] * len(head)),
                *map(_row, rows),
            ]
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """The report as one HTML page; everything in it is escaped."""
        facts = "".join(
            f"<dt><b>{html.escape(n)}</b></dt><dd>{html.escape(t)}</dd>"
            for n, t in self.facts.items()
        )
        tables = "".join(
            f"<h2>{html.escape(title)}</h2>{table.to_html(border=0, escape=True)}"
            for title, table in self.tables.items()
        )
        return (
            "<!doctype html><html lang='en'><meta charset='utf-8'>"
            f"<title>{html.escape(self.title)}</title>"
            "<body style='font-family:sans-serif;max-width:50em;margin:2em auto;line-height:1.5'>"
            f"<h1>{html.escape(self.title)}</h1><dl>{facts}</dl>{tables}</body></html>"
        )

    def __str__(self) -> str:
        return self.markdown()


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


def build(
    scores: pd.DataFrame,
    *,
    title: str,
    model: str,
    layer: str,
    threshold: float,
    threshold_from: str,
    pictures: str,
    selection: str,
    limits: str,
    score: str = "class logit",
    columns: Sequence[str] = ("saliency", "iou", "recall", "precision", "pointing"),
    seed: int = 0,
) -> Report:
    """A report of a table as ``evaluate.table`` or ``evaluate.batch.run`` makes it.

    Methods are compared in pairs by IoU, with Holm's correction. A single picture gets a warning
    and no interval.

    Parameters
    ----------
    scores : the table
    title, model, layer, score, limits : texts; score says what is explained
    threshold : the share of each map's maximum above which a pixel counts as marked
    threshold_from : how the threshold was chosen, such as "fixed in advance" or "held-out photos"
    pictures : what was measured on
    selection : how the pictures were chosen
    columns : which scores the report shows
    seed : of the bootstrap
    """
    missing = [c for c in ("name", "method", *columns) if c not in scores]
    if missing or scores.empty:
        raise ValueError(f"The table is empty or lacks {missing}; make it with evaluate.table.")
    n = scores["name"].nunique()
    methods = list(dict.fromkeys(scores["method"]))
    used = [c for c in BASELINES if c in methods]
    if n == 1:
        warnings.warn("One picture: no interval can be given, and no method ranked.", stacklevel=2)
    facts = {
        "Pictures": f"{pictures}; n = {n}",
        "Selection": selection,
        "Model": f"{model}, layer {layer}, score: {score}",
        "Threshold": f"{threshold:g} of each map's maximum, {threshold_from}",
        "Controls": ", ".join(map(label, used)) if used else "none",
        "Intervals": f"95 % bootstrap over pictures, seed {seed}" if n > 1 else "none (n = 1)",
        "What this does not show": "Overlap with a mask says where heat lies, not what the network used.",
        "Limits": limits,
    }
    groups = {m: g for m, g in scores.groupby("method", sort=False)}
    tables = {
        "Scores": pd.DataFrame(
            {c: {label(m): _cell(groups[m][c], seed) for m in methods} for c in columns}
        )
    }
    tables["Scores"].index.name = "method"
    if n > 1 and "iou" in scores and len(methods) > 1:
        wide = scores.pivot_table(index="name", columns="method", values="iou", sort=False)
        pairs = metrics.compare(
            {m: wide[m].to_numpy() for m in methods if m not in used}, seed=seed
        )
        if len(pairs):
            significant = pairs["significant"].map({True: "yes", False: "no"})
            tables["Paired differences in IoU, Holm-corrected"] = pd.DataFrame(
                {
                    "difference": [
                        f"{d:+.3f} [{a:+.3f}, {b:+.3f}]"
                        for d, a, b in zip(
                            pairs["difference"], pairs["low"], pairs["high"], strict=True
                        )
                    ],
                    "significant": significant.to_numpy(),
                },
                index=pairs.index.map(label),
            )
    return Report(title, facts, tables)


def _cell(values: pd.Series, seed: int) -> str:
    if len(values) < 2:
        return f"{values.iloc[0]:.2f}"
    i = metrics.bootstrap_interval(values, seed=seed)
    return f"{i.mean:.2f} [{i.low:.2f}, {i.high:.2f}]"


# --- the linter --------------------------------------------------------------------------------

_N = re.compile(r"\bn\s*=\s*(\d+)", re.I)
# digits are taken all or not at all, so that a long row of them is read once
_NUMBER = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)"
_BETTER = r"\b(better|best|outperform\w*|beats?|superior|strongest|ahead|winner|leads?)\b"
# rule, what must appear, what to say when it does not
_NEEDED = (
    ("n", r"\bn\s*=\s*\d+|\b\d++ (photos|images|pictures)\b", "Say how many pictures: n = ..."),
    (
        "interval",
        rf"\[\s*+{_NUMBER}\s*+,\s*+{_NUMBER}\s*+\]|±|\d\s*+-\s*+\d++ %",
        "Give an interval beside every mean, as 0.45 [0.40, 0.49].",
    ),
    (
        "control",
        r"\b(random|centre|center|edge|mark everything)[\s_-]?(map|blob|baseline)?\b",
        "Name a control that knows nothing (random map, centre blob, edge map).",
    ),
    (
        "threshold",
        r"threshold\D{0,25}\d|threshold[- ]free",
        "State the threshold and of what it is a share.",
    ),
    (
        "threshold chosen",
        r"held[- ]out|fixed in advance|in advance|threshold curve|threshold[- ]free",
        "Say how the threshold was chosen: in advance, or on held-out pictures.",
    ),
    ("layer", r"\blayer\b", "Name the layer that the maps come from."),
    (
        "score",
        r"\b(logit|probability|softmax)\b",
        "Say which score is explained: logit or probability.",
    ),
    (
        "selection",
        r"\b(select\w*|chosen|dropped|kept|all photos|all pictures)\b",
        "Say how the pictures were chosen and which were left out.",
    ),
    (
        "limits",
        r"\b(limit\w*|only|one network|not show|cannot)\b",
        "Say what the result does not show.",
    ),
)
_NEEDED_OF_A_TABLE = (
    (
        "n",
        r"\bn\s*=\s*\d+|\b\d++ (rows|people|patients|customers|items|texts)\b",
        "Say how many rows were explained: n = ...",
    ),
    _NEEDED[1],
    (
        "control",
        r"\b(random|shuffled|blind|majority|reversed)\b",
        "Name a control that knows nothing (random order, shuffled values, majority class).",
    ),
    (
        "background",
        r"\b(background|baseline|compared with)\b",
        "Say what the explanation compares with: background rows or baseline.",
    ),
    (
        "score",
        r"\b(logit|log-odds|probability|output space)\b",
        "Say which output is explained: probability or log-odds.",
    ),
    (
        "stability",
        r"\b(seeds?|stab\w+|splits?)\b",
        "Say over which seeds or splits it was repeated.",
    ),
    (
        "held out",
        r"\bheld[- ]out|test rows|not trained on\b",
        "Say whether the explained rows were held out of the training.",
    ),
    *_NEEDED[-2:],
)


def lint(text: str | Report, about: str = "pictures") -> list[Finding]:
    """What a report of explanations leaves out or overstates; an empty list means: nothing found.

    about: "pictures" for heat maps, "table" for attributions of rows. The linter reads words and
    numbers: it finds what is missing, not what is wrong.

    >>> [finding.rule for finding in lint("Grad-CAM is always best.")][-1]
    'overclaim'
    """
    if about not in ("pictures", "table"):
        raise ValueError(f'about must be "pictures" or "table", not {about!r}.')
    if isinstance(text, Report):
        text = text.markdown()
    if not isinstance(text, str):
        raise TypeError(f"lint reads a text or a Report, not {type(text).__name__}.")
    found = [
        Finding(rule, message)
        for rule, pattern, message in (_NEEDED if about == "pictures" else _NEEDED_OF_A_TABLE)
        if not re.search(pattern, text, re.I)
    ]
    # ten digits are enough to know that there are many
    counts = [int(n[:10]) for n in _N.findall(text)]
    if counts and max(counts) < 10:
        found.append(Finding("few", f"n = {max(counts)}: too few pictures to rank methods by."))
    if re.search(_BETTER, text, re.I) and not re.search(r"\bpair(ed|s)?\b", text, re.I):
        found.append(
            Finding("paired", "A comparison needs paired differences on the same pictures.")
        )
    if re.search(r"\bpair(ed|s)?\b", text, re.I) and not re.search(r"holm|bonferroni", text, re.I):
        found.append(
            Finding("correction", "Several comparisons need a correction, such as Holm's.")
        )
    asked = re.search(
        r"\b(faithful\w*|causal\w*|what the (network|model) (used|uses|looks at))\b", text, re.I
    )
    tested = re.search(
        r"\b(deletion|insertion|randomis\w*|randomiz\w*)\b|not what the network", text, re.I
    )
    if asked and not tested:
        found.append(
            Finding(
                "faithfulness",
                "Overlap is not faithfulness: add deletion, insertion or a "
                "randomisation test, or drop the word.",
            )
        )
    if word := re.search(r"\b(proves?|proven|guarantees?|always)\b", text, re.I):
        found.append(
            Finding("overclaim", f"{word[0]!r}: a sample of pictures cannot carry that word.")
        )
    return found
