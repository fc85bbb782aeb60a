"""Panels for maps of many pictures: localisation over thresholds, randomisation over layers."""

import ipywidgets as ipw
import matplotlib.pyplot as plt
import numpy as np

from .. import metrics, plots
from .._utils.labels import label
from ..plots.settings import PALETTES, words
from .panels import Panel, color_switch, dropdown, panel, slider


def localisation_explorer(views, maps: dict[str, np.ndarray]) -> Panel:
    """Choose a photo by slider, a method and a threshold: the overlay and the five metrics.

    views: as ``evaluate.views`` gives them. maps: method -> (n, H, W). controls: photo, method,
    threshold, colours.
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
        title = f"{view.label}, {label(method)}, threshold {threshold:.2f}"
        _, ax = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
        above = f"{view.label}, {label(method)},\nthreshold {threshold:.2f}"
        cmap = PALETTES[colours]
        words(plots.boxed(view.image, h, view.mask, threshold, above, ax, cmap=cmap))
        plots.heat_bar(ax, cmap=cmap)
        return ax, f"{title}: {said}."

    return panel(
        draw,
        photo=slider(
            ipw.SelectionSlider, "photo", options=[(view.label, view.name) for view in views]
        ),
        method=dropdown("method", [(label(m), m) for m in maps]),
        threshold=slider(ipw.FloatSlider, "threshold", min=0.05, max=0.95, step=0.05, value=0.5),
        colours=color_switch(PALETTES),
    )


def randomisation_explorer(images: list[np.ndarray], cascade) -> Panel:
    """Go down the layers of a cascading randomisation and see which maps change with the network.

    images: uint8 (H, W, 3), one for each map. cascade: a ``metrics.Cascade``. controls: picture, layer
    (0 is the network as trained), colours.
    """
    if not isinstance(cascade, metrics.Cascade) or not len(images):
        raise ValueError(
            "cascade must come from metrics.cascading_randomisation, and images hold its pictures."
        )

    def draw(picture: int, layer: int, colours: str):
        methods, cmap = list(cascade.maps), PALETTES[colours]
        overlays = [
            plots.blend(images[picture], cascade.maps[m][layer, picture], cmap=cmap)
            for m in methods
        ]
        axes = plots.grid({"overlay": overlays}, methods, size=2.2)
        alike = {m: cascade.similarity[m][layer, picture] for m in methods}
        said = ", ".join(f"{label(m)} {value:.2f}" for m, value in alike.items())
        name = cascade.layers[layer]
        where = "The network as trained" if layer == 0 else f"Randomised down to layer {name}"
        text = f"Picture {picture}. {where}: rank correlation with the map as trained: {said}."
        return axes[0, 0], text

    return panel(
        draw,
        picture=slider(ipw.IntSlider, "picture", min=0, max=len(images) - 1),
        layer=slider(ipw.IntSlider, "layer", min=0, max=len(cascade.layers) - 1),
        colours=color_switch(PALETTES),
    )
