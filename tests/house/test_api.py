"""The public names that notebooks call, their signatures, and the examples in docstrings."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import xailab

MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(xailab.__path__, "xailab.")
    if not info.name.endswith("__main__")
)
CONTRACT = {
    "data": "adult Adult.split photos Photo scenes Scene",
    "models": "train_income_net IncomeNet.predict_proba cnn_names load_cnn CNN.view CNN.preprocess "
    "CNN.predict_proba CNN.top CNN.layers CNN.layer_of_size CNN.layer_label own_cnn",
    "hooks": "record find_layer spatial_layers",
    "cam": "cam grad_cam grad_cam_pp layer_cam ablation_cam ablation_weights heatmaps METHODS "
    "LABELS methods_for upsample normalise",
    "lime_tabular": "explain LocalModel",
    "lime_image": "explain SuperpixelModel.mask SuperpixelModel.heatmap",
    "lime_text": "explain",
    "shapley": "exact kernel sampling Attribution",
    "integrated_gradients": "explain",
    "counterfactual": "search",
    "stability": "repeat Stability",
    "planted": "planted_network picture",
    "metrics": "iou precision recall f1 saliency_score localisation threshold_curve pointing_game "
    "deletion insertion Curve cascading_randomisation bootstrap_interval paired_bootstrap compare "
    "holm cross_validated_threshold grid_pointing_game",
    "evaluate": "views View maps table",
    "plots": "photo heatmap overlays waterfall summary importance dependence force style",
    "widgets": "threshold_overlay picker instance_explorer lime_dial what_if class_experiment "
    "class_result",
    "checks": "check progress",
}
FIELDS = {
    "data.Adult": "X y categories",
    "data.Photo": "name image target category mask box author licence source",
    "data.Scene": "image targets masks",
    "models.CNN": "model name categories input_size default_layer",
    "lime_tabular.LocalModel": "weights intercept local_prediction model_prediction r2",
    "lime_image.SuperpixelModel": "weights intercept local_prediction model_prediction r2 segments",
    "shapley.Attribution": "values base prediction",
    "metrics.Curve": "fractions scores",
}
# The parameters that the contract promises, in this order, before any others.
SIGNATURES = {
    "cam.heatmaps": "model x layer target methods",
    "lime_tabular.explain": "predict_proba x X_train n_samples kernel_width num_features "
    "categorical target seed",
    "lime_image.explain": "predict_proba image n_samples segments hide target num_features seed",
    "shapley.exact": "predict x background",
    "metrics.iou": "heatmap mask threshold",
    "metrics.threshold_curve": "heatmap mask thresholds",
    "metrics.deletion": "model x heatmap target steps",
    "evaluate.views": "cnn photos least",
    "evaluate.table": "maps views threshold",
}


def offered(name: str):
    module, _, path = name.partition(".")
    thing = importlib.import_module(f"xailab.{module}")
    for part in path.split("."):
        thing = getattr(thing, part)
    return thing


@pytest.mark.parametrize("module", CONTRACT)
def test_agreed_names_are_there(module):
    for name in CONTRACT[module].split():
        offered(f"{module}.{name}")


@pytest.mark.parametrize("name", FIELDS)
def test_agreed_fields_are_there(name):
    assert set(FIELDS[name].split()) <= set(offered(name).__dataclass_fields__)


@pytest.mark.parametrize("name", SIGNATURES)
def test_agreed_parameters_are_there(name):
    parameters = inspect.signature(offered(name)).parameters
    assert [p for p in SIGNATURES[name].split() if p not in parameters] == []


def test_an_explainer_shows_its_algorithm_before_its_settings():
    for name in SIGNATURES:
        assert len(inspect.signature(offered(name)).parameters) <= 13, name


def documented():
    """(name, docstring) of every function and class that a public module defines for others."""
    for name in MODULES:
        if "._" in name or name.startswith("xailab.course"):
            continue
        module = importlib.import_module(name)
        for own, thing in vars(module).items():
            defined = getattr(thing, "__module__", None) == name and not own.startswith("_")
            if defined and (inspect.isfunction(thing) or inspect.isclass(thing)):
                yield f"{name}.{own}", inspect.getdoc(thing) or ""


def test_everything_public_says_what_it_is_for():
    assert [name for name, text in documented() if len(text.split()) < 3] == []
    assert len(list(documented())) > 150


def test_a_function_with_many_parameters_has_a_parameters_section():
    missing = []
    for name, text in documented():
        module, _, own = name.rpartition(".")
        thing = getattr(importlib.import_module(module), own)
        if inspect.isfunction(thing) and len(inspect.signature(thing).parameters) > 4:
            if "Parameters\n----------" not in text:
                missing.append(name)
    assert missing == []


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name), verbose=False).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [t for n in MODULES for t in finder.find(importlib.import_module(n)) if t.examples]
    assert len(found) >= 12
