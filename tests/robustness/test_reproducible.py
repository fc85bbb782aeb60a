"""The same seed gives the same numbers: twice, in two processes, with one thread and with two."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.every_call import CALLS, SEEDED, Room, flat
from support.leftovers import nothing_left

SCRIPT = Path(__file__).parents[1] / "support" / "every_call.py"


@pytest.fixture(scope="module")
def room():
    return Room()


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_gives_the_same_and_moves_no_global_generator(room, name):
    np.random.seed(5)
    torch.manual_seed(5)
    with nothing_left(room.cnn.model, room.table_net):
        first = flat(CALLS[name](room))
    np.random.seed(6)
    torch.manual_seed(6)
    second = flat(CALLS[name](room))
    assert first and first.keys() == second.keys()
    assert [key for key in first if not np.array_equal(first[key], second[key])] == []


@pytest.mark.parametrize("name", SEEDED)
def test_another_seed_gives_other_numbers(room, name):
    first = flat(CALLS[name](room))
    try:
        room.seed = 1
        second = flat(CALLS[name](room))
    finally:
        room.seed = 0
    assert [key for key in first if key in second and not np.array_equal(first[key], second[key])]


# --- processes and threads ---------------------------------------------------------------------


def in_a_process(threads: int, salt: int) -> dict[str, np.ndarray]:
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONHASHSEED": str(salt),
        # two spinning threads cost more than they give on a busy machine
        "OMP_WAIT_POLICY": "passive",
        "PYTHONPATH": str(SCRIPT.parents[2]),
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        env=os.environ | settings,
        capture_output=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    return dict(np.load(io.BytesIO(run.stdout)))


@pytest.fixture(scope="module")
def processes():
    return {key: in_a_process(*key) for key in ((1, 1), (1, 2), (2, 1))}


def test_two_processes_give_the_same_numbers_to_the_last_bit(processes):
    first, second = processes[1, 1], processes[1, 2]
    assert first.keys() == second.keys() and len(first) > 40
    assert [key for key in first if not np.array_equal(first[key], second[key])] == []


# Sums of many numbers are split over the threads and so are added in another order. Of an array
# that comes out of a network in single precision this share of its largest value may differ.
TOLERANCE = 1e-4
# A gradient of a piecewise linear network jumps where rounding carries a pixel over an edge.
JUMPS, JUMP = ("integrated_gradients", "baselines"), 0.05


def test_one_thread_and_two_agree_within_rounding(processes):
    one, two = processes[1, 1], processes[2, 1]
    assert one.keys() == two.keys()
    for key, value in one.items():
        if value.dtype.kind == "f":
            share = JUMP if key.startswith(JUMPS) else TOLERANCE
            near = share * max(np.abs(value).max(initial=0), 1e-30)
            np.testing.assert_allclose(two[key], value, 0, near, err_msg=key)
        else:
            assert np.array_equal(two[key], value), key
