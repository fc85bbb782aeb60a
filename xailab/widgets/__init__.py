"""Interactive panels: each function returns a VBox that a test can drive without a browser.

box.controls: name -> the ipywidgets control. box.readout: an HTML widget whose text says what the
picture shows. box.picture: the PNG. Setting a control's value redraws at once; an error is shown in
the readout as one sentence and raised. Where colours carry meaning, the control ``colours`` changes
them and nothing else. ``threshold_overlay`` and ``picker`` run in the browser and need no kernel.

Panels for tables are here, those for maps of many pictures in ``evaluations``, for one picture in
``images``.
"""

from collections.abc import Callable
from functools import lru_cache

import ipywidgets as ipw
import numpy as np
import pandas as pd

from .. import lime_tabular, plots, shapley, stability
from .._utils.labels import feature_label
from .._utils.tables import by_name, check_row, check_rows, check_same_rows, column_names
from .._utils.validation import check_int, one_number_per_row, truncated
from ..local_fit import answers, of_class
from ..plots.settings import COLORS, value_name
from .evaluations import localisation_explorer, randomisation_explorer
from .experiment import class_experiment, class_result
from .overlay import ThresholdOverlay
from .panels import Panel, color_switch, panel, slider
from .prerendered import Picker, of_panel


def picker(box: Panel, **choices) -> Picker:
    """A panel whose pictures are drawn now: it works without a kernel, on the pages of the site too.

    box: any panel. choices: control -> the values to offer, None for all options of a list; every
    combination is drawn, so there should be few.
    """
    return of_panel(box, **choices)


def instance_explorer(
    predict: Callable,
    X: pd.DataFrame,
    background: pd.DataFrame,
    y: pd.Series | None = None,
    output: str = "probability of income > 50K",
    categories: dict[str, tuple[str, ...]] | None = None,
) -> Panel:
    """Choose a row by outcome, position or index label: its exact Shapley values as a waterfall.

    controls: outcome, row (position among the rows of that outcome), index (a label of X), colours.

    Parameters
    ----------
    predict : callable
        DataFrame (n, d) -> (n,).
    X : DataFrame (n, d)
        The rows to choose from.
    background : DataFrame (m, d)
        The rows that stand for "not known".
    y : Series of bool (or 0 and 1), optional
        The true labels of X's rows, in their order; they add the model's mistakes to the outcomes.
    output : str
        What the model returns, for the labels.
    categories : dict, optional
        feature -> names of its codes.
    """
    if not isinstance(X, pd.DataFrame) or not len(X):
        raise ValueError("X must be a DataFrame with one row at least to choose from.")
    X = by_name("X", X, column_names("background", background), "background")
    check_same_rows("y", y, X)
    places, outcome, row = _row_controls(one_number_per_row(predict, X) > 0.5, y)
    index = ipw.Text(
        description="index",
        value=str(X.index[0]),
        continuous_update=False,
        placeholder="a row's label",
    )
    labels = {str(label): place for place, label in enumerate(X.index)}

    def draw(outcome: str, row: int, index: str, colours: str):
        place = places[outcome][min(row, len(places[outcome]) - 1)]
        attribution = shapley.exact(predict, X.iloc[place], background, output=output)
        ax = plots.waterfall(attribution, categories=categories, colors=COLORS[colours])
        return ax, f"Row {X.index[place]}. {attribution.describe()}"

    def jump(change) -> None:
        if change["new"] not in labels:
            made._say(f"X has no row {change['new']!r}; its first label is {X.index[0]}.")
            return
        outcome.value = "all rows"
        row.value = labels[change["new"]]

    made = panel(draw, outcome=outcome, row=row, index=index, colours=color_switch(COLORS))
    index.observe(jump, names="value")
    return made


def _row_controls(yes: np.ndarray, y: pd.Series | None = None):
    """Places of the rows by outcome, and the controls outcome and row, which chooses among them.

    yes: (n,) bool, what the model predicts. y: the true labels, if there are any.
    """
    groups = {"all rows": np.ones(len(yes), bool), "predicted yes": yes, "predicted no": ~yes}
    if y is not None:
        true = _labels(y, len(yes))
        groups |= {"wrongly yes": yes & ~true, "wrongly no": ~yes & true}
    places = {name: np.flatnonzero(chosen) for name, chosen in groups.items() if chosen.any()}
    outcome = ipw.Dropdown(description="outcome", options=list(places))
    row = slider(ipw.IntSlider, "row", min=0, max=len(yes) - 1)

    def restart(change) -> None:
        row.max = len(places[change["new"]]) - 1
        row.value = 0

    outcome.observe(restart, names="value")
    return places, outcome, row


