"""Targets of every kind become class indices, and everything else is one sentence."""

import numpy as np
import pandas as pd
import pytest
import torch

from xailab._utils.tensors import class_indices, pictures_at_once

LOGITS = torch.tensor([[0.0, 1.0, 2.0, 5.0], [7.0, 1.0, 2.0, 5.0]])

INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()


def test_without_a_target_it_is_the_predicted_class():
    assert class_indices(None, LOGITS).tolist() == [3, 0]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_of_every_type_are_taken(dtype):
    array = np.array([1, 3], dtype)
    for target in (array, list(array), torch.from_numpy(array), pd.Series(array, index=[5, 9])):
        found = class_indices(target, LOGITS)
        assert found.tolist() == [1, 3]
        assert LOGITS.gather(1, found[:, None])[:, 0].tolist() == [1, 5]
    for target in (array[1], torch.from_numpy(array)[1], 3, [3]):
        assert class_indices(target, LOGITS).tolist() == [3, 3]


def test_a_series_with_nullable_integers_is_taken():
    assert class_indices(pd.Series([1, 3], dtype="Int64"), LOGITS).tolist() == [1, 3]


@pytest.mark.parametrize(
    "target",
    [
        1.5,
        "cat",
        [],
        [0, 1, 2],
        [[0], [1, 2]],
        ["cat", "dog"],
        {},
        True,
        [0, True],
        np.array([True, False]),
        torch.tensor([True, False]),
        np.array([1.0, 3.0]),
        torch.tensor([1.0, 3.0]),
        pd.Series([1, None]),
    ],
)
def test_what_is_no_class_index_is_refused(target):
    with pytest.raises(ValueError, match="target must be one class index or 2 of them, not ") as e:
        class_indices(target, LOGITS)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("target", [4, -1, [0, 4], np.array([-1, 0]), 2**70])
def test_an_index_out_of_range_is_refused(target):
    with pytest.raises(ValueError, match="target must lie between 0 and 3, not "):
        class_indices(target, LOGITS)


@pytest.mark.parametrize("logits", [torch.zeros(3), torch.zeros(2, 3, 4), {"logits": LOGITS}, None])
def test_what_is_no_table_of_logits_is_refused(logits):
    with pytest.raises(ValueError, match=r"must return logits of shape \(B, classes\), not"):
        class_indices(0, logits)


def test_a_batch_is_as_many_pictures_as_four_of_224_pixels():
    sides = [1, 64, 112, 113, 224, 225, 448, 4000]
    assert [pictures_at_once(n, n) for n in sides] == [16, 16, 16, 15, 4, 3, 1, 1]
    assert pictures_at_once(112, 448) == 4
    assert [pictures_at_once(224, 224, most=most) for most in (1, 3, 50)] == [1, 3, 4]
