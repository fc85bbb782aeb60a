"""Cards and sentences carry what the explanation was made with."""

import numpy as np
import pandas as pd
import pytest

from xailab import lime_image, lime_tabular, shapley
from xailab._utils import cards
from xailab.shapley import attribution


def test_a_card_has_a_line_a_field():
    text = cards.card("Title", model="m", kernel_width=2)
    assert text == "Title\n  model         m\n  kernel width  2"


def test_the_models_name_is_found_or_given():
    class Model:
        def predict_proba(self, X):
            return X

    def ask(X):
        return X

    assert cards.name_of(Model().predict_proba) == "Model.predict_proba"
    assert cards.name_of(ask) == "ask"
    assert cards.name_of(lambda X: X) == "not named"
    assert cards.name_of(Model()) == "Model"


@pytest.fixture
def table(rng):
    return pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])


def proba(X):
    p = 1 / (1 + np.exp(-X["a"] - 2 * X["b"]))
    return np.column_stack([1 - p, p])


def test_limes_card_names_model_output_seed_samples_and_fit(table):
    model = lime_tabular.explain(proba, table.iloc[0], table, n_samples=200, seed=7)
    assert "probability, class 1" in str(model)
    card = model.card(output="probability of rain")
    for part in (
        "proba",
        "probability of rain, class 1",
        "200",
        "60 rows",
        "in bins",
        f"{model.r2:.2f}",
    ):
        assert part in card
    assert "seed           7" in card or "seed          7" in card
    assert "my network" in model.card(model="my network")
    assert model.local_error == pytest.approx(model.local_prediction - model.model_prediction)
    assert f"{model.model_prediction:.2f}" in model.describe()
    given = lime_tabular.explain(
        proba, table.iloc[0], table, samples=np.vstack([table.iloc[:1], table.iloc[5:30]])
    )
    assert given.seed is None
    assert given.n_samples == 26
    assert "the samples were given" in str(given)


def test_a_superpixel_model_has_a_card(rng):
    image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    segments = np.arange(8)[:, None] // 4 * 2 + np.arange(8) // 4

    def brightness(images):
        p = np.array([shown.mean() / 255 for shown in images])
        return np.column_stack([1 - p, p])

    model = lime_image.explain(brightness, image, segments=segments, n_samples=30, hide="grey")
    card = model.card(model="my network", output="brightness")
    for part in (
        "LIME for an image",
        "my network",
        f"brightness, class {model.target}",
        "30 independent masks of 4 superpixels, hidden: grey",
        "0.25, cosine distance",
        f"R2 {model.r2:.2f}",
    ):
        assert part in card
    assert "brightness" in str(model)
    assert model.local_error == model.local_prediction - model.model_prediction


def test_shaps_card_names_background_cost_seed_and_gap(table):
    def rain(X):
        return proba(X)[:, 1]

    exact = shapley.exact(rain, table.iloc[0], table.iloc[:9], output="probability of rain")
    for part in ("rain", "probability of rain", "9 rows", f"{exact.base:.3f}", "nothing is drawn"):
        assert part in str(exact)
    assert f"{exact.n_evaluations:,} model" in str(exact)
    drawn = shapley.sampling(rain, table.iloc[0], table.iloc[:9], seed=3)
    assert "my model" in drawn.card(model="my model")
    assert "rain" in str(drawn)
    assert "seed            3" in drawn.card()
    assert exact.describe(2).count(" it by ") == 2


def test_many_rows_can_be_taken_one_by_one_or_in_slices(table):
    def f(X):
        return (X["a"] * X["b"]).to_numpy()

    many = shapley.exact_rows(f, table.iloc[:6], table.iloc[10:30], output="product")
    assert len(many) == 6
    one = shapley.exact(f, table.iloc[4], table.iloc[10:30])
    assert many[4].values == pytest.approx(one.values, abs=1e-12)
    assert many[4].prediction == pytest.approx(one.prediction)
    assert isinstance(many[1:3], attribution.Attributions)
    assert (many[1:3].values == many.values[1:3]).all()
    assert many.importance().index[-1] == "c"
    assert many.importance()["c"] == pytest.approx(0, abs=1e-15)
    assert "Over 6 rows" in many.describe()
    assert "of 6 rows" in str(many)
    assert many.additivity_gap == pytest.approx(0, abs=1e-12)
