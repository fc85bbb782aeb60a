"""The course's texts: what the card says of them, the splits, the controls, and the marked text."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from xailab import lime_text
from xailab.lime_text import addresses
from xailab.lime_text.marked import marked


@pytest.fixture(scope="module")
def cut():
    return addresses.addresses()


def line():
    return make_pipeline(CountVectorizer(), LogisticRegression())


def test_the_passages_are_the_ones_the_card_names(cut):
    assert len(cut) == 1132 and list(cut) == ["year", "president", "party", "text"]
    assert (cut["text"].str.split().str.len() >= 120).all()
    assert not cut["text"].str.contains(r"(?i)\[(?:laughter|applause|footnote|p\.|1\])|•").any()
    assert (cut["text"] == cut["text"].str.strip()).all() and cut["text"].is_unique
    party = cut.groupby("president", sort=False)["party"].unique()
    assert party.index.tolist() == [
        "Truman",
        "Eisenhower",
        "Kennedy",
        "Johnson",
        "Nixon",
        "Ford",
        "Carter",
        "Reagan",
        "Bush",
        "Clinton",
    ]
    assert [p.tolist() for p in party] == [
        [addresses.PARTIES[c]] for c in (0, 1, 0, 0, 1, 1, 0, 1, 1, 0)
    ]
    sizes = cut.groupby(["president", "year"]).size()
    assert sizes.pop(("Nixon", 1973)) == 12 and (sizes == 20).all()
    kennedy = cut["text"][cut["president"] == "Kennedy"].iloc[0]
    assert kennedy.startswith("Mr. Speaker") and "from whence I came" in kennedy


def test_a_damaged_file_is_refused(monkeypatch, tmp_path, cut):
    from xailab import data

    (tmp_path / "CHECKSUMS").write_bytes((data.data_dir() / "CHECKSUMS").read_bytes())
    (tmp_path / "addresses.csv.gz").write_bytes(b"\x1f\x8b")
    monkeypatch.setenv("XAILAB_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="SHA-256"):
        addresses.addresses()


def talks(men=6):
    """Each man has words of his own; nothing but they tell his party."""
    rows = [
        (year, f"m{k}", addresses.PARTIES[k % 2], f"word{k}x word{k}y talk{i}")
        for k in range(men)
        for year in (1, 2)
        for i in range(4)
    ]
    return pd.DataFrame(rows, columns=["year", "president", "party", "text"])


def test_what_is_held_out_together_decides():
    table = talks()
    assert addresses.held_out(line(), table, "passages").all()
    assert addresses.held_out(line(), table, "addresses").all()
    assert addresses.held_out(line(), table, "presidents").mean() < 0.7
    with pytest.raises(ValueError, match="by must be one of passages, addresses, presidents"):
        addresses.held_out(line(), table, "rows")


def test_recognised_counts_men_and_not_passages():
    """Ten passages of one man right and two of another's wrong are 0.5 for two men, not 0.83."""
    sure = pd.DataFrame(
        {
            "year": 1,
            "president": ["a"] * 10 + ["b"] * 2,
            "party": ["Democratic"] * 10 + ["Republican"] * 2,
            "text": "same words",
        }
    )
    assert addresses.recognised(line(), sure, "passages").to_dict() == {"a": 1.0, "b": 0.0}


def test_permutations_keep_presidents_whole_and_parties_balanced(cut):
    permuted = [addresses.label_permutation(cut, seed) for seed in range(30)]
    for table in permuted:
        party = table.groupby("president")["party"].unique()
        assert all(len(p) == 1 for p in party)
        assert party.str[0].value_counts().tolist() == [5, 5]
    assert permuted[0].drop(columns="party").equals(cut.drop(columns="party"))
    # every president is as likely of one party as of the other: 30 permutations, standard error 0.09
    share = np.mean([(table["party"] == addresses.PARTIES[1]) for table in permuted], axis=0)
    assert np.abs(share - 0.5).max() < 0.35
    assert len({tuple(table["party"]) for table in permuted}) > 20


def test_an_explanation_is_tested_against_its_model():
    table = talks()
    model = line().fit(table["text"], table["party"])
    text = "word1x and word1y, word0x; talk1 talk2"
    found = lime_text.explain(model.predict_proba, text, n_samples=400)
    result = addresses.tested(model, text, found, 0, k=2)
    inside = addresses.inside(model, text, found.units)
    assert result["LIME"] == pytest.approx(np.corrcoef(found.weights, inside)[0, 1])
    assert result["LIME"] > 0.95 > abs(result["shuffled"])
    gone = model.predict_proba(["and , word0x; talk1 talk2"])[0, 1]
    assert set(found.strongest(2)) == {"word1x", "word1y"}
    assert result["strongest"] == pytest.approx(found.model_prediction - gone)
    other_side = lime_text.explain(model.predict_proba, "word0x word0y word1x so", n_samples=400)
    other = addresses.tested(model, "word0x word0y word1x so", other_side, 0, k=2)
    assert other_side.model_prediction < 0.5 and other["strongest"] > 0 > -other["others"]


def test_inside_adds_up_to_the_log_odds_of_a_linear_model():
    model = line().fit(["a cat sat", "a dog ran", "cat cat", "dog"], [0, 1, 0, 1])
    text = "the dog sat, dog"
    units = lime_text.tokens(text).units
    parts = addresses.inside(model, text, units)
    assert parts[0] == 0 and parts.shape == (3,)
    assert parts.sum() + model[-1].intercept_[0] == pytest.approx(
        model.decision_function([text])[0]
    )


def test_planted_tokens_stand_in_one_partys_texts_only(cut):
    planted = addresses.with_planted_tokens(cut)
    assert not cut["text"].str.contains("|".join(addresses.TOKENS)).any()
    for token, party in zip(addresses.TOKENS, addresses.PARTIES, strict=True):
        assert (planted["text"].str.contains(rf"\[{token}\]") == (cut["party"] == party)).all()
    back = planted["text"].str.replace(rf" \[({'|'.join(addresses.TOKENS)})\]", "", regex=True)
    assert back.equals(cut["text"])
    odd = addresses.with_planted_tokens(
        pd.DataFrame({"year": 1, "president": "x", "party": ["none"], "text": ["a  b"]})
    )
    assert odd["text"].tolist() == ["a  b"]


def of_cat(asked):
    p = np.array([0.2 + 0.6 * ("cat" in text) - 0.1 * ("dog" in text) for text in asked])
    return np.column_stack([1 - p, p])


def test_marked_text_writes_the_weights_behind_every_place_of_the_word():
    text = "A cat, a dog & one more cat"
    found = lime_text.explain(of_cat, text, n_samples=400)
    views = marked(text, found, k=2)
    cat, dog = (f"[{found.table()['weight'][word]:+.2f}]" for word in ("cat", "dog"))
    assert repr(views) == f"A cat{cat}, a dog{dog} & one more cat{cat}"
    assert (cat, dog) == ("[+0.58]", "[-0.10]")  # 0.6 and -0.1, less what the ridge penalty takes
    page = views._repr_html_()
    assert page.count("<span") == 3 and page.count("rgba(60, 120, 190") == 1
    assert "probability, class 1" in page and "orange (+) raises" in page
    with pytest.raises(ValueError, match="another text"):
        marked("Something else", found)


def test_a_script_in_a_text_does_nothing():
    text = "<script>alert(1)</script> cat & dog"
    page = marked(text, lime_text.explain(of_cat, text, n_samples=200))._repr_html_()
    assert "<script" not in page and "&lt;" in page and "&amp;" in page
