"""What a notebook about tables imports does not load torch, which takes seconds and 500 MiB."""

import subprocess
import sys

import pytest

from xailab import metrics

WATCH = """
import sys, traceback

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            traceback.print_stack()

sys.meta_path.insert(0, Watch())
"""


@pytest.mark.parametrize(
    "line",
    [
        "from xailab import data, lime_tabular, shapley, plots, widgets",
        "from xailab import metrics, stability, counterfactual, lime_text",
        "from xailab import metrics; metrics.compare({'a': [1, 2], 'b': [2, 4]})",
        "from xailab import checks; from xailab.checks import quiz; checks.progress",
    ],
)
def test_imports_for_tables_do_not_load_torch(line):
    code = f"{WATCH}{line}\nprint('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    # the stack in stderr ends with the import that loads torch
    assert run.stdout.split() == ["False"], f"torch is loaded by:\n{run.stderr}"


def test_measures_that_ask_a_network_are_there_when_used():
    for name in "Cascade Curve deletion insertion cascading_randomisation stability".split():
        assert name in dir(metrics)
        assert getattr(metrics, name).__name__ == name
    assert not hasattr(metrics, "nothing")


def test_the_course_network_is_loaded_without_importing_torchvision():
    code = (
        "import sys; from xailab import evaluate, models; models.load_cnn();"
        "print('torchvision' in sys.modules, 'sympy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"], run.stderr
