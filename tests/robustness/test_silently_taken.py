"""What was once taken without a word, and gave a wrong answer."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from torch import nn

from xailab import checks, lime_tabular, metrics, models, shapley, widgets
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


# --- what a model returns ------------------------------------------------------------------------


class Returns(nn.Module):
    """A network whose answer is made from the picture by a function."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.unused = answer, nn.Linear(1, 1)

    def forward(self, x):
        return self.answer(x)


ANSWERS = {
    "dict": (lambda x: {"out": x.mean((2, 3))}, "must return logits of shape"),
    "maps": (lambda x: x, "must return logits of shape"),
    "one number": (lambda x: x.mean((1, 2, 3)), "must return logits of shape"),
    "tuple": (lambda x: (x.mean((2, 3)),), "must return logits of shape"),
    "one row": (lambda x: x.mean((0, 2, 3))[None], "finite logits for each of"),
    "NaN": (lambda x: x.mean((2, 3)) * NAN, "NaN or infinite"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_is_no_logits_is_one_sentence_in_every_measure(kind):
    answer, says = ANSWERS[kind]
    net, x, heat = Returns(answer), torch.rand(1, 3, 8, 8), np.ones((8, 8))
    for call in (
        lambda: metrics.deletion(net, x, heat, 0),
        lambda: metrics.insertion(net, x, heat, 0, output="logit"),
        lambda: metrics.average_drop(net, x.repeat(2, 1, 1, 1), np.stack([heat] * 2), [0, 1]),
    ):
        with pytest.raises((ValueError, TypeError), match=says) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_fill_or_a_map_with_nan_is_refused():
    net, x, heat = Returns(lambda x: x.mean((2, 3))), torch.rand(1, 3, 8, 8), np.ones((8, 8))
    fill = torch.zeros_like(x)
    fill[0, 0, 0, 0] = NAN
    for measure in (metrics.deletion, metrics.insertion):
        with pytest.raises(ValueError, match="fill must not have NaN"):
            measure(net, x, heat, 0, fill=fill)
    with pytest.raises(ValueError, match="finite"):
        metrics.average_drop(net, x, heat[None] * NAN, [0])


def test_a_probability_of_zero_drops_by_nothing():
    net = Returns(lambda x: torch.tensor([[0.0, 2000.0]]).expand(len(x), 2))
    assert metrics.average_drop(net, torch.rand(1, 3, 4, 4), np.ones((1, 4, 4)), [0]) == [0]


# --- arrays that hold no numbers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (sparse.csr_matrix(np.eye(3)), r"is a sparse matrix; pass background.toarray\(\)"),
        (sparse.coo_array(np.eye(3)), "is a sparse matrix"),
        ([[1, 2, 3], [1, 2]], "its rows differ in length"),
        (np.array([[1, 2, 3], [1, 2]], dtype=object), "its rows differ in length"),
        ([[1, None, pd.NA]], "fill its missing values or drop those rows"),
        (np.ma.masked_equal([[1.0, 2, 3]], 2), "has masked values"),
        (pd.DataFrame({"a": pd.date_range("2024", periods=3)}), "turn dates into numbers"),
        (np.array([[1j, 2, 3]]), "real numbers only"),
        ([[10**400, 1, 2]], "too large"),
        ([["a", "b", "c"]], r"own_table.encode\(frame\)"),
    ],
)
def test_each_reason_why_values_are_no_numbers_has_its_own_sentence(values, says):
    for call in (
        lambda: shapley.exact(predict, X.iloc[0].to_numpy(), values),
        lambda: shapley.sampling(predict, X.iloc[0].to_numpy(), values),
    ):
        with pytest.raises(ValueError, match=f"background .*{says}|background {says}") as caught:
            call()
        assert "\n" not in str(caught.value)


class Refuses:
    """An object whose own conversion raises whatever it likes."""

    def __array__(self, *args, **kwargs):
        raise ZeroDivisionError("mine")

    def __eq__(self, other):
        raise OSError("mine")

    __hash__ = None


@pytest.mark.parametrize(
    "answer",
    [10**400, -(10**5000), Refuses(), [Refuses()], (10**400, 1)],
    ids=["400 digits", "5000 digits", "object", "list", "tuple"],
)
def test_no_answer_stops_the_notebook(answer):
    for key, exercise in checks.EXERCISES.items():
        given = [answer, lambda *a: answer] if callable(exercise.reference) else [answer]
        assert all(checks.check(key, one).status == "almost" for one in given), key


def test_a_kernel_that_reaches_nothing_is_one_sentence():
    def proba(rows):
        return np.column_stack([1 - predict(rows), predict(rows)])

    with pytest.raises(ValueError, match="nothing is near enough; widen the kernel"):
        lime_tabular.explain(proba, X.iloc[0], X, kernel_width=1e-3, discretise=False)
    with pytest.raises(ValueError, match="squares are too large"):
        lime_tabular.explain(lambda rows: np.asarray(rows)[:, 0] * 1e200, X.iloc[0], X, target=None)
