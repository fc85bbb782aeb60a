"""The class experiment: balanced items, the same counts and intervals in Python and on the page."""

import itertools
import json

import numpy as np
import pytest
import scipy.stats
from support.node import needs_node, run

from xailab import widgets
from xailab.widgets import experiment
from xailab.widgets.panels import static

SIMILAR = "\n".join(f"{1 + i % 2}: {5 + i % 4} {6 - i % 3}" for i in range(16))


@pytest.fixture(scope="module")
def people(adult, income_net):
    X_test = adult.split()[1]
    return X_test, income_net.predict_proba(X_test)[:, 1]


@pytest.fixture(scope="module")
def course():
    return experiment.course_items()


# --- the items ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_each_set_of_ten_is_balanced_and_nobody_occurs_twice(people, seed):
    X, p = people
    pairs = np.array(experiment.choose_pairs(X.to_numpy(), p, seed))
    assert pairs.shape == (20, 2)
    assert len(set(pairs.ravel())) == 40
    a, b = p[pairs].T
    assert (abs(b - 0.5) >= 0.1).all() and (abs(a - 0.5) >= 0.1).all()
    assert (abs(a - 0.5) <= 0.4).all()
    differ = X.to_numpy()[pairs[:, 0]] != X.to_numpy()[pairs[:, 1]]
    assert (differ.sum(1) == 3).all()
    for one_set in (slice(0, None, 2), slice(1, None, 2)):
        assert (b[one_set] >= 0.5).sum() == 5
        assert ((a[one_set] >= 0.5) == (b[one_set] >= 0.5)).sum() == 5
    assert sorted([(a[::2] >= 0.5).sum(), (a[1::2] >= 0.5).sum()]) == [4, 6]


@pytest.mark.parametrize("seed", range(4))
def test_the_probability_of_the_example_does_not_give_the_answer_away(people, seed):
    X, p = people
    a, b = p[np.array(experiment.choose_pairs(X.to_numpy(), p, seed))].T
    for bound in np.linspace(0, 1, 51):
        right = ((a >= bound) == (b >= 0.5)).sum()
        # near 0.5: "always the same answer"; at the ends: "always yes" and "always no"
        assert 8 <= right <= 12, bound


def test_the_seed_decides_the_items(people):
    X, p = people
    first, again, other = (experiment.choose_pairs(X.to_numpy(), p, seed) for seed in (0, 0, 1))
    assert first == again != other


def test_too_few_people_are_an_error(people):
    X, p = people
    with pytest.raises(ValueError, match="too few similar people"):
        experiment.choose_pairs(X.to_numpy()[:50], p[:50])


def test_the_page_gets_what_the_model_says_of_both_people(course, income_net, adult):
    features, items = course
    assert [f["name"] for f in features] == list(adult.X)
    for person, place in (("a", 0), ("b", 1)):
        p = income_net.predict_proba(np.array([item[person] for item in items]))[:, 1]
        np.testing.assert_allclose([item["p"][place] for item in items], p, atol=6e-5)
    for item in items:
        assert item["base"] + sum(item["values"]) == pytest.approx(item["p"][0], abs=1e-3)


def test_what_the_guide_says_of_reading_off_the_bars(course):
    """Base value plus the bars of the features that stay: right for 7 of 10 in both sets."""
    right = []
    for item in course[1]:
        a, b, values = (np.array(item[key]) for key in ("a", "b", "values"))
        left = item["base"] + values[a == b].sum()
        right.append((left >= 0.5) == (item["p"][1] >= 0.5))
    assert (sum(right[::2]), sum(right[1::2])) == (7, 7)


# --- a student ---------------------------------------------------------------------------------


@needs_node
@pytest.mark.parametrize("group", [1, 2])
def test_python_and_the_page_count_alike(course, tmp_path, rng, group):
    box = experiment.ClassExperiment(features=course[0], items=course[1], group=group)
    box.answers = rng.integers(0, 2, 20).tolist()
    found = run(
        tmp_path,
        static("experiment.js"),
        "return lineFor(given.group, countRight(given.items, given.group, given.answers));",
        group=group,
        items=box.items,
        answers=box.answers,
    )
    assert found == f"{group}: {box.counts[0]} {box.counts[1]}"
    assert box.text.endswith(found)
    # oracle: the right answers of the items that have the waterfall
    right = [
        (item["p"][1] >= 0.5) == answer for item, answer in zip(box.items, box.answers, strict=True)
    ]
    assert box.counts == (sum(right[group - 1 :: 2]), sum(right[2 - group :: 2]))


def test_all_right_is_ten_and_ten_and_the_other_group_swaps(course):
    box = experiment.ClassExperiment(features=course[0], items=course[1], group=1)
    assert box.text == "0 of 20 items answered."
    # right in the first set, wrong in the second
    box.answers = [int((item["p"][1] >= 0.5) == (i % 2 == 0)) for i, item in enumerate(box.items)]
    assert box.counts == (10, 0)
    box.group = 2
    assert box.counts == (0, 10)


