"""The readouts of the panels for tables give what was chosen."""

import numpy as np
import pandas as pd
import pytest

from xailab import lime_tabular, stability, widgets


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=40), "kind": rng.integers(0, 2, 40).astype(float)}, range(100, 140)
    )


def predict(X):
    return 1 / (1 + np.exp(-3 * X["a"].to_numpy() - X["kind"].to_numpy()))


def proba(X):
    return np.column_stack([1 - predict(X), predict(X)])


def test_outcomes_narrow_the_rows(table):
    truth = pd.Series(np.arange(40) % 2 == 0, table.index)
    box = widgets.instance_explorer(predict, table, table[:5], truth)
    yes = predict(table) > 0.5
    box.controls["outcome"].value = "predicted no"
    assert box.controls["row"].max == (~yes).sum() - 1
    assert f"Row {table.index[~yes][0]}." in box.text
    box.controls["outcome"].value = "wrongly yes"
    box.controls["row"].value = box.controls["row"].max
    assert f"Row {table.index[yes & ~truth.to_numpy()][-1]}." in box.text


def test_a_row_can_be_chosen_by_its_label(table):
    box = widgets.instance_explorer(predict, table, table[:5])
    box.controls["outcome"].value = "predicted yes"
    box.controls["index"].value = "117"
    assert "Row 117." in box.text
    assert box.controls["row"].value == 17
    box.controls["index"].value = "none"
    assert box.text == "X has no row 'none'; its first label is 100."


def test_what_if_says_what_was_changed_and_from_what(table):
    x = pd.Series({"a": 1.0, "kind": 0.0})
    box = widgets.what_if(predict, x, table, {"kind": ("cat", "dog")})
    before = predict(x.to_frame().T)[0]
    assert "Changed: nothing." in box.text
    assert f"The model gave {before:.2f}" in box.text
    box.controls["kind"].value = 1.0
    after = predict(pd.DataFrame([{"a": 1.0, "kind": 1.0}]))[0]
    assert "Changed: kind cat to dog." in box.text
    assert f"is {after:.2f} for this row" in box.text


def test_what_if_names_the_units_of_its_sliders(table):
    x = pd.Series({"a": 1.0, "kind": 0.0})
    box = widgets.what_if(predict, x, table, {"kind": ("cat", "dog")}, units={"a": "years"})
    assert box.controls["a"].description == "a (years)"
    assert box.controls["kind"].description == "kind"


def test_the_background_slider_moves_the_base_value(table):
    box = widgets.background_slider(predict, table.iloc[0], table)
    box.controls["size"].value = 1
    one = box.text
    box.controls["seed"].value = 3
    assert "1 background rows, draw 3" in box.text
    assert box.text.split("average")[0] != one.split("average")[0]


def test_the_dial_gives_the_verdict(table):
    box = widgets.lime_dial(proba, table.iloc[0], table, ["kind"], k=1)
    assert "Over 10 seeds" in box.text
    box.controls["kernel_width"].value = 0.1
    assert "Do not report" in box.text
    box.controls["seeds"].value = 2
    assert "Over 2 seeds" in box.text
    assert "outcome" not in box.controls


def test_the_stability_panel_explains_the_chosen_row(table):
    box = widgets.lime_dial(proba, table, table, ["kind"], k=1)
    yes = predict(table) > 0.5
    box.controls["n_samples"].value = 200
    box.controls["outcome"].value = "predicted no"
    assert box.controls["row"].max == (~yes).sum() - 1
    box.controls["row"].value = 3
    place = np.flatnonzero(~yes)[3]
    assert f"Row {table.index[place]}, model {predict(table)[place]:.2f}. Over 10" in box.text
    runs = stability.repeat(
        lambda seed: lime_tabular.explain(
            proba, table.iloc[place], table, categorical=["kind"], n_samples=200, seed=seed
        ),
        range(10),
        k=1,
    )
    assert box.text.endswith(runs.describe())
    box.controls["outcome"].value = "predicted yes"
    assert box.controls["row"].value == 0
    assert f"Row {table.index[yes][0]}," in box.text


def test_the_stability_panel_needs_a_row(table):
    with pytest.raises(ValueError, match="one row at least to choose from"):
        widgets.lime_dial(proba, table[:0], table)
