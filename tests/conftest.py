"""What several test files share. Every worker makes each of these once."""

import os

import numpy as np
import pytest
import torch
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from xailab import data, models

os.environ["XAILAB_PROGRESS"] = "off"  # tests never write into anybody's progress file
# A `make` that a test starts is its own, not a part of the `make test` around it.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)
settings.register_profile("course", deadline=None, derandomize=True, database=None)
settings.load_profile("course")


class ByFile(LoadScopeScheduling):
    """Tests of one file share what they make, so they stay with one worker.

    Only the notebooks in JupyterLab, which take longest, are handed out one at a time.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "test_the_course_runs" in nodeid else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """The notebooks in JupyterLab come first."""
    items.sort(key=lambda item: item.get_closest_marker("course") is None)


@pytest.fixture(autouse=True)
def seeded_torch():
    """Networks that a test builds have the same weights in every run, in any order of tests."""
    torch.manual_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def adult():
    return data.adult()


@pytest.fixture(scope="session")
def income_net(adult):
    X_train, _, y_train, _ = adult.split()
    return models.train_income_net(X_train, y_train)


@pytest.fixture(scope="session")
def cnn():
    return models.load_cnn("efficientnet_lite0")


@pytest.fixture(scope="session")
def coffee():
    """A photograph of a cup of espresso, (400, 600, 3) uint8, from scikit-image."""
    from skimage.data import coffee

    return coffee()
