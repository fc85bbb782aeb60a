"""The public face: names and signatures as agreed, docstrings as asked for, examples that run.

``python tests/house/test_api.py --write`` writes api.txt anew, after a change that is meant.
"""

import doctest
import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("api.txt")
NAMES = sorted(p.stem for p in (ROOT / "xailab").glob("*.py") if p.stem != "__init__")
# Commands and furniture, which no notebook introduces.
FURNITURE = {
    "checklist",
    "course",
    "drawing",
    "editions",
    "exercises",
    "figure_text",
    "handin",
    "inputs",
    "offline",
    "panels",
    "site_pages",
    "tape",
    "tensor_inputs",
    "website",
}


def public():
    """(module.name, object) of all that the modules offer as their own."""
    for name in NAMES:
        module = importlib.import_module(f"xailab.{name}")
        for offered in getattr(module, "__all__", ()):
            thing = getattr(module, offered)
            if getattr(thing, "__module__", None) == module.__name__:
                yield f"{name}.{offered}", thing


def _signature(thing) -> str:
    """Parameters and defaults, without the annotations, whose spelling differs with Python."""
    try:
        given = inspect.signature(thing)
    except ValueError:
        return "(...)"
    bare = [
        p.replace(annotation=p.empty, default=p.default if _plain(p.default) else ...)
        for p in given.parameters.values()
    ]
    return str(given.replace(parameters=bare, return_annotation=given.empty))


def _plain(default) -> bool:
    return default is inspect.Parameter.empty or not re.search(r" at 0x|<", repr(default))


def lines() -> list[str]:
    found = []
    for name, thing in public():
        if inspect.isfunction(thing) or inspect.isclass(thing):
            found.append(f"{name}{_signature(thing)}")
        if inspect.isclass(thing):
            members = [m for m in vars(thing) if not m.startswith("_")]
            found += [f"{name}.{m}" for m in members if callable(getattr(thing, m, None))]
    return sorted(found)


def test_what_was_public_is_public_with_the_same_parameters():
    """New names may come; a name that goes, or parameters that change, break somebody's notebook."""
    kept, now = SNAPSHOT.read_text(encoding="utf-8").splitlines(), set(lines())
    lost = [line for line in kept if line not in now]
    assert lost == [], "gone or changed; if that is meant: python tests/house/test_api.py --write"
    assert len(kept) > 250


CONTRACT = {
    "data": "adult Adult.split photos Photo scenes Scene",
    "models": "train_income_net IncomeNet.predict_proba cnn_names load_cnn CNN.view CNN.preprocess "
    "CNN.predict_proba CNN.top CNN.layers own_cnn",
    "hooks": "record",
    "cam": "cam grad_cam grad_cam_pp layer_cam ablation_cam ablation_weights heatmaps METHODS "
    "upsample normalise",
    "lime_tabular": "explain LocalModel",
    "lime_image": "explain SuperpixelModel.mask SuperpixelModel.heatmap",
    "shapley": "exact kernel sampling Attribution",
    "metrics": "iou precision recall f1 saliency_score localisation threshold_curve pointing_game "
    "deletion insertion Curve cascading_randomisation bootstrap_interval paired_bootstrap",
    "checks": "check",
}
FIELDS = {  # of dataclasses, which the contract names too
    "data.Adult": "X y categories",
    "data.Photo": "name image target category mask box author licence source",
    "data.Scene": "image targets masks",
    "models.CNN": "model name categories input_size default_layer",
    "lime_tabular.LocalModel": "weights intercept local_prediction model_prediction r2",
    "lime_image.SuperpixelModel": "weights intercept local_prediction model_prediction r2 segments",
    "shapley.Attribution": "values base prediction",
    "metrics.Curve": "fractions scores",
}


@pytest.mark.parametrize("module", CONTRACT)
def test_the_names_that_were_agreed_are_there(module):
    for name in CONTRACT[module].split():
        thing = importlib.import_module(f"xailab.{module}")
        for part in name.split("."):
            thing = getattr(thing, part)


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_that_were_agreed_are_there(name):
    module, cls = name.split(".")
    fields = getattr(importlib.import_module(f"xailab.{module}"), cls).__dataclass_fields__
    assert set(FIELDS[name].split()) <= set(fields)


def _documented():
    for name, thing in public():
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield name, inspect.getdoc(thing) or ""
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                value = value.fget if isinstance(value, property) else value
                if inspect.isfunction(value) and not member.startswith("_"):
                    yield f"{name}.{member}", inspect.getdoc(value) or ""


def test_every_public_thing_says_what_it_is_for():
    silent = [
        name
        for name, text in _documented()
        if len(text.split()) < 3 and name.split(".")[0] not in FURNITURE
    ]
    assert silent == [] and len(list(_documented())) > 300


def test_every_function_and_class_names_the_notebook_that_introduces_it():
    silent = [
        name
        for name, text in _documented()
        if name.count(".") == 1
        and name.split(".")[0] not in FURNITURE
        and not re.search(r"[Nn]otebooks? \d\d", text)
    ]
    assert silent == []


def test_the_notebooks_that_are_named_are_the_courses():
    for name, text in _documented():
        assert all("01" <= n <= "13" for n in re.findall(r"[Nn]otebook (\d\d)", text)), name


def test_functions_that_refuse_input_say_so():
    """Who writes `raise ValueError` into a public function also writes it into the docstring."""
    silent = []
    for name, thing in public():
        if inspect.isfunction(thing) and name.split(".")[0] not in FURNITURE:
            raised = set(re.findall(r"raise (\w+Error)", inspect.getsource(thing)))
            said = inspect.getdoc(thing) or ""
            if raised and not re.search(r"[Rr]aises|Error|has no interval", said):
                silent.append(name)
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_in_docstrings_run(name):
    found = doctest.testmod(importlib.import_module(f"xailab.{name}"), verbose=False)
    assert found.failed == 0


def test_there_are_examples():
    modules = [importlib.import_module(f"xailab.{name}") for name in NAMES]
    examples = [t for m in modules for t in doctest.DocTestFinder().find(m) if t.examples]
    assert len(examples) >= 15


if __name__ == "__main__":
    if "--write" in sys.argv:
        SNAPSHOT.write_text("\n".join(lines()) + "\n", encoding="utf-8")
