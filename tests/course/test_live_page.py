"""The live page: its JavaScript, run by node, gives what PyTorch, Pillow and the package give."""

import base64
import json
import re
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from support.node import needs_node, run

from xailab import cam, data, lime_tabular, metrics, shapley
from xailab.course import live_page

PICTURES = ("koala", "berlin_cathedral", "hammer_claw", "chickens")
PERSON_A = 28197


@pytest.fixture
def node(tmp_path):
    """Runs an async JavaScript body after the page's own functions; ``given`` is its input."""
    return partial(run, tmp_path, live_page.script(live_page.ENGINE))


# --- the photograph as the network sees it -----------------------------------------------------


@needs_node
@pytest.mark.parametrize(
    "width, height",
    [(512, 384), (320, 213), (1333, 777), (40, 61), (224, 224), (256, 256), (224, 300), (3, 500)],
)
def test_the_view_equals_pillows_to_the_byte(node, cnn, rng, width, height):
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    # hard edges make the cubic filter overshoot
    image[: height // 2, : width // 3] = 255
    image[height // 2 :, : width // 3] = 0
    rgba = np.dstack([image, np.full((height, width), 255, np.uint8)])
    seen = node(
        """const rgba = bytes(given.rgba);
        const rows = (top, end) => rgba.subarray(4 * given.width * top, 4 * given.width * end);
        const view = await viewOf(given.width, given.height, rows, 224, given.resize);
        return Buffer.from(view).toString("base64");""",
        rgba=rgba,
        width=width,
        height=height,
        resize=cnn.resize,
    )
    seen = np.frombuffer(base64.b64decode(seen), np.uint8).reshape(224, 224, 3)
    np.testing.assert_array_equal(seen, cnn.view(image))


@needs_node
def test_python_and_the_page_round_a_half_alike(node):
    values = [0.5, 1.5, 2.5, 341.5, 342.5, 341.4999, 7.0]
    assert node("return given.values.map(roundHalfEven);", values=values) == list(
        map(round, values)
    )


# --- the network -------------------------------------------------------------------------------

RUN = """
    const file = bytes(given.weights);
    const layers = readNetwork(given.plan, file.buffer);
    const head = layers[layers.length - 1];
    const answers = [];
    for (const view of given.views) {
      const x = standardise(bytes(view), given.mean, given.std);
      const answer = await runNetwork(layers, x, 224);
      const target = largest(answer.logits, 1)[0];
      const maps = {};
      for (const method in CHANNEL_WEIGHTS) {
        maps[method] = Array.from(heatmap(method, answer, head, target, 224));
      }
      answers.push({ logits: Array.from(answer.logits), maps, target });
    }
    return answers;
"""


@pytest.fixture(scope="module")
def views(cnn):
    return [cnn.view(data.photo(name).image) for name in PICTURES]


def _answers(node, cnn, views, bits):
    plan, file = live_page.pack_cnn(cnn, bits)
    return node(
        RUN,
        plan=plan,
        weights=np.frombuffer(file, np.uint8),
        views=[base64.b64encode(view.tobytes()).decode() for view in views],
        mean=cnn.mean,
        std=cnn.std,
    )


@needs_node
@pytest.mark.parametrize("bits, near, correlation", [(32, 1e-3, 0.999999), (None, 0.2, 0.99)])
def test_logits_and_maps_equal_pytorchs(node, cnn, views, bits, near, correlation):
    x = torch.cat([cnn.preprocess(view) for view in views])
    with torch.no_grad():
        logits = cnn.model(x).numpy()
    methods = ("cam", "grad_cam", "grad_cam_pp", "ablation_cam", "layer_cam")
    maps = cam.heatmaps(cnn, x, methods=methods)
    for i, answer in enumerate(_answers(node, cnn, views, bits)):
        difference = np.abs(np.array(answer["logits"]) - logits[i]).max()
        print(f"{PICTURES[i]}: logits differ by at most {difference:.2g}")
        assert difference < near
        assert answer["target"] == logits[i].argmax()
        for method in methods:
            found = np.array(answer["maps"][method])
            expected = maps[method][i].ravel()
            assert np.corrcoef(found, expected)[0, 1] > correlation
            if bits == 32:
                np.testing.assert_allclose(found, expected, atol=1e-4)


@needs_node
def test_maps_of_a_class_with_negative_score(node):
    # two channels on two by two places; S < 0 turns the sign of Ablation-CAM
    A = np.array([[[1.0, 0], [2, 1]], [[0, 3], [1, 0]]])
    weight = np.array([[0.5, -2.0]])
    score = float((weight[0] * A.mean((1, 2))).sum())
    found = node(
        """const answer = { activations: Float32Array.from(given.A), side: 2, logits: [given.score] };
        const head = { inputs: 2, weights: Float32Array.from(given.weight) };
        const maps = {};
        for (const m in CHANNEL_WEIGHTS) maps[m] = Array.from(heatmap(m, answer, head, 0, 8));
        return maps;""",
        A=A.ravel().tolist(),
        weight=weight.ravel().tolist(),
        score=score,
    )
    assert score < 0
    a = torch.from_numpy(A)[None]
    w = torch.from_numpy(weight)
    g = (w / 4)[:, :, None, None].expand_as(a)
    ablated = score - w * a.mean((2, 3))
    S = torch.tensor([score]).double()
    raw = {
        "cam": cam.cam(a, w),
        "grad_cam": cam.grad_cam(a, g),
        "grad_cam_pp": cam.grad_cam_pp(a, g),
        "ablation_cam": cam.ablation_cam(a, cam.ablation_weights(S, ablated)),
        "layer_cam": cam.layer_cam(a, g),
    }
    assert set(found) == set(raw)
    for method, expected in raw.items():
        scaled = cam.normalise(cam.upsample(expected, 8))[0].numpy().ravel()
        np.testing.assert_allclose(found[method], scaled, atol=1e-6)


@needs_node
@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 1.0])
def test_the_five_metrics_equal_the_packages(node, rng, threshold):
    heatmap = rng.random((30, 40)).astype(np.float32)
    mask = rng.random((30, 40)) < 0.3
    found = node(
        """const mask = maskFromRuns(given.runs);
        return localisation(Float32Array.from(given.heat), mask, given.threshold);""",
        heat=heatmap.ravel().tolist(),
        runs=live_page.mask_runs(mask),
        threshold=threshold,
    )
    assert found == pytest.approx(metrics.localisation(heatmap, mask, threshold), abs=1e-12)


