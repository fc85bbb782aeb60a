"""Figures are closed after every test; the Shapley values of thirty rows."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from xailab import shapley


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, 3)), columns=["a", "b", "c"])
    return shapley.exact_rows(
        lambda Z: (Z["a"] + 3 * Z["b"] * Z["c"]).to_numpy(), X, X, output="probability of rain"
    )


@pytest.fixture(scope="module")
def frame(many):
    return pd.DataFrame(many.data, columns=many.features)
