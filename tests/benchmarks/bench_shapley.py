"""Exact Shapley values of one row: xailab beside shap's exact explainer. Prints a table.

    python tests/benchmarks/bench_shapley.py [rounds]

The network is the course's IncomeNet, the row is instance A, the background 100 training rows: 4,096
coalitions. The two are timed in turns, one thread each, so that a busy computer slows both; given
are the medians, and beside them how far the values are apart. The first call is timed on its own:
shap compiles there. A row of Adult agrees with most background rows in some features, which spares
us coalitions; "no value shared" is the same row with every value moved off the background.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import time
import warnings

import numpy as np
import shap
import torch

from xailab import data, models, shapley


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def main(rounds: int = 7) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    table = data.adult()
    X_train, _, y_train, _ = table.split(seed=0)
    network = models.train_income_net(X_train, y_train, seed=0)
    background = X_train.sample(100, random_state=0).to_numpy()
    a = table.X.loc[28197].to_numpy()

    def predict(X):
        return network.predict_proba(X)[:, 1]

    masker = shap.maskers.Independent(background, max_samples=100)
    explainer = shap.explainers.Exact(predict, masker)
    calls = {
        "xailab": lambda x: shapley.exact(predict, x, background).values,
        "shap": lambda x: explainer(x[None], silent=True).values[0],
    }
    print(
        f"{'case':18} {'':8} {'first call':>11} {'median':>10} {'ratio':>7} {'max |difference|':>17}"
    )
    for case, x in (("instance A", a), ("no value shared", a + 0.5)):
        first = {name: timed(lambda call=call, x=x: call(x)) for name, call in calls.items()}
        times = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                times[name].append(timed(lambda call=call, x=x: call(x))[0])
        median = {name: statistics.median(seconds) for name, seconds in times.items()}
        apart = np.abs(first["xailab"][1] - first["shap"][1]).max()
        for name in calls:
            print(
                f"{case:18} {name:8} {first[name][0]:9.3f} s {median[name]:8.4f} s "
                f"{median['shap'] / median[name]:7.1f} {apart:17.1e}"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