@needs_node
def test_a_map_without_evidence_scores_zero(node):
    found = node("return localisation(new Float32Array(4), [1, 0, 0, 1], 0.5);")
    assert set(found.values()) == {0}


@pytest.mark.parametrize("first", [False, True])
def test_a_mask_comes_back_from_its_run_lengths(rng, first):
    mask = rng.random((5, 7)) < 0.5
    mask[0, 0] = first
    runs = live_page.mask_runs(mask)
    again = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(mask.shape)
    np.testing.assert_array_equal(again, mask)


@pytest.mark.parametrize("bits", [8, 16])
def test_rounded_weights_are_within_half_a_step_and_zeros_stay(rng, bits):
    weights = rng.normal(size=(4, 50)).astype(np.float32)
    weights[2] = 0
    numbers, scales = live_page.quantise(weights, bits)
    assert (numbers[2] == 0).all()
    error = np.abs(numbers * scales[:, None] - weights)
    assert (error <= 0.5001 * scales[:, None]).all()


def test_rounding_moves_no_first_class_and_no_probability_by_more_than_the_page_says(cnn):
    model = cnn.model.fused()
    plan, file = live_page.pack_cnn(cnn)
    for layer, (_, module) in zip(plan, live_page._layers(model), strict=True):
        kind = {8: "<i1", 16: "<i2"}[layer["bits"]]
        weight = module.weight
        numbers = np.frombuffer(file, kind, weight.numel(), layer["weights"])
        scales = np.frombuffer(file, "<f4", len(weight), layer["scales"])
        rounded = numbers.reshape(len(weight), -1) * scales[:, None]
        module.weight.data = torch.from_numpy(rounded).reshape(weight.shape)
    x = torch.cat([cnn.preprocess(photo.image) for photo in data.photos()])
    with torch.no_grad():
        exact, logits = cnn.model(x), model(x)
    p, expected = logits.softmax(1), exact.softmax(1)
    moved = float((p - expected).abs().max())
    print(f"logits {float((logits - exact).abs().max()):.2f}, probabilities {moved:.3f} at most")
    assert (logits.argmax(1) == exact.argmax(1)).all()
    assert float((logits - exact).abs().max()) < 0.2
    assert moved < 0.02


