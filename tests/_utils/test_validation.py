"""Values in error messages stay short."""

import numpy as np
import pytest

from xailab._utils.validation import truncated


@pytest.mark.parametrize(
    "value",
    ["a" * 500, list(range(500)), {"a": ["b" * 500]}, np.zeros((50, 50)), range, b"a" * 500],
)
def test_a_value_in_a_sentence_is_one_short_line(value):
    text = truncated(value)
    assert "\n" not in text
    assert len(text) <= 100


def test_a_short_value_is_its_repr():
    for value in ("half", 0.5, [1, 2], None, True):
        assert truncated(value) == repr(value)