def _labels(y, n: int) -> np.ndarray:
    """The true labels as (n,) bool; names of classes are refused, since all of them would be True."""
    labels = np.asarray(y)
    if labels.shape != (n,) or labels.dtype.kind not in "buif" or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"y must be one bool per row of X, {n} of them, not {truncated(y)}; y == 'yes' makes bools "
            "of names."
        )
    return labels.astype(bool)


def what_if(
    predict: Callable,
    x: pd.Series,
    background: pd.DataFrame,
    categories: dict[str, tuple[str, ...]] | None = None,
    output: str = "probability of income > 50K",
    units: dict[str, str] | None = None,
) -> Panel:
    """Change the values of one row and see how prediction and Shapley values change.

    The model answers for any combination, also for one that no person could have. controls: one per
    feature, under its name, and colours ("colours of the figure" if a feature has that name).

    Parameters
    ----------
    predict : callable
        DataFrame (n, d) -> (n,).
    x : Series (d,) or one-row DataFrame
        The row to start from.
    background : DataFrame (m, d)
        The rows that stand for "not known"; their range limits the sliders.
    categories : dict, optional
        feature -> names of its codes.
    output : str
        What the model returns, for the labels.
    units : dict, optional
        feature -> unit of its numbers, shown beside the name of its slider.
    """
    if not isinstance(x, pd.Series | pd.DataFrame):
        raise TypeError(f"x must be a row of the table, as X.iloc[0], not {type(x).__name__}.")
    columns = column_names("background", background)
    x = pd.Series(check_row("x", x, columns, "background"), columns)
    start = float(one_number_per_row(predict, x.to_frame().T)[0])
    controls, categories = {}, categories or {}
    for feature, value in x.items():
        if feature in categories:
            codes = [(name, float(code)) for code, name in enumerate(categories[feature])]
            controls[feature] = ipw.Dropdown(
                description=feature,
                options=codes,
                value=float(value),
                style={"description_width": "initial"},
            )
        else:
            low, high = min(background[feature].min(), value), max(background[feature].max(), value)
            whole = all(float(v).is_integer() for v in (low, high, value))
            controls[feature] = slider(
                ipw.FloatSlider,
                feature_label(feature, units),
                min=low,
                max=high,
                value=value,
                step=1,
                readout_format=".0f" if whole else "g",
            )

    def draw(**values):
        row = pd.Series({feature: values[feature] for feature in background.columns})
        attribution = shapley.exact(predict, row, background, output=output)
        changed = [
            f"{f} {value_name(f, x[f], categories)} to {value_name(f, v, categories)}"
            for f, v in row.items()
            if v != x[f]
        ]
        text = (
            f"Changed: {', '.join(changed) or 'nothing'}. The model gave {start:.2f} for the row as "
            f"it was. {attribution.describe()}"
        )
        colors = COLORS[values[switch]]
        return plots.waterfall(attribution, categories=categories, colors=colors), text

    switch = "colours" if "colours" not in controls else "colours of the figure"
    return Panel(draw, controls | {switch: color_switch(COLORS)})


def background_slider(
    predict: Callable,
    x: pd.Series,
    X_train: pd.DataFrame,
    output: str = "probability of income > 50K",
    largest: int = 500,
    categories: dict[str, tuple[str, ...]] | None = None,
) -> Panel:
    """Choose the number of background rows and their random draw: base value and values change.

    controls: size, seed, colours.

    Parameters
    ----------
    predict : callable
        DataFrame (n, d) -> (n,).
    x : Series (d,)
        The row that is explained.
    X_train : DataFrame (m, d)
        The rows from which the background is drawn.
    output : str
        What the model returns, for the labels.
    largest : int
        The most background rows.
    categories : dict, optional
        feature -> names of its codes.
    """

    def draw(size: int, seed: int, colours: str):
        rows = np.random.default_rng(seed).choice(len(X_train), size, replace=False)
        attribution = shapley.exact(predict, x, X_train.iloc[rows], output=output)
        text = f"{size} background rows, draw {seed}. {attribution.describe()}"
        ax = plots.waterfall(attribution, categories=categories, colors=COLORS[colours])
        return ax, text

    largest = min(check_int("largest", largest), len(X_train))
    return panel(
        draw,
        size=slider(ipw.IntSlider, "background rows", min=1, max=largest, value=min(100, largest)),
        seed=slider(ipw.IntSlider, "draw", min=0, max=20),
        colours=color_switch(COLORS),
    )