# --- the table ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(adult):
    X_train, X_test, _, _ = adult.split()
    return X_train, X_test, adult.X.loc[PERSON_A]


@needs_node
def test_probabilities_and_shapley_values_equal_the_packages(node, income_net, table):
    X_train, X_test, A = table
    background = X_train.sample(60, random_state=0)
    rows = [A, X_test.iloc[0], X_test.iloc[7]]
    found = node(
        """const net = readIncomeNet(given.network);
        const shapley = [];
        for (const row of given.rows) {
          const found = await exactShapley(net, row, given.background);
          shapley.push({ ...found, values: Array.from(found.values) });
        }
        return { p: Array.from(probabilities(net, given.background)), shapley };""",
        network=live_page.income_network(income_net),
        rows=[row.tolist() for row in rows],
        background=background.to_numpy().tolist(),
    )
    p = income_net.predict_proba(background)[:, 1]
    np.testing.assert_allclose(found["p"], p, atol=1e-6)
    for row, answer in zip(rows, found["shapley"], strict=True):
        expected = shapley.exact(lambda X: income_net.predict_proba(X)[:, 1], row, background)
        difference = np.abs(np.array(answer["values"]) - expected.values).max()
        print(f"Shapley values differ by at most {difference:.2g}")
        assert difference < 1e-6
        assert answer["base"] == pytest.approx(expected.base, abs=1e-6)
        assert answer["prediction"] == pytest.approx(expected.prediction, abs=1e-6)
        assert answer["evaluations"] == expected.n_evaluations


@needs_node
def test_lime_on_the_same_rows_equals_the_packages(node, income_net, table, adult):
    X_train, _, A = table
    answer = node(
        """const net = readIncomeNet(given.network);
        const rows = drawRows(given.x, given.columns, 3000, randomNumbers(1));
        const words = given.x.map((value, j) => {
          const name = given.names[j];
          return condition(name, value, { ...given.columns[j], names: given.categories[name] });
        });
        return { rows, fit: limeFit(net, rows, given.columns), words };""",
        network=live_page.income_network(income_net),
        x=A.tolist(),
        columns=live_page.table_columns(X_train, adult.categories),
        names=list(X_train),
        categories=adult.categories,
    )
    samples = np.array(answer["rows"])
    expected = lime_tabular.explain(
        income_net.predict_proba, A, X_train, samples=samples, categorical=adult.categories
    )
    np.testing.assert_allclose(answer["fit"]["weights"], expected.weights, atol=1e-6)
    assert answer["fit"]["r2"] == pytest.approx(expected.r2, abs=1e-6)
    assert answer["fit"]["local"] == pytest.approx(expected.local_prediction, abs=1e-6)
    assert [said.replace("≤", "<=") for said in answer["words"]] == list(expected.conditions)
    # every column is drawn with the shares it has in the training set
    for j, name in enumerate(X_train):
        drawn, share = samples[1:, j].mean(), X_train[name].mean()
        assert abs(drawn - share) < 4 * X_train[name].std() / np.sqrt(len(samples))


# --- the page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return live_page.build(tmp_path_factory.mktemp("live") / "deep" / "try.html")


def test_the_page_is_one_file_below_12_megabytes(page):
    size = page.stat().st_size
    print(f"{size / 1e6:.2f} MB")
    assert size < 12e6
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|@import|url)\s*[=(]\s*["']?(?:https?:)?//""", text)
    assert "fetch(" not in text and "XMLHttpRequest" not in text and "innerHTML" not in text


def test_every_photograph_has_its_credit_and_can_be_shared(page):
    text = page.read_text(encoding="utf-8")
    course = json.loads(re.search(r'id="course">(.*?)</script>', text, re.S)[1])
    assert len(course["photos"]) >= 6
    for photo in course["photos"]:
        assert photo["author"] and photo["licence"] and photo["licence_url"].startswith("https://")
        with Image.open(live_page.data.data_dir() / "photos" / f"{photo['name']}.jpg") as image:
            assert min(image.size) > 200
        assert sum(photo["mask"]) == 224 * 224


def test_the_same_course_gives_the_same_page(page, tmp_path):
    again = live_page.build(tmp_path / "again.html")
    assert again.read_bytes() == page.read_bytes()
