"""Whatever comes in: a value in its range, or one sentence. Bytes of others, odd arrays, odd objects.

``fuzz/fuzz_inputs.py`` looks for more of them, led by coverage, for as long as one likes.
"""

import io
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from xailab import cam, lime_image, local_fit, metrics, shapley
from xailab._utils import validation
from xailab.checks import quiz
from xailab.data import compositions, images, own_table
from xailab.evaluate import report
from xailab.models import weights

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO")
quick = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def one_sentence(error: Exception) -> None:
    said = str(error)
    assert said and "\n" not in said and "Traceback" not in said and said[-1] in ".?", said


# --- bytes of others ---------------------------------------------------------------------------


@cache
def _good(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((19, 17)).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


@st.composite
def damaged(draw):
    """A good image file with some bytes changed, some left out, and some put in."""
    content = bytearray(_good(draw(st.sampled_from(FORMATS))))
    for _ in range(draw(st.integers(0, 6))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(content)))
    return bytes(content[:cut]) + draw(st.binary(max_size=8)) + bytes(content[cut + 3 :])


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(damaged() | st.binary(max_size=60))
def test_any_bytes_are_a_picture_or_a_sentence(content):
    try:
        found = images.from_bytes(content, "The file")
    except ValueError as error:
        one_sentence(error)
    else:
        assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3


cells = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
lines = st.lists(st.lists(cells, max_size=4).map(",".join), max_size=5).map("\n".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(content=lines.map(str.encode) | st.binary(max_size=60), bom=st.booleans())
@example(content=b"a,b\n1,2\n", bom=True)
@example(content=b'"a,b\n1', bom=False)
def test_any_bytes_are_a_table_or_a_sentence(folder, content, bom):
    (folder / "a.csv").write_bytes(b"\xef\xbb\xbf" * bom + content)
    try:
        frame = own_table.read(folder / "a.csv")
        X, categories = own_table.encode(frame)
    except ValueError as error:
        one_sentence(error)
    else:
        assert len(X) == len(frame) > 0 and np.isfinite(X.to_numpy()).all()
        assert all(X[name].max() < len(names) for name, names in categories.items())


@pytest.mark.filterwarnings("ignore")
@quick
@given(content=st.binary(max_size=200) | lines.map(str.encode))
def test_any_bytes_are_weights_or_a_sentence(folder, content):
    (folder / "any.csv").write_bytes(content)
    try:
        weights.read_weights(folder / "any.csv")
    except ValueError as error:
        one_sentence(error)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


@quick
@given(st.lists(junk, max_size=3))
def test_any_data_is_a_quiz_or_a_sentence(given_data):
    try:
        quiz.parse(given_data)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        assert str(error)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(junk)
def test_any_object_is_taken_or_named_in_a_sentence(value):
    for entry in (
        images.as_rgb,
        lambda v: validation.check_int("n", v),
        lambda v: validation.check_array("x", v),
        validation.check_mask,
        lambda v: validation.check_callable("f", v, "len"),
        lambda v: local_fit.check_settings(9, 2, v, None),
        report.lint,
    ):
        try:
            entry(value)
        except (ValueError, TypeError, FileNotFoundError) as error:
            one_sentence(error)


arrays = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64, bool]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(arrays)
def test_any_array_is_a_picture_or_a_sentence(array):
    try:
        found = images.as_rgb(array)
    except (ValueError, TypeError) as error:
        one_sentence(error)
    else:
        assert array.dtype == np.uint8 and found.shape == array.shape and array.ndim == 3


# --- pure functions over the whole range of their numbers --------------------------------------

sizes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)
any_map = sizes.flatmap(
    lambda s: st.tuples(
        hnp.arrays(float, s, elements=st.floats(0, 1e300)), hnp.arrays(bool, s).filter(np.any)
    )
)


@pytest.mark.filterwarnings("ignore:The heat map is zero")
@quick
@given(any_map, st.floats(1e-3, 1))
def test_localisation_metrics_stay_in_0_to_1_and_agree_with_their_curve(pair, threshold):
    heat, mask = pair
    found = metrics.localisation(heat, mask, threshold)
    assert all(0 <= value <= 1 for value in found.values())
    curve = metrics.threshold_curve(heat, mask, [threshold])
    assert {k: float(v[0]) for k, v in curve.items()} == pytest.approx(found)
    p, r = found["precision"], found["recall"]
    assert found["f1"] == pytest.approx(2 * p * r / (p + r) if p + r else 0)


