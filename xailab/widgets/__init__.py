"""Sliders over the rest of the package: each factory returns a VBox that a test can drive.

box.controls: name -> the ipywidgets control. box.readout: an HTML widget whose text says what the
picture shows. box.picture: the drawn PNG. Setting a control's value redraws at once; an error is
shown in the readout as one sentence and raised, never swallowed. Where colours carry meaning, the
control ``colours`` changes them and nothing else. ``threshold_overlay`` and ``picker`` live in the
browser and need no kernel.
"""

from collections.abc import Callable
from functools import lru_cache

import ipywidgets as ipw
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .. import lime_tabular, metrics, plots, shapley, stability
from .._utils.validation import check_int
from ..plots.settings import COLORS, PALETTES
from .overlay import ThresholdOverlay
from .panels import Panel
from .prerendered import Picker, of_panel


def panel(draw: Callable[..., tuple[Axes, str]], **controls: ipw.Widget) -> Panel:
    """A panel of your own: ``draw`` takes the controls' values by name, returns Axes and a sentence.

    Notebook 05.
    """
    return Panel(draw, controls)


def _slider(kind, description: str, **settings) -> ipw.Widget:
    return kind(
        description=description,
        continuous_update=False,
        style={"description_width": "initial"},
        layout=ipw.Layout(width="28em", max_width="98%"),
        **settings,
    )


def colour_switch(choices: dict) -> ipw.Dropdown:
    """The switch of the colours: ``settings.PALETTES`` for heat maps, ``settings.COLORS`` for signs."""
    switch = _slider(ipw.Dropdown, "colours", options=list(choices), value=next(iter(choices)))
    switch.add_class("xailab-colours")
    return switch


def picker(box: Panel, **choices) -> Picker:
    """A panel's pictures made beforehand: alive without a kernel, on the pages of the site too.

    choices: control -> the values to offer, None for all options of a list; every combination is
    drawn now, a modest number of them. box: any panel of this module or of ``image_widgets``.
    Introduced in notebook 05.
    """
    return of_panel(box, **choices)


def instance_explorer(
    predict: Callable,
    X: pd.DataFrame,
    background: pd.DataFrame,
    y: pd.Series | None = None,
    output: str = "probability of income > 50K",
) -> Panel:
    """Pick a row by outcome, position or index label: its exact Shapley values as a waterfall.

    predict: rows -> (n,). X: the rows to choose from. background: rows for "not known". y: the true
    labels (bool), which add the model's mistakes to the outcomes. controls: outcome, row (position
    among the rows of that outcome), index (a label of X). Introduced in notebook 03.
    Raises ValueError for a table without rows.
    """
    if not isinstance(X, pd.DataFrame) or not len(X):
        raise ValueError("X must be a DataFrame with one row at least to choose from.")
    yes = np.asarray(predict(X)) > 0.5
    groups = {"all rows": np.ones(len(X), bool), "predicted yes": yes, "predicted no": ~yes}
    if y is not None:
        true = np.asarray(y, dtype=bool)
        groups |= {"wrongly yes": yes & ~true, "wrongly no": ~yes & true}
    places = {name: np.flatnonzero(chosen) for name, chosen in groups.items() if chosen.any()}
    outcome = ipw.Dropdown(description="outcome", options=list(places))
    row = _slider(ipw.IntSlider, "row", min=0, max=len(X) - 1)
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
        ax = plots.waterfall(attribution, colors=COLORS[colours])
        return ax, f"Row {X.index[place]}. {attribution.describe()}"

    def restart(change) -> None:
        row.max = len(places[change["new"]]) - 1
        row.value = 0

    def jump(change) -> None:
        if change["new"] not in labels:
            made._say(f"X has no row {change['new']!r}; its first label is {X.index[0]}.")
            return
        outcome.value = "all rows"
        row.value = labels[change["new"]]

    outcome.observe(restart, names="value")
    made = panel(draw, outcome=outcome, row=row, index=index, colours=colour_switch(COLORS))
    index.observe(jump, names="value")
    return made


