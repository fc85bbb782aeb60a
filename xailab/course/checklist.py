"""The misconception cards of all notebooks, and the reviewer's checklist made of them.

A card is a quotation in a Markdown cell, in our words, with the number it has in the checklist:

    > **Often written, check it (21).** "A table from one image ranks the methods."

The next cell is code that refutes it and ends in an assertion. What is true instead stands once, in
``CORRECTIONS``.
"""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from . import notebooks

CARD = re.compile(r"^> \*\*Often written, check it \((\d+)\)\.\*\* [\"“](.+?)[\"”]", re.M | re.S)

# number of the card -> what is true instead, and what to ask of a text that says otherwise
CORRECTIONS = {
    1: "It is the model's own output for the instance; no samples are counted.",
    2: "With default bins LIME samples the training data's frequencies; only the weights are local.",
    3: "The default width of 0.75 sqrt(d) weighs nearly all samples alike: state width and R2.",
    4: "Other seeds give other features: state seed and samples, and show the spread.",
    5: "It is an average over coalitions against a background; nothing is removed or retrained.",
    6: "Correlated features share credit: a value may be far from 0 where the model looks away.",
    7: "Fair names how a payout is split; it says nothing of causes or of justice.",
    8: "It compares with the background, however far away; a gradient looks at the next step only.",
    9: "Sampling features one by one makes rows that cannot exist: state how they were drawn.",
    10: "Boosted trees are explained in log-odds by default: name the output on the axis.",
    11: "Clip the gradient, not the product: the two differ wherever activations are negative.",
    12: "It takes powers of the first gradient, exact for heads that are linear piece by piece.",
    13: "The denominator sums the activations first, then multiplies by the place's g^3.",
    14: "The weight is the relative drop (S - S_k) / S, and its sign turns round where S < 0.",
    15: "Some packages leave the ReLU to you: say whether negative evidence was cut.",
    16: "Each map is scaled by itself: print the maxima, or give the maps one scale.",
    17: "Averaged gradients can light places that were not used; logit and softmax maps differ.",
    18: "Looks prove nothing: randomise the weights; passing that test is necessary, not enough.",
    19: "It hangs on the threshold and on the object's size: ask for the curve and for controls.",
    20: "A model that uses the background has a right map beside the object: give both columns.",
    21: "Other photos, thresholds and layers turn the order round: ask for n, intervals, controls.",
    22: "It also measures how strange the filled picture is: name the filling, show a second one.",
    23: "Methods share mistakes: agreement is no proof; compare LIME with SHAP in one unit, w (1 - mean z).",
}


@dataclass(frozen=True)
class Card:
    """A claim that is often written, and where it is refuted.

    number: its row in the checklist. notebook: the file's stem. section: the heading above it.
    code: the cell that refutes it.
    """

    number: int
    claim: str
    notebook: str
    section: str
    code: str


def cards(notebook: nbformat.NotebookNode, name: str) -> list[Card]:
    """The cards of one notebook, in reading order. name: the file's stem.

    Raises ValueError for a card of an unknown number, one that no code cell follows, one whose code
    asserts nothing, and a quotation that begins like a card and is none.
    """
    found, section = [], ""
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        matches = list(CARD.finditer(cell.source))
        if len(matches) != len(re.findall(r"^>.*Often written", cell.source, flags=re.M)):
            raise ValueError(
                f'A card in {name} must read > **Often written, check it (N).** "claim", not '
                f"{cell.source[:60]!r}."
            )
        for match in matches:
            number, claim = int(match[1]), re.sub(r"\s*\n>?\s*", " ", match[2])
            above = re.findall(r"^#+ (.+)$", cell.source[: match.start()], flags=re.M)
            if number not in CORRECTIONS:
                raise ValueError(f"Card {number} of {name} has no correction in CORRECTIONS.")
            code = _code_after(notebook, place)
            if not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(code))):
                raise ValueError(
                    f"Card {number} of {name} needs a code cell with an assertion next."
                )
            found.append(Card(number, claim, name, above[-1] if above else section, code))
        headings = re.findall(r"^#+ (.+)$", cell.source, flags=re.M)
        section = headings[-1] if headings else section
    return found


def _code_after(notebook: nbformat.NotebookNode, place: int) -> str:
    following = notebook.cells[place + 1 : place + 2]
    return following[0].source if following and following[0].cell_type == "code" else ""


def gather(paths: Iterable[Path] | None = None) -> list[Card]:
    """The cards of the notebooks (all of them by default), by number."""
    paths = notebooks.notebook_paths() if paths is None else paths
    found = [card for p in paths for card in cards(nbformat.read(p, as_version=4), p.stem)]
    return sorted(found, key=lambda card: card.number)


def page(found: Iterable[Card]) -> str:
    """The reviewer's checklist in Markdown: a row for each number, linked to the refuting cells."""
    rows: dict[int, list[Card]] = {}
    for card in found:
        rows.setdefault(card.number, []).append(card)
    table = [
        f"| ☐\u00a0{number} | {group[0].claim} | {CORRECTIONS[number]} | "
        + ", ".join(dict.fromkeys(f"[{c.notebook[:2]}]({c.notebook}.ipynb)" for c in group))
        + " |"
        for number, group in sorted(rows.items())
    ]
    return "\n".join(
        [
            "# A reviewer's checklist",
            "",
            "Read the text that explains a model. For each row: does it say, or silently assume, the left "
            "sentence? Then ask for the right one. The last column is the notebook with the cell that "
            "refutes it.",
            "",
            "| | often written | what holds, what to ask for | checked in |",
            "|---|---|---|---|",
            *table,
            "",
        ]
    )