def lime_dial(
    predict_proba: Callable,
    x: pd.Series | pd.DataFrame,
    X_train: pd.DataFrame,
    categorical=(),
    k: int = 3,
    target: int = 1,
    output: str = "probability of income > 50K",
) -> Panel:
    """The stability panel: LIME repeated over seeds under chosen settings, and whether to report it.

    controls: outcome and row (where x is a table), n_samples, kernel_width, seeds (how many runs), k
    (features that one would report), bins (discretised or not), colours. The readout gives the ranges
    over the runs of R2 on fresh draws, of the distance between line and model and of the top-k Jaccard
    index, and the verdict of ``stability.Stability``.

    Parameters
    ----------
    predict_proba : callable
        DataFrame (n, d) -> (n, classes).
    x : Series (d,) or DataFrame (n, d)
        The row that is explained, or the rows to choose it from.
    X_train : DataFrame (m, d)
        As in ``lime_tabular.explain``.
    categorical : sequence of str
        Columns that hold codes of categories.
    k : int
        Where the control k begins.
    target : int
        The class that is explained.
    output : str
        What the model returns, for the labels.
    """
    d = X_train.shape[1]
    columns = column_names("X_train", X_train)
    rows = x if isinstance(x, pd.DataFrame) else pd.DataFrame([x])
    if not len(rows):
        raise ValueError("x must be a row, or a DataFrame with one row at least to choose from.")
    rows = pd.DataFrame(check_rows("x", rows, columns, "X_train"), rows.index, columns)
    p = of_class(answers(predict_proba, rows, "rows"), target)
    places, outcome, row = _row_controls(p > 0.5)

    @lru_cache(maxsize=400)
    def one(place: int, seed: int, n_samples: int, kernel_width: float, bins: bool):
        return lime_tabular.explain(
            predict_proba,
            rows.iloc[place],
            X_train,
            categorical=categorical,
            n_samples=n_samples,
            kernel_width=kernel_width,
            discretise=bins,
            target=target,
            seed=seed,
        )

    def draw(
        n_samples: int,
        kernel_width: float,
        seeds: int,
        k: int,
        bins: bool,
        colours: str,
        outcome: str = "all rows",
        row: int = 0,
    ):
        place = places[outcome][min(row, len(places[outcome]) - 1)]
        runs = stability.repeat(
            lambda seed: one(place, seed, n_samples, kernel_width, bins), range(seeds), k
        )
        ax = plots.ranges(runs.table(), output, colors=COLORS[colours])
        ax.set_title(runs.verdict.upper())
        which = f"Row {rows.index[place]}, model {p[place]:.2f}. " if len(rows) > 1 else ""
        return ax, which + runs.describe()

    sizes = [n for n in (50, 100, 200, 500, 1000, 2000, 5000, 10000) if n >= d + 2]
    choice = {"outcome": outcome, "row": row} if len(rows) > 1 else {}
    return panel(
        draw,
        **choice,
        n_samples=slider(ipw.SelectionSlider, "samples", options=sizes, value=sizes[-2]),
        kernel_width=slider(
            ipw.FloatLogSlider, "kernel width", min=-1, max=2, step=0.05, value=0.75 * np.sqrt(d)
        ),
        seeds=slider(ipw.IntSlider, "seeds", min=2, max=20, value=10),
        k=slider(ipw.IntSlider, "features to report", min=1, max=d, value=min(k, d)),
        bins=ipw.Checkbox(description="quartile bins", value=True),
        colours=color_switch(COLORS),
    )


def threshold_overlay(
    image: np.ndarray, heatmap: np.ndarray | dict[str, np.ndarray], mask: np.ndarray
) -> ThresholdOverlay:
    """Move the threshold that turns a heat map into a region, and read the five metrics.

    Drawn in the browser: it needs no kernel. image: (H, W, 3) uint8. heatmap: (H, W) or name -> (H, W),
    which adds a choice of method. mask: (H, W) bool. controls: threshold, method, colours.
    """
    return ThresholdOverlay(image, heatmap, mask)