def what_if(
    predict: Callable,
    x: pd.Series,
    background: pd.DataFrame,
    categories: dict[str, tuple[str, ...]] | None = None,
    output: str = "probability of income > 50K",
) -> Panel:
    """Change the values of one row and see what the model, and its Shapley values, make of it.

    x: the row to start from. background: rows for "not known"; their range limits the sliders.
    categories: feature -> names of its codes. controls: one for each feature, by its name.
    The model answers for any combination, also for one that no person could have.
    Introduced in notebook 03.
    Raises TypeError when x is no row of a table.
    """
    if not isinstance(x, pd.Series):
        raise TypeError(f"x must be a row of the table, as X.iloc[0], not {type(x).__name__}.")
    start = float(np.asarray(predict(x.to_frame().T))[0])
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
            controls[feature] = _slider(
                ipw.FloatSlider, feature, min=low, max=high, value=value, step=1, readout_format="g"
            )

    def draw(**values):
        row = pd.Series({feature: values[feature] for feature in background.columns})
        attribution = shapley.exact(predict, row, background, output=output)
        changed = [f"{f} {x[f]:g} to {v:g}" for f, v in row.items() if v != x[f]]
        text = (
            f"Changed: {', '.join(changed) or 'nothing'}. The model gave {start:.2f} for the row as "
            f"it was. {attribution.describe()}"
        )
        return plots.waterfall(attribution, colors=COLORS[values[switch]]), text

    switch = "colours" if "colours" not in controls else "colours of the figure"
    return Panel(draw, controls | {switch: colour_switch(COLORS)})


def background_slider(
    predict: Callable,
    x: pd.Series,
    X_train: pd.DataFrame,
    output: str = "probability of income > 50K",
    largest: int = 500,
) -> Panel:
    """Choose how many background rows, and which draw of them: base value and values move.

    X_train: the rows to draw the background from. controls: size, seed. Introduced in notebook 03.
    """

    def draw(size: int, seed: int, colours: str):
        rows = np.random.default_rng(seed).choice(len(X_train), size, replace=False)
        attribution = shapley.exact(predict, x, X_train.iloc[rows], output=output)
        text = f"{size} background rows, draw {seed}. {attribution.describe()}"
        return plots.waterfall(attribution, colors=COLORS[colours]), text

    largest = min(check_int("largest", largest), len(X_train))
    return panel(
        draw,
        size=_slider(ipw.IntSlider, "background rows", min=1, max=largest, value=min(100, largest)),
        seed=_slider(ipw.IntSlider, "draw", min=0, max=20),
        colours=colour_switch(COLORS),
    )


def lime_dial(
    predict_proba: Callable,
    x: pd.Series,
    X_train: pd.DataFrame,
    categorical=(),
    k: int = 3,
    target: int = 1,
    output: str = "probability of income > 50K",
) -> Panel:
    """The stability dial: LIME again and again under settings of your choice, with a verdict.

    controls: n_samples, kernel_width, seeds (how many runs), k (features one would report),
    bins (discretised or not). The readout gives R2, local against model prediction and the top-k
    Jaccard index, and says when an explanation should not be reported. Introduced in notebook 02.
    """
    d = X_train.shape[1]

    @lru_cache(maxsize=400)
    def one(seed: int, n_samples: int, kernel_width: float, bins: bool):
        return lime_tabular.explain(
            predict_proba,
            x,
            X_train,
            categorical=categorical,
            n_samples=n_samples,
            kernel_width=kernel_width,
            discretise=bins,
            target=target,
            seed=seed,
        )

    def draw(n_samples: int, kernel_width: float, seeds: int, k: int, bins: bool, colours: str):
        runs = stability.repeat(
            lambda seed: one(seed, n_samples, kernel_width, bins), range(seeds), k
        )
        ax = plots.ranges(runs.table(), output, colors=COLORS[colours])
        ax.set_title("may be reported" if runs.reportable else "DO NOT REPORT")
        return ax, runs.describe()

    sizes = [n for n in (50, 100, 200, 500, 1000, 2000, 5000, 10000) if n >= d + 2]
    return panel(
        draw,
        n_samples=_slider(ipw.SelectionSlider, "samples", options=sizes, value=sizes[-2]),
        kernel_width=_slider(
            ipw.FloatLogSlider, "kernel width", min=-1, max=2, step=0.05, value=0.75 * np.sqrt(d)
        ),
        seeds=_slider(ipw.IntSlider, "seeds", min=2, max=20, value=10),
        k=_slider(ipw.IntSlider, "features to report", min=1, max=d, value=min(k, d)),
        bins=ipw.Checkbox(description="quartile bins", value=True),
        colours=colour_switch(COLORS),
    )


