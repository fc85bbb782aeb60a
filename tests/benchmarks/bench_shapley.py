"""Shapley values: xailab beside shap's exact explainer and its KernelExplainer. Prints tables.

    python tests/benchmarks/bench_shapley.py [rounds]

The network is the course's IncomeNet on Adult, the background 100 training rows: at most 4,096 x 100
questions a row, one thread. A row of Adult agrees with most background rows in some features, which
spares us coalitions; "no value shared" is instance A with every value moved off the background, the
worst case. Growth is measured in this worst case, on untrained networks of d inputs, with the floor: the
model alone, asked as many rows in portions of the same size, which no exact method for a black box can beat.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import warnings

import numpy as np
import shap
import torch
from measure import HEAD, Table, amount, apart, compare, digits, in_turns, ratio, seconds, show

from xailab import data, models, shapley


def shap_exact(predict, background):
    """A row -> shap's exact values. max_samples: its masker would keep 100 rows otherwise."""
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.explainers.Exact(predict, masker)
    return lambda x: explainer(x[None], silent=True, max_evals=2 ** (len(x) + 1)).values[0]


def beside_shap(rounds: int) -> list[tuple[str, ...]]:
    table = data.adult()
    X_train, X_test, y_train, _ = table.split(seed=0)
    network = models.train_income_net(X_train, y_train, seed=0)
    background = X_train.sample(100, random_state=0).to_numpy()
    a, people = table.X.loc[28197].to_numpy(), X_test.sample(10, random_state=0).to_numpy()

    def predict(X):
        return network.predict_proba(X)[:, 1]

    exact, all_masks = shap_exact(predict, background), 2**12 - 2
    kernel = shap.KernelExplainer(predict, background)
    cases = (
        ("ten people of the test set", people),
        ("instance A", a[None]),
        ("no value shared with the background", a[None] + 0.5),
    )
    rows = []
    for name, X in cases:
        rows += compare(
            f"exact Shapley values, {name}",
            lambda X=X: np.array([shapley.exact(predict, x, background).values for x in X]),
            {"shap, Exact": lambda X=X: np.array([exact(x) for x in X])},
            rounds,
        )
    few = {"n_samples": all_masks}
    rows += compare(
        "Kernel SHAP over all coalitions, instance A",
        lambda: shapley.kernel(predict, a, background, **few).values,
        {
            "shap, KernelExplainer": lambda: kernel.shap_values(
                a, nsamples=all_masks, l1_reg=False, silent=True
            )
        },
        max(3, rounds // 2),
    )
    return rows


def worst_case(d: int, n: int):
    """An untrained network of d inputs, a row and n background rows that share no value."""
    torch.manual_seed(0)
    network = models.IncomeNet([f"x{i}" for i in range(d)], np.zeros(d), np.ones(d)).eval()
    rng = np.random.default_rng(0)
    return lambda X: network.predict_proba(X)[:, 1], rng.normal(size=d), rng.normal(size=(n, d))


def model_alone(predict, d: int, questions: int) -> None:
    """The network on as many rows as there are questions, the rows lying ready."""
    rows = np.random.default_rng(0).normal(size=(shapley.game.CALL_ROWS, d))
    for left in range(questions, 0, -len(rows)):
        predict(rows[:left])


def growth(sizes: list[tuple[int, int]], rounds: int) -> list[tuple[str, ...]]:
    rows = []
    for d, n in sizes:
        predict, x, background = worst_case(d, n)
        peer = shap_exact(predict, background)
        calls = {
            "xailab": lambda p=predict, x=x, b=background: shapley.exact(p, x, b).values,
            "model": lambda p=predict, d=d, n=n: model_alone(p, d, 2**d * n),
            "shap": lambda x=x, peer=peer: peer(x),
        }
        t = in_turns(calls, rounds)
        rows.append(
            (
                str(d),
                str(n),
                f"{2**d * n:,}",
                seconds(t["xailab"].median),
                seconds(t["model"].median),
                seconds(t["shap"].median),
                digits(ratio(t["shap"], t["xailab"])),
                digits(ratio(t["shap"], t["model"])),
                amount(apart(t["shap"].result, t["xailab"].result)),
            )
        )
    return rows


def tables(rounds: int = 7) -> list[Table]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    sizes = [(8, 100), (10, 100), (12, 100), (14, 100), (16, 10), (12, 10), (12, 400)]
    head = (
        "features",
        "background rows",
        "questions",
        "xailab",
        "the model alone",
        "shap, Exact",
        "times as long",
        "at most",
        "apart by",
    )
    return [
        Table("Shapley values, one thread", HEAD, beside_shap(rounds)),
        Table(
            "Exact Shapley values grow with 2^features and with the background (no value shared)",
            head,
            growth(sizes, max(3, rounds // 2)),
            "At most: what a method without bookkeeping would reach, shap's time over the model's own.",
        ),
    ]


if __name__ == "__main__":
    show(tables(*map(int, sys.argv[1:])))