# --- the class ---------------------------------------------------------------------------------


@needs_node
def test_the_points_of_t_are_scipys(tmp_path):
    freedom = [*range(1, 40), 99, 500]
    found = run(
        tmp_path,
        static("experiment.js"),
        "return given.freedom.map((f) => [0.5, 0.95, 0.99].map((level) => pointOfT(level, f)));",
        freedom=freedom,
    )
    expected = scipy.stats.t.ppf([0.75, 0.975, 0.995], np.array(freedom)[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_interval_is_that_of_the_paired_t_test():
    result = widgets.class_result(SIMILAR)
    numbers = np.array([[int(n) for n in line[3:].split()] for line in SIMILAR.splitlines()])
    expected = scipy.stats.ttest_rel(*numbers.T).confidence_interval(0.95)
    assert result.n == 16 and result.groups == (8, 8)
    assert result.difference.mean == pytest.approx((numbers[:, 0] - numbers[:, 1]).mean())
    assert (result.difference.low, result.difference.high) == pytest.approx(tuple(expected))


CLASSES = {
    "better": (SIMILAR, "better with the waterfall"),
    "worse": ("\n".join(f"{1 + i % 2}: {3 + i % 3} 7" for i in range(12)), "worse with"),
    "undecided": ("\n".join(f"{1 + i % 2}: {4 + i % 5} 6" for i in range(10)), "holds 0"),
    # a mean of exactly 0.125: Python and JavaScript would round the half differently
    "tie": (
        "\n".join(f"{1 + i % 2}: {6 + (i == 0)} {6 - (i == 1)}" for i in range(16)),
        "0.13 items",
    ),
    "few": (
        "1: 7 6\n2: 5 5\n\n1: 4 6",
        "1 had more right than without it, 1 fewer, 1 as many. Below 10",
    ),
    "all alike": ("1: 7 6\n2: 8 7\n" * 6, "the same for all students there is no interval"),
    "unequal": (SIMILAR.replace("2:", "1:", 5), "No verdict: the groups are too unequal"),
    "one group": (SIMILAR.replace("2:", "1:"), "No verdict: the groups are too unequal"),
    "from a chat": ("10:31 Ada: 1: 7 6\n 10:32 Bob 2 2:  10 0 \n", "n = 2 students (1 in"),
}


@needs_node
@pytest.mark.parametrize("name", CLASSES)
def test_python_and_the_page_say_the_same_of_a_class(tmp_path, name):
    lines, part = CLASSES[name]
    result = experiment.class_result(lines)
    assert part in str(result)
    found = run(tmp_path, static("experiment.js"), "return classResult(given.lines);", lines=lines)
    assert found["text"] == result.text
    assert (found["n"], tuple(found["groups"])) == (result.n, result.groups)
    if result.difference is None:
        assert found["difference"] is None and "no verdict" in result.text
    else:
        mean, low, high, _ = result.difference
        assert found["difference"] == pytest.approx({"mean": mean, "low": low, "high": high})
        assert "Not shown: anything about other items" in result.text


@needs_node
@pytest.mark.parametrize(
    "lines", ["", "\n \n", "1: 7", "3: 7 6", "1: 11 6", "1: 7 6\n1; 7 6", "1: 7 6 5"]
)
def test_a_line_that_cannot_be_read_is_named_alike(tmp_path, lines):
    with pytest.raises(ValueError) as caught:
        experiment.class_result(lines)
    found = run(
        tmp_path,
        static("experiment.js"),
        "try { return classResult(given.lines); } catch (error) { return error.message; }",
        lines=lines,
    )
    assert found == str(caught.value)
    assert '"1: 7 6"' in found


def test_lines_must_be_text():
    with pytest.raises(TypeError, match="lines must be text"):
        experiment.class_result([(1, 7, 6)])


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Two groups, sets of items of unequal difficulty, no effect of the waterfall."""
    rng = np.random.default_rng(0)
    holds = 0
    for _ in range(400):
        easy, hard = rng.binomial(10, 0.7, 20), rng.binomial(10, 0.55, 20)
        lines = [f"1: {a} {b}" for a, b in zip(easy[:10], hard[:10], strict=True)]
        lines += [f"2: {b} {a}" for a, b in zip(easy[10:], hard[10:], strict=True)]
        low, high = experiment.class_result("\n".join(lines)).difference[1:3]
        holds += low <= 0 <= high
    print(f"{holds} of 400 intervals hold the true difference, 0")
    # the items' difficulty widens the interval and does not move it
    assert holds >= 370


def test_the_widget_carries_its_scripts_and_plain_data(course):
    box = experiment.ClassExperiment(features=course[0], items=course[1])
    assert "export default { render: experiment }" in box._esm
    assert json.loads(json.dumps(box.items)) == box.items
    assert list(itertools.chain(box.answers, [box.group])) == [0]
