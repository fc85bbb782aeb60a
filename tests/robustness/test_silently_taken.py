"""What was once taken without a word, and gave a wrong answer."""

import numpy as np
import pandas as pd
import pytest

from xailab import metrics, models, widgets
from xailab.metrics import tables
from xailab.widgets.overlay import ThresholdOverlay

NAN = float("nan")
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(30, 3)), columns=list("abc"))
Y = X["a"] > 0


def predict(rows):
    return 1 / (1 + np.exp(-np.asarray(rows)[:, 0]))


# --- what counts as true -------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [(1, 2), (0, 2), (0, 1, 2), (0.0, 0.5)])
def test_labels_and_fractions_are_no_mask(labels):
    image, heat = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6))
    mask = np.resize(np.array(labels), (4, 6))
    for call in (
        lambda: ThresholdOverlay(image, heat, mask),
        lambda: metrics.iou(heat, mask),
        lambda: metrics.box_mask(mask),
    ):
        with pytest.raises(ValueError, match="must be a bool array, True on the object"):
            call()


def test_a_mask_of_zeros_and_ones_is_a_mask_in_the_overlay():
    image, heat = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6))
    mask = np.arange(24).reshape(4, 6) < 12
    for form in (mask, mask * 1, mask * 255, mask * 1.0):
        assert ThresholdOverlay(image, heat, form).on_object.mean() == 0.5


@pytest.mark.parametrize(
    "y",
    [
        Y.map({True: "yes", False: "no"}),
        Y.map({True: 2, False: 1}),
        Y.map({True: 1.0, False: NAN}),
        Y.iloc[:5],
        pd.Categorical(np.where(Y, "yes", "no")),
    ],
)
def test_names_of_classes_are_no_truth_values(y):
    with pytest.raises(ValueError, match="one bool per row of X"):
        widgets.instance_explorer(predict, X, X, y)
    with pytest.raises(ValueError, match=r"one bool per row|one label per row"):
        models.train_income_net(X, y)


def test_bools_and_zeros_and_ones_are_truth_values():
    wanted = list(widgets.instance_explorer(predict, X, X, ~Y).controls["outcome"].options)
    assert "wrongly yes" in wanted
    for y in (~Y * 1, (~Y).to_numpy(), (~Y).astype(float)):
        assert (
            list(widgets.instance_explorer(predict, X, X, y).controls["outcome"].options) == wanted
        )


# --- numbers that are none -----------------------------------------------------------------------


def test_agreement_needs_finite_values():
    good, bad = np.ones((2, 3)), np.array([[1.0, NAN, 2], [1, 2, 3]])
    for pair in ((good, bad), (bad, good), (good, bad * np.inf)):
        with pytest.raises(ValueError, match="must not have missing or infinite values"):
            tables.agreement(*pair)


@pytest.mark.parametrize(
    "values",
    [[[NAN, 1.0, 2.0]] * 2, [[1.0, 2.0]] * 2, [[1.0, 2, 3]], [1.0, 2, 3]],
)
def test_faithfulness_needs_a_value_per_row_and_column(values):
    with pytest.raises(
        ValueError, match=r"The values of ours must be finite and of shape \(2, 3\)"
    ):
        tables.faithfulness(predict, X[:2], X, {"ours": values})


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: np.ones((len(rows), 2)),
        lambda rows: 0.5,
        lambda rows: [1.0],
        lambda rows: np.full(len(rows), NAN),
    ],
)
def test_faithfulness_asks_what_the_model_returns(answer):
    with pytest.raises(ValueError, match=r"predict (must return one number|returned missing)"):
        tables.faithfulness(answer, X[:2], X, {"ours": np.ones((2, 3))})


@pytest.mark.parametrize("scale", [1e300, 1e30, 1e-40, 1e-300])
def test_a_network_cannot_be_trained_on_numbers_beyond_its_bits(scale):
    with pytest.raises(ValueError, match=r"give the column another unit|is constant"):
        models.train_income_net(X.assign(b=X["b"] * scale), Y)
    net = models.train_income_net(X, Y, epochs=1)
    if scale > 1e299:
        with pytest.raises(ValueError, match="column 'b' are too large"):
            net.predict_proba(X.assign(b=X["b"] * scale))