numbers32 = st.floats(-(2.0**50), 2.0**50, width=32)


@quick
@given(
    hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=4).flatmap(
        lambda s: st.tuples(*[hnp.arrays(np.float32, s, elements=numbers32)] * 2)
    )
)
def test_every_formula_gives_maps_that_can_be_drawn(pair):
    A, g = map(torch.from_numpy, pair)
    for formula in (cam.grad_cam, cam.grad_cam_pp, cam.layer_cam, cam.hires_cam):
        drawn = cam.normalise(cam.upsample(formula(A.double(), g.double()), 9))
        assert ((drawn >= 0) & (drawn <= 1)).all()


@quick
@given(
    st.integers(1, 5).flatmap(
        lambda d: hnp.arrays(float, 2**d, elements=st.floats(-1e12, 1e12, allow_subnormal=False))
    )
)
def test_shapley_values_add_up_whatever_the_game(v):
    values = shapley.shapley_from_values(v)
    assert values.sum() == pytest.approx(v[-1] - v[0], abs=1e-9 * max(1, np.abs(v).max()))


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holms_p_values_are_no_smaller_and_keep_their_order(p):
    corrected = metrics.holm(p)
    assert (corrected >= np.array(p) - 1e-15).all() and (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


@quick
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=12), st.floats(0.05, 0.99))
def test_an_interval_lies_within_the_values(values, level):
    found = metrics.bootstrap_interval(values, level, n_resamples=200)
    slack = 1e-9 * max(1, max(map(abs, values)))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(2, 12), st.integers(2, 12), st.just(3))),
    st.sampled_from(lime_image.SEGMENTATIONS),
    st.integers(1, 12),
    st.sampled_from(lime_image.FILLS),
)
def test_any_small_picture_can_be_cut_and_hidden(image, method, n, hide):
    segments = lime_image.superpixels(image, method, n)
    assert np.array_equal(np.unique(segments), np.arange(segments.max() + 1))
    gone = lime_image.hidden(image, segments, hide)
    assert gone.shape == image.shape and gone.dtype == np.uint8
    shown = lime_image.apply_mask(image, gone, segments, np.ones(segments.max() + 1, int))
    assert np.array_equal(shown, image)


@quick
@given(
    st.integers(1, 40), st.integers(1, 20), st.integers(0, 10**6), st.sampled_from(lime_image.DRAWS)
)
def test_any_number_of_masks_can_be_drawn(n, m, seed, draws):
    Z = lime_image.draw_masks(n, m, np.random.default_rng(seed), draws)
    assert Z.shape == (n, m) and np.isin(Z, (0, 1)).all() and Z[0].all()


@quick
@given(
    st.integers(3, 20),
    st.integers(1, 4),
    st.integers(0, 2**32),
    st.floats(1e-3, 1e3),
    st.floats(0, 1),
)
def test_a_local_line_fits_any_finite_answers(n, d, seed, width, scale):
    rng = np.random.default_rng(seed)
    Z, y = rng.integers(0, 2, (n, d)).astype(float), scale * rng.random(n)
    pi = local_fit.exponential_kernel(rng.random(n), width)
    assert ((pi >= 0) & (pi <= 1)).all()
    if pi.sum() > 0:
        line = local_fit.fit(Z, y, pi)
        assert np.isfinite([*line.weights, line.intercept]).all() and line.r2 <= 1 + 1e-9


@quick
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(32, 80), st.floats(0.05, 1))
def test_any_scene_has_masks_that_do_not_overlap(photos, seed, objects, size, share):
    (scene,) = compositions.compose(photos, 1, objects, seed=seed, size=size, share=share)
    assert scene.image.shape == (size, size, 3) and len(scene.masks) == objects
    assert np.sum(scene.masks, axis=0).max() <= 1


@pytest.fixture(scope="module")
def photos():
    from xailab import data

    return data.photos()[:12]
