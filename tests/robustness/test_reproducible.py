"""The same seed gives the same numbers: twice, in two processes, with one thread and with two."""

import io
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from support.every_call import CALLS, ELSEWHERE, SEEDED, Room, flat, public
from support.leftovers import nothing_left

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def room():
    return Room()


def _equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_every_public_function_is_called_here():
    assert set(CALLS) | ELSEWHERE >= public(), sorted(public() - set(CALLS) - ELSEWHERE)
    assert set(CALLS) | ELSEWHERE <= public(), "what is called here is gone"


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_gives_the_same_and_moves_no_global_generator(room, name, capsys):
    np.random.seed(5)
    torch.manual_seed(5)
    with nothing_left(room.cnn.model, room.table_net):
        first = flat(CALLS[name](room))
        plt.close("all")
    np.random.seed(6)
    torch.manual_seed(6)
    second = flat(CALLS[name](room))
    plt.close("all")
    assert first and _equal(first, second), "it depends on a global generator or on the time"


@pytest.mark.parametrize("name", sorted(SEEDED))
def test_another_seed_gives_other_numbers(room, name):
    first = flat(CALLS[name](room))
    try:
        room.seed = 1
        second = flat(CALLS[name](room))
    finally:
        room.seed = 0
        plt.close("all")
    moved = [k for k in first if k in second and not np.array_equal(first[k], second[k])]
    assert [k for k in moved if not k.endswith("/seed")], "the seed decides nothing"


# --- processes and threads ---------------------------------------------------------------------


def _in_a_process(threads: int, salt: int) -> dict[str, np.ndarray]:
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONHASHSEED": str(salt),
        "OMP_WAIT_POLICY": "passive",  # two spinning threads cost more than they give on a busy machine
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "every_call.py")],
        env={**os.environ, **settings},
        capture_output=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    return dict(np.load(io.BytesIO(run.stdout)))


@pytest.fixture(scope="module")
def processes():
    return {key: _in_a_process(*key) for key in ((1, 1), (1, 2), (2, 1))}


def test_two_processes_give_the_same_numbers_to_the_last_bit(processes):
    first, second = processes[1, 1], processes[1, 2]
    assert first.keys() == second.keys() and len(first) > 300
    assert [k for k in first if not np.array_equal(first[k], second[k])] == []


# Sums of many numbers are split over the threads and so are added up in another order. Of an array
# that comes out of a network of single precision this share of its largest value may differ.
TOLERANCE = 1e-4
# A gradient of a piecewise linear network jumps where rounding carries a pixel over an edge.
JUMPS, JUMP = ("integrated_gradients", "controls"), 0.05
EXACT = {"data", "inputs", "intervals", "metrics", "overlay", "own_table", "planted", "scenes"}


def test_one_thread_and_two_agree_within_rounding(processes):
    one, two = processes[1, 1], processes[2, 1]
    assert one.keys() == two.keys()
    for key, value in one.items():
        if "picture" in key:  # a compressed picture differs in all its bytes when one pixel does
            continue
        if value.dtype.kind == "f" and key.partition(".")[0] not in EXACT:
            share = JUMP if key.startswith(JUMPS) else TOLERANCE
            near = share * max(np.abs(value).max(initial=0), 1e-30)
            np.testing.assert_allclose(two[key], value, 0, near, err_msg=key)
        else:
            assert np.array_equal(two[key], value), key
