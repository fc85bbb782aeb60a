"""LIME for text: against a linear truth, against the lime package, and with bad input."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lime.lime_text import LimeTextExplainer
from sklearn.linear_model import Ridge

from xailab import lime_text, stability
from xailab.local_fit import cosine_distance

TEXT = "The cat saw the dog, and the cat ran. A dog_2 barked!"
WEIGHT = {"cat": 0.30, "dog": -0.20, "ran": 0.10, "saw": 0.05}


def additive(asked):
    """P(class 1) = 0.4 + the weights of the words that are there: the truth is known."""
    p = np.array([0.4 + sum(w for word, w in WEIGHT.items() if word in t.split()) for t in asked])
    return np.column_stack([1 - p, p])


def bag(asked):
    """The same, with punctuation off the words."""
    return additive([lime_text.re.sub(r"\W+", " ", t) for t in asked])


def test_parts_join_back_and_units_keep_all_their_places():
    taken = lime_text.tokens(TEXT)
    assert "".join(taken.parts) == TEXT
    assert taken.units == ("The", "cat", "saw", "the", "dog", "and", "ran", "A", "dog_2", "barked")
    assert [taken.parts[i] for i in taken.places[1]] == ["cat", "cat"]
    assert len(lime_text.tokens(TEXT, "place").units) == 12


def test_draws_are_evenly_spread_over_the_numbers_left_out():
    Z = lime_text.draw(7, 70_001, np.random.default_rng(1))
    assert Z[0].all()
    gone = np.bincount((Z[1:] == 0).sum(1).astype(int), minlength=8)
    assert gone[0] == 0
    assert np.abs(gone[1:] / 70_000 - 1 / 7).max() < 0.006
    # a unit is left out with probability mean(s) / m = (m + 1) / (2 m)
    assert np.abs((1 - Z[1:]).mean(0) - 8 / 14).max() < 0.01


def test_write_removes_or_masks_every_place():
    taken = lime_text.tokens("a b a")
    assert lime_text.write(taken, [[1, 1], [0, 1], [0, 0]]) == ["a b a", " b ", "  "]
    assert lime_text.write(taken, [[0, 1]], mask="X") == ["X b X"]


def test_a_bag_of_words_line_gets_its_own_coefficients_back():
    found = lime_text.explain(bag, TEXT, seed=3)
    truth = np.array([WEIGHT.get(unit, 0) for unit in found.units])
    assert np.abs(found.weights - truth).max() < 0.005  # what the ridge penalty takes
    assert found.r2 > 0.999
    assert found.model_prediction == pytest.approx(0.65)


def test_the_line_is_sklearns_ridge_with_the_same_weights():
    found = lime_text.explain(bag, TEXT, seed=3, n_samples=300)
    Z = lime_text.draw(10, 300, np.random.default_rng(3))
    y = bag(lime_text.write(lime_text.tokens(TEXT), Z))[:, 1]
    pi = np.exp(-(cosine_distance(Z) ** 2) / (2 * 0.25**2))
    ridge = Ridge(alpha=1).fit(Z, y, sample_weight=pi)
    assert np.allclose(found.weights, ridge.coef_)
    assert found.intercept == pytest.approx(ridge.intercept_)
    assert found.r2 == pytest.approx(ridge.score(Z, y, pi))


@pytest.mark.parametrize(("by", "bow"), [("word", True), ("place", False)])
def test_the_lime_package_has_the_same_weights_from_the_same_draws(by, bow):
    asked = []

    def listening(some):
        asked.extend(some)
        return bag(some)

    library = LimeTextExplainer(bow=bow, random_state=5, feature_selection="none")
    mask = None if bow else "UNKWORDZ"
    theirs = library.explain_instance(TEXT, listening, num_features=99, num_samples=400)
    taken = lime_text.tokens(TEXT, by)
    if bow:
        Z = lime_text.presence(taken.units, asked)
    else:
        words = [lime_text.re.findall(r"\w+", t) for t in asked]
        Z = np.array([[a == b for a, b in zip(w, taken.units, strict=True)] for w in words])
    assert lime_text.write(taken, Z, mask) == asked
    ours = lime_text.explain(bag, TEXT, by=by, mask=mask, samples=Z)
    local = dict(theirs.as_map()[1])
    assert np.allclose(ours.weights, [local[i] for i in range(len(taken.units))], atol=1e-10)
    assert ours.intercept == pytest.approx(theirs.intercept[1])
    assert ours.r2 == pytest.approx(
        theirs.score[1] if isinstance(theirs.score, dict) else theirs.score
    )


def test_the_same_seed_gives_the_same_answer_and_the_global_state_is_left_alone():
    np.random.seed(11)
    before = np.random.get_state()[1].copy()
    a, b = (lime_text.explain(bag, TEXT, seed=2, n_samples=100) for _ in range(2))
    assert np.array_equal(a.weights, b.weights)
    assert np.array_equal(before, np.random.get_state()[1])


def test_it_can_be_repeated_described_and_put_on_a_card():
    runs = stability.repeat(lambda s: lime_text.explain(bag, TEXT, seed=s), range(10), k=2)
    assert runs.jaccard == 1 and runs.reportable
    found = runs.runs[0]
    assert list(found.table().index[:2]) == ["cat", "dog"]
    assert found.table()["times"].iloc[0] == 2
    assert '"cat" (+0.30)' in found.describe()
    assert found.strongest(2) == ["cat", "ran"]
    against = lime_text.explain(lambda t: bag(t)[:, ::-1], TEXT)
    assert against.strongest(2) == ["cat", "ran"]
    for needed in ("R2", "seed", "kernel width", "removed", "class 1"):
        assert needed in found.card()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"text": ["a"]}, TypeError, "one string"),
        ({"text": "?!"}, ValueError, "no words"),
        ({"by": "letter"}, ValueError, '"word" or "place"'),
        ({"n_samples": 5}, ValueError, "at least 12"),
        ({"kernel_width": 0}, ValueError, "positive"),
        ({"target": 2}, ValueError, "from 0 to 1"),
        ({"samples": np.ones((4, 3))}, ValueError, r"\(n, 10\)"),
        ({"samples": np.zeros((4, 10))}, ValueError, "first row"),
        ({"predict_proba": lambda t: np.ones(len(t))}, ValueError, r"must return \(n, classes\)"),
        ({"predict_proba": lambda t: np.full((len(t), 2), np.nan)}, ValueError, "missing"),
        ({"num_features": 0}, ValueError, "at least 1"),
    ],
)
def test_bad_input_gets_one_sentence(change, error, says):
    given = {"predict_proba": bag, "text": TEXT} | change
    with pytest.raises(error, match=says):
        lime_text.explain(given.pop("predict_proba"), given.pop("text"), **given)


def test_presence_reads_whole_words_and_undoes_write():
    assert lime_text.presence(("on", "On"), ["upon", "on, On"]).tolist() == [[0, 0], [1, 1]]
    taken = lime_text.tokens(TEXT)
    Z = lime_text.draw(len(taken.units), 50, np.random.default_rng(6))
    assert np.array_equal(lime_text.presence(taken.units, lime_text.write(taken, Z)), Z)


def test_without_removes_every_place_and_nothing_else():
    assert lime_text.without("a b, a bab", ["a"]) == " b,  bab"


# --- words in every writing ----------------------------------------------------------------------

WRITINGS = {
    "Hindi": ("यह फ़िल्म अच्छी है।", ["यह", "फ़िल्म", "अच्छी", "है"]),
    "Tamil": ("நல்ல படம்!", ["நல்ல", "படம்"]),
    "Hebrew with points": ("שָׁלוֹם עוֹלָם", ["שָׁלוֹם", "עוֹלָם"]),
    "Arabic with signs": ("كِتَابٌ جَيِّد", ["كِتَابٌ", "جَيِّد"]),
    "decomposed accents": ("Cafe\u0301, très", ["Cafe\u0301", "très"]),
    "Persian with a joiner": ("می\u200cروم خانه", ["می\u200cروم", "خانه"]),
    "a heart": ("I \u2764\ufe0f it", ["I", "it"]),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_words_are_not_cut_at_combining_marks(writing):
    text, words = WRITINGS[writing]
    taken = lime_text.tokens(text)
    assert list(taken.units) == words and "".join(taken.parts) == text
    assert lime_text.presence(words, [text]).tolist() == [[1] * len(words)]
    assert words[0] not in lime_text.without(text, [words[0]])
    for Z in np.eye(len(words)):
        (written,) = lime_text.write(taken, Z[None])
        assert lime_text.presence(words, [written]).tolist() == [Z.tolist()]


def test_a_hindi_word_has_the_weight_of_the_model(rng):
    text = "यह फ़िल्म अच्छी है और कहानी बुरी है"

    def proba(texts):
        p = np.array([0.2 + 0.6 * ("अच्छी" in t) for t in texts])
        return np.column_stack([1 - p, p])

    table = lime_text.explain(proba, text, n_samples=500).table()
    assert table.index[0] == "अच्छी" and table["weight"].iloc[0] == pytest.approx(0.6, abs=0.02)


@given(st.text(alphabet="ab1_ -.,'é\n\t", max_size=40).filter(lambda t: re.search(r"\w", t)))
def test_without_combining_marks_the_parts_are_limes_own(text):
    assert list(lime_text.tokens(text).parts) == [p for p in re.split(r"(\W+)", text) if p]
