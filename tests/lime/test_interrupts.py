"""Interrupted half-way: the long question to an image network keeps its answers, all else nothing."""

import itertools

import numpy as np
import pandas as pd
import pytest
from jupyter_client.manager import start_new_kernel
from support.leftovers import nothing_left

from xailab import (
    counterfactual,
    integrated_gradients,
    lime_image,
    lime_tabular,
    lime_text,
    shapley,
    stability,
)
from xailab._utils.interrupts import Interrupted


class StopAt:
    """A function that is interrupted at one of its calls, counted from 0."""

    def __init__(self, f, at):
        self.f, self.at, self.calls = f, at, 0

    def __call__(self, *args):
        self.calls += 1
        if self.calls - 1 == self.at:
            raise KeyboardInterrupt
        return self.f(*args)


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)


BANDS = np.arange(16)[:, None] // 4 + np.zeros((16, 16), int)


def third_band(images):
    """The third superpixel decides."""
    p = np.array([im[BANDS == 2].mean() / 255 for im in images])
    return np.column_stack([1 - p, p])


def test_an_interrupted_lime_explains_from_what_was_answered(image):
    settings = {"segments": BANDS, "hide": "black", "target": 1, "batch_size": 8}
    with pytest.raises(KeyboardInterrupt, match="Interrupted after 40 of 400 images") as stopped:
        lime_image.explain(StopAt(third_band, 5), image, n_samples=400, **settings)
    assert isinstance(stopped.value, Interrupted)
    assert "sys.last_value.partial" in str(stopped.value)
    whole = lime_image.explain(third_band, image, n_samples=400, **settings)
    part = stopped.value.partial
    assert part.n_samples == 40 and part.weights.argmax() == whole.weights.argmax() == 2
    assert part.model_prediction == whole.model_prediction


@pytest.mark.parametrize(("batch_size", "at"), [(8, 0), (2, 2)])
def test_too_few_answers_make_no_explanation(image, batch_size, at):
    with pytest.raises(Interrupted, match="too little to use") as stopped:
        lime_image.explain(
            StopAt(third_band, at), image, n_samples=400, segments=BANDS, batch_size=batch_size
        )
    assert stopped.value.partial is None


def test_an_interrupted_question_keeps_the_answers_so_far(image):
    Z = np.eye(9, 4, dtype=int)
    whole = lime_image.ask(third_band, image, BANDS, Z)
    for at in range(5):
        with nothing_left(), pytest.raises(Interrupted) as stopped:
            lime_image.ask(StopAt(third_band, at), image, BANDS, Z, batch_size=2)
        assert f"Interrupted after {2 * at} of 9 images" in str(stopped.value)
        if at == 0:
            assert stopped.value.partial is None
        else:
            assert np.array_equal(stopped.value.partial, whole[: 2 * at])


ROWS = np.random.default_rng(5).normal(size=(12, 5))
LEVELS = pd.DataFrame(list(itertools.product([0.0, 1], repeat=5)), columns=list("abcde"))


def curved(rows):
    r = np.asarray(rows)
    return r[:, 0] * r[:, 1] + np.abs(r[:, 2]) - r[:, 3] * r[:, 4] * r[:, 0]


def either(rows):
    return ((rows["b"] == 1) | (rows["c"] + rows["e"] == 2)) * 1.0


def line(ask):
    return lambda seed: lime_tabular.explain(ask, LEVELS.iloc[0], LEVELS, n_samples=9, seed=seed)


def two_classes(rows):
    p = either(rows).to_numpy()
    return np.column_stack([1 - p, p])


# a function, the calls at which it is interrupted, and what asks it
NOTHING_TO_KEEP = {
    "exact": (curved, (0, 5, 6), lambda f: shapley.exact(f, ROWS[0], ROWS[6:])),
    "exact rows": (curved, (0, 9), lambda f: shapley.exact_rows(f, ROWS[:3], ROWS[6:])),
    "kernel": (curved, (0, 3), lambda f: shapley.kernel(f, ROWS[0], ROWS[6:], n_samples=20)),
    "orders": (curved, (0, 3), lambda f: shapley.sampling(f, ROWS[0], ROWS[6:])),
    "coalition values": (
        curved,
        (0, 1),
        lambda f: shapley.coalition_values(f, ROWS[0], ROWS[6:], np.eye(5) > 0),
    ),
    "search": (either, (0, 5), lambda f: counterfactual.search(f, LEVELS.iloc[0], LEVELS)),
    "random search": (
        either,
        (0, 1),
        lambda f: counterfactual.random_search(f, LEVELS.iloc[0], LEVELS),
    ),
    "repeated LIME": (two_classes, (0, 2), lambda f: stability.repeat(line(f), range(4), k=2)),
    "LIME for text": (
        lambda texts: np.full((len(texts), 2), 0.5),
        (0,),
        lambda f: lime_text.explain(f, "a b c"),
    ),
    "integrated gradients": (
        lambda rows: rows.prod(1),
        (0, 1, 3),
        lambda f: integrated_gradients.explain(f, *ROWS[:2]),
    ),
}


@pytest.mark.parametrize("name", NOTHING_TO_KEEP)
def test_elsewhere_an_interrupt_passes_as_it_came(name, monkeypatch):
    # many calls of few rows
    monkeypatch.setattr(shapley.game, "CALL_ROWS", 24)
    function, places, run = NOTHING_TO_KEEP[name]
    for at in places:
        with nothing_left(), pytest.raises(KeyboardInterrupt) as stopped:
            run(StopAt(function, at))
        assert type(stopped.value) is KeyboardInterrupt


KERNEL = """
import sys, time
import numpy as np
from xailab import lime_image

def proba(images):
    if slow:
        print("question", flush=True)
        time.sleep(0.2)
    p = np.array([image.mean() / 255 for image in images])
    return np.column_stack([1 - p, p])

slow = True
image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
bands = np.arange(8)[:, None] // 2 + np.zeros((8, 8), int)
Z = np.random.default_rng(1).integers(0, 2, (10_000, 4))
"""


def test_in_a_kernel_the_interrupted_cell_leaves_its_answers():
    manager, client = start_new_kernel()
    try:
        client.execute_interactive(KERNEL, timeout=60, output_hook=lambda message: None)
        printed = []

        def listen(message):
            printed.append(message["content"])
            if str(printed).count("question") >= 3 and "asked" not in printed:
                printed.append("asked")
                manager.interrupt_kernel()

        stopped = client.execute_interactive(
            "lime_image.ask(proba, image, bands, Z, batch_size=2)",
            timeout=60,
            output_hook=listen,
            # else the kernel drops what comes right after the interrupt
            stop_on_error=False,
        )
        assert stopped["content"]["ename"] == "Interrupted"
        assert "of 10000 images. What was finished is in sys.last_value.partial" in str(printed)
        read = """
slow, part = False, sys.last_value.partial
len(part) >= 4 and np.array_equal(part, lime_image.ask(proba, image, bands, Z[:len(part)]))
"""
        shown = []
        reply = client.execute_interactive(read, timeout=60, output_hook=shown.append)
        assert reply["content"]["status"] == "ok"
        answers = [
            m["content"]["data"]["text/plain"] for m in shown if m["msg_type"] == "execute_result"
        ]
        assert answers == ["True"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
