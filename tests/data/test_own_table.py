"""A table of the user's own: codes, names, and one sentence for what cannot be used."""

import numpy as np
import pandas as pd
import pytest

from xailab import lime_tabular, shapley
from xailab.data import own_table


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "age": [30, 40, 50, 60],
            "town": ["Rome", "Oslo", "Rome", "Bonn"],
            "member": [True, False, True, True],
        }
    )


def test_text_becomes_codes_in_alphabetical_order(frame):
    X, names = own_table.encode(frame)
    assert list(X["town"]) == [2, 1, 2, 0]
    assert names == {"town": ("Bonn", "Oslo", "Rome"), "member": ("False", "True")}
    assert list(X["age"]) == [30, 40, 50, 60]
    assert all(np.issubdtype(dtype, np.floating) for dtype in X.dtypes)
    assert X.index.equals(frame.index)


def test_a_category_column_is_text_too(frame):
    X, names = own_table.encode(frame.assign(town=frame["town"].astype("category")))
    assert names["town"] == ("Bonn", "Oslo", "Rome")
    assert list(X["town"]) == [2, 1, 2, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(age=[1, None, 2, 3]), "'age' has missing values"),
        (lambda f: f.assign(town=["a", None, "b", "c"]), "'town' has missing values"),
        (lambda f: f.assign(age=np.inf), "infinite"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.set_axis(["x", "x", "y"], axis=1), "Two columns are named 'x'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(frame, change, message):
    with pytest.raises(ValueError, match=message):
        own_table.encode(change(frame))
    with pytest.raises(TypeError, match="DataFrame"):
        own_table.encode(frame.to_numpy())


def test_a_file_goes_through_both_methods(tmp_path, rng):
    n = 300
    raw = pd.DataFrame({"size": rng.normal(size=n), "kind": rng.choice(["cat", "dog"], n)})
    raw.to_csv(tmp_path / "mine.csv", index=False)
    X, names = own_table.encode(pd.read_csv(tmp_path / "mine.csv"))

    def proba(Z):
        p = 0.2 + 0.6 * (Z["kind"] == 1)
        return np.column_stack([1 - p, p])

    line = lime_tabular.explain(proba, X.iloc[0], X, categorical=names, n_samples=2000)
    phi = shapley.exact(lambda Z: proba(Z)[:, 1], X.iloc[0], X)
    assert line.table()["condition"].iloc[0] == f"kind = {raw['kind'][0]}"
    assert abs(line.weights[1]) == pytest.approx(0.6, abs=0.01)
    share = (raw["kind"] == "dog").mean()
    expected = 0.6 * ((raw["kind"][0] == "dog") - share)
    assert phi.values == pytest.approx([0, expected], abs=1e-12)


def test_a_question_is_the_columns_and_the_rows_that_say_yes(frame):
    features, answer = own_table.question(frame, "town", "Rome")
    assert list(features) == ["age", "member"] and answer.tolist() == [True, False, True, False]
    features, _ = own_table.question(frame, "town", "Rome", ["member", "age"])
    assert list(features) == ["member", "age"]
    features, answer = own_table.question(frame, "member", True, "age")
    assert list(features) == ["age"] and answer.tolist() == frame["member"].tolist()
    # All different, and no text.
    numbers = frame.assign(age=[1.5, 2.5, 3.5, 4.5])
    assert list(own_table.question(numbers, "member", True, ["age"])[0]) == ["age"]


def test_a_comma_inside_text_is_no_decimal_comma(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('name,n\n"Rome, Italy",1\n"1,5",2\n')
    assert own_table.read(file)["name"].tolist() == ["Rome, Italy", "1,5"]
    file.write_text('name,n\n"1,2",1\n"1,5",2\n')
    assert own_table.read(file, decimal=",")["name"].tolist() == [1.2, 1.5]
    assert own_table.read(file, dtype={"name": str})["name"].tolist() == ["1,2", "1,5"]