def threshold_explorer(image: np.ndarray, heatmap: np.ndarray, mask: np.ndarray) -> Panel:
    """Slide the threshold that turns a heat map into a region, and watch the five metrics.

    image: (H, W, 3) uint8. heatmap: (H, W) in [0, 1]. mask: (H, W) bool. Introduced in notebook 06.
    """

    def draw(threshold: float, colours: str):
        scores = metrics.localisation(heatmap, mask, threshold)
        numbers = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
        marked = metrics.region(heatmap, threshold).mean()
        text = f"Threshold {threshold:.2f}: {marked:.0%} of the picture is marked; {numbers}."
        return plots.boxed(image, heatmap, mask, threshold, cmap=PALETTES[colours]), text

    return panel(
        draw,
        threshold=_slider(ipw.FloatSlider, "threshold", min=0.05, max=0.95, step=0.05, value=0.5),
        colours=colour_switch(PALETTES),
    )


def threshold_overlay(
    image: np.ndarray, heatmap: np.ndarray | dict[str, np.ndarray], mask: np.ndarray
) -> ThresholdOverlay:
    """As ``threshold_explorer``, but drawn in the browser: it follows the finger and needs no kernel.

    heatmap: one map (H, W) or name -> map, which adds a choice of method. controls: threshold,
    method, colours. The numbers are those of ``metrics``. Introduced in notebook 06.
    """
    return ThresholdOverlay(image, heatmap, mask)


def localisation_explorer(views, maps: dict[str, np.ndarray]) -> Panel:
    """Choose a photo and a method, slide the threshold: the overlay and the five metrics follow.

    seen: views as ``evaluate.views`` gives them. maps: method -> (n, H, W). Notebook 06.
    Raises ValueError without views or maps.
    """
    if not len(views) or not maps:
        raise ValueError(
            "There must be one view and one map at least; see evaluate.views and maps."
        )
    place = {view.name: i for i, view in enumerate(views)}

    def draw(photo: str, method: str, threshold: float, colours: str):
        view, h = views[place[photo]], maps[method][place[photo]]
        numbers = metrics.localisation(h, view.mask, threshold)
        said = ", ".join(f"{name} {value:.2f}" for name, value in numbers.items())
        title = f"{photo}, {method}, threshold {threshold:.2f}"
        ax = plots.boxed(view.image, h, view.mask, threshold, title, cmap=PALETTES[colours])
        return ax, f"{title}: {said}."

    return panel(
        draw,
        photo=_slider(ipw.Dropdown, "photo", options=list(place)),
        method=_slider(ipw.Dropdown, "method", options=list(maps)),
        threshold=_slider(ipw.FloatSlider, "threshold", min=0.05, max=0.95, step=0.05, value=0.5),
        colours=colour_switch(PALETTES),
    )


def randomisation_explorer(images: list[np.ndarray], cascade) -> Panel:
    """Slide down the cascading randomisation and watch which maps change with the network.

    images: uint8 (H, W, 3), one for each map. cascade: a ``metrics.Cascade``. Notebook 07.
    Raises ValueError for what is no cascade.
    """
    if not isinstance(cascade, metrics.Cascade) or not len(images):
        raise ValueError(
            "cascade must come from metrics.cascading_randomisation, and images hold its pictures."
        )

    def draw(picture: int, layer: int, colours: str):
        methods, cmap = list(cascade.maps), PALETTES[colours]
        axes = plots.grid(
            {
                "overlay": [
                    plots.blend(images[picture], cascade.maps[m][layer, picture], cmap=cmap)
                    for m in methods
                ]
            },
            methods,
            size=2.2,
        )
        alike = {m: cascade.similarity[m][layer, picture] for m in methods}
        said = ", ".join(f"{m} {value:.2f}" for m, value in alike.items())
        name = cascade.layers[layer]
        where = "The network as trained" if layer == 0 else f"Randomised down to {name}"
        text = f"Picture {picture}. {where}: rank correlation with the map as trained: {said}."
        return axes[0, 0], text

    return panel(
        draw,
        picture=_slider(ipw.IntSlider, "picture", min=0, max=len(images) - 1),
        layer=_slider(ipw.IntSlider, "layer", min=0, max=len(cascade.layers) - 1),
        colours=colour_switch(PALETTES),
    )
