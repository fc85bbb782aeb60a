"""What does not fit is one sentence before anything is drawn; names are names, not formulas or places."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from xailab import metrics, plots, shapley

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(4, 3))
X = pd.DataFrame(RNG.normal(size=(4, 3)), columns=list("abc"))
IMAGE, MAP = np.zeros((6, 8, 3), np.uint8), np.ones((6, 8))
NAN = float("nan")


def attributions(names):
    X = pd.DataFrame(RNG.normal(size=(5, len(names))), columns=names)
    return shapley.exact_rows(lambda Z: np.asarray(Z) @ np.arange(1, len(names) + 1), X, X)


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: plots.importance(VALUES[..., None], list("abc")), r"shape \(rows, 3\)"),
        (lambda: plots.importance(VALUES, list("ab")), r"shape \(rows, 2\)"),
        (lambda: plots.importance(VALUES, list("abcd")), r"shape \(rows, 4\)"),
        (lambda: plots.importance(VALUES[:0], list("abc")), r"shape \(rows, 3\)"),
        (lambda: plots.importance(VALUES * NAN, list("abc")), "missing or infinite"),
        (lambda: plots.summary(VALUES[:2], X), "values has 2 rows but X has 4"),
        (lambda: plots.summary(VALUES[:, :2], X), r"shape \(rows, 3\)"),
        (lambda: plots.summary(VALUES, X * NAN), "X must not have missing"),
        (lambda: plots.dependence(VALUES[:2], X, "a"), "values has 2 rows but X has 4"),
        (lambda: plots.dependence(VALUES[:, :2], X, "a"), r"shape \(rows, 3\)"),
        (lambda: plots.contributions(pd.Series({"a": NAN})), "missing or infinite"),
        (lambda: plots.ranges(pd.DataFrame({"mean": [1.0]})), "low is missing"),
        (lambda: plots.curves([1, 2], {"a": [1, 2, 3]}, "x", "y"), r"'a' has shape \(3,\)"),
        (lambda: plots.decision(attributions(list("ab")), [7]), "highlight names row 7"),
        (lambda: plots.heatmap(MAP[..., None]), r"\(H, W\)"),
        (lambda: plots.heatmap(MAP * NAN), "finite"),
        (lambda: plots.overlay(IMAGE, MAP.T), "differ in size"),
        (lambda: plots.boxed(IMAGE, MAP, MAP < 0), "not be empty"),
        (lambda: plots.boxed(IMAGE, MAP, MAP.T > 0), "heat map's shape"),
        (lambda: plots.superpixel_outlines(IMAGE, np.zeros((8, 6), int)), "differ in size"),
        (lambda: plots.superpixel_mask(IMAGE, MAP.T), "differ in size"),
        (lambda: plots.superpixel_heatmap(MAP * NAN), "finite"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_figure_is_made(draw, says):
    with pytest.raises(ValueError, match=says) as caught:
        draw()
    assert "\n" not in str(caught.value) and str(caught.value)[-1] == "."
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "draw",
    [
        lambda many: plots.waterfall(many),
        lambda many: plots.force(many),
        lambda many: plots.decision(many[0]),
        lambda many: plots.attribution_heatmap(many[0]),
        lambda many: plots.attribution_heatmap(many.values),
        lambda many: plots.contributions(many[0].table()),
        lambda many: plots.summary(many.values, many.data),
    ],
)
def test_one_row_and_many_are_not_confused(draw):
    with pytest.raises(TypeError, match="must be"):
        draw(attributions(list("ab")))
    assert not plt.get_fignums()


def test_values_with_names_are_matched_by_name():
    named = pd.DataFrame(VALUES, columns=list("abc"))[list("cab")]
    found, want = (
        [bar.get_width() for bar in plots.importance(v, list("abc")).patches]
        for v in (named, VALUES)
    )
    assert found == want
    dots = plots.dependence(named, X, "b").collections[0].get_offsets()
    assert np.asarray(dots)[:, 1] == pytest.approx(VALUES[:, 1])


# --- names are names -----------------------------------------------------------------------------

DOLLARS = ["price $5 to $9", r"a $\frac$", "$x$"]


def intervals(names):
    return {name: metrics.bootstrap_interval([0.1, 0.2, 0.4]) for name in names}


def frame(names):
    return pd.DataFrame(RNG.normal(size=(5, len(names))), columns=names)


def spans(names):
    return pd.DataFrame({"mean": [0.1, 0.2, 0.3], "low": 0.0, "high": 0.5}, index=names)


FIGURES = {
    "importance": lambda names: plots.importance(VALUES, names),
    "summary": lambda names: plots.summary(VALUES, X.set_axis(names, axis=1)),
    "dependence": lambda names: plots.dependence(
        VALUES, X.set_axis(names, axis=1), names[0], names[1]
    ),
    "categories": lambda names: plots.dependence(
        VALUES, (X * 0).set_axis(names, axis=1), names[0], categories={names[0]: (names[1],)}
    ),
    "decision": lambda names: plots.decision(attributions(names)),
    "attribution_heatmap": lambda names: plots.attribution_heatmap(attributions(names)),
    "waterfall": lambda names: plots.waterfall(attributions(names)[0]),
    "force": lambda names: plots.force(attributions(names)[0]),
    "contributions": lambda names: plots.contributions(pd.Series([0.1, 0.2, 0.3], names)),
    "ranges": lambda names: plots.ranges(spans(names)),
    "intervals": lambda names: plots.intervals(intervals(names), str(names[0])),
    "dots": lambda names: plots.dots(frame(names), str(names[0])),
    "curves": lambda names: plots.curves(
        [0, 1, 2], dict(zip(names, VALUES[:3], strict=True)), str(names[0]), str(names[1])
    ),
    "grid": lambda names: plots.grid({names[0]: [IMAGE, IMAGE]}, names[1:]).flat[0],
    "overlays": lambda names: plots.overlays(IMAGE, {n: MAP for n in names}, str(names[1])).flat[0],
}


@pytest.mark.parametrize("figure", FIGURES)
def test_a_dollar_in_a_name_is_a_dollar(figure):
    ax = FIGURES[figure](DOLLARS)
    ax.figure.canvas.draw()
    # every dollar in the figure is escaped, and the description has it as it is
    shown = [text.get_text() for text in ax.figure.findobj(plt.Text)]
    dollars = [text for text in shown if "$" in text]
    assert dollars
    assert all(text.replace(r"\$", "").count("$") == 0 for text in dollars)
    described = plots.alt_text.describe(ax.figure)
    assert r"\$" not in described
    # the description of a force plot names no bar
    assert "$" in described or figure == "force"


BARS = ["importance", "contributions", "ranges", "waterfall", "intervals", "dots", "summary"]


@pytest.mark.parametrize("figure", BARS)
def test_numbers_as_names_are_no_places(figure):
    ax = FIGURES[figure]([2019, 2020, 2021])
    assert list(ax.get_yticks()) == [0, 1, 2]
    assert all("20" in t.get_text() for t in ax.get_yticklabels())
    assert all(str(year) in plots.alt_text.describe(ax.figure) for year in (2019, 2020, 2021))


def test_equal_names_are_two_bars():
    table = pd.Series([0.1, -0.2, 0.3], ["a", "b", "a"])
    many = dataclasses.replace(attributions(list("abc")), features=("a", "b", "a"))
    for ax in (
        plots.importance(VALUES, list("aba")),
        plots.contributions(table),
        plots.ranges(spans(list("aba"))),
        plots.waterfall(many[0]),
    ):
        heights = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
        assert heights == pytest.approx([0, 1, 2])
    assert len(plots.dots(pd.DataFrame(VALUES, columns=list("aba")), "error").texts) == 3
