"""A table of the user's own: codes, names, and one sentence for what cannot be used."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

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


@pytest.mark.parametrize(
    ("cells", "says", "settings", "values"),
    [
        # one group of three digits can mean both, so both are offered and neither is chosen
        (
            ["1,234", "5"],
            "can mean two numbers; pass thousands=',' if",
            {"thousands": ","},
            [1234, 5],
        ),
        (["1,234", "5"], "decimal=',' if it begins the fraction", {"decimal": ","}, [1.234, 5]),
        (["1,234", "0,500"], "pass decimal=','", {"decimal": ","}, [1.234, 0.5]),
        (["1,5", "-2,25"], "pass decimal=','", {"decimal": ","}, [1.5, -2.25]),
        (["1,234,567", "89"], "pass thousands=','", {"thousands": ","}, [1234567, 89]),
        (["1,234.5", "6.5"], "pass thousands=','", {"thousands": ","}, [1234.5, 6.5]),
        (
            ["1.234,5", "6,5"],
            "pass thousands='.', decimal=','",
            {"thousands": ".", "decimal": ","},
            [1234.5, 6.5],
        ),
        (["1 234", "5"], "pass thousands=' '", {"thousands": " "}, [1234, 5]),
        (["1'234.5", "5"], 'pass thousands="\'"', {"thousands": "'"}, [1234.5, 5]),
    ],
)
def test_the_advice_for_marks_in_numbers_loses_nothing(tmp_path, cells, says, settings, values):
    file = tmp_path / "a.csv"
    file.write_text("n;k\n" + "".join(f"{cell};x\n" for cell in cells))
    with pytest.raises(ValueError, match=re.escape(says)):
        own_table.read(file, sep=";")
    assert own_table.read(file, sep=";", **settings)["n"].tolist() == values


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
)
def test_the_advice_for_an_encoding_loses_nothing(tmp_path, encoding):
    file, town = tmp_path / "a.csv", "Zürich €5" if encoding != "latin-1" else "Zürich"
    file.write_bytes(f"town,n\n{town},1\n".encode(encoding))
    with pytest.raises(ValueError, match=f"pass encoding='{encoding}'"):
        own_table.read(file)
    assert own_table.read(file, encoding=encoding)["town"].tolist() == [town]


@pytest.mark.parametrize(
    "days",
    [
        pd.date_range("2024-01-01", periods=60),
        pd.date_range("2024-01-01", periods=60, tz="UTC"),
        pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d"),
        pd.date_range("2024-01-01", periods=60).strftime("%d.%m.%Y"),
        pd.date_range("2024-01-01", periods=60).astype(str) + " 10:30",
        pd.timedelta_range("1h", periods=60),
        pd.period_range("2024-01", periods=60, freq="M"),
        ["10:30"] * 60,
    ],
)
def test_dates_are_no_categories(days):
    with pytest.raises(ValueError, match="'day' holds dates or times"):
        own_table.encode(pd.DataFrame({"day": days}))


def test_numbers_kept_as_objects_stay_numbers():
    X, names = own_table.encode(pd.DataFrame({"n": pd.Series([1, 10, 2], dtype=object)}))
    assert X["n"].tolist() == [1, 10, 2] and names == {}


def test_decode_is_the_way_back_for_a_model_of_texts(frame):
    X, names = own_table.encode(frame)
    assert own_table.decode(X, names)["town"].tolist() == frame["town"].tolist()
    back = own_table.decode(X, names, like=frame)
    assert back["town"].tolist() == frame["town"].tolist()
    assert back["member"].tolist() == frame["member"].tolist() and back["member"].dtype == bool
    kinds = frame.assign(town=frame["town"].astype("category"), year=pd.Categorical([1, 3, 2, 3]))
    X, names = own_table.encode(kinds)
    pd.testing.assert_frame_equal(
        own_table.decode(X, names, like=kinds), kinds.astype({"age": float})
    )
    with pytest.raises(ValueError, match="codes 0 to 2"):
        own_table.decode(X.assign(town=1.5), names)
    with pytest.raises(ValueError, match="X has no column 'town'"):
        own_table.decode(X[["age"]], names)


def test_a_pipeline_that_was_fitted_on_texts_is_explained(rng):
    """The sentence about text leads to encode, and decode leads the model back to its texts."""
    raw = pd.DataFrame({"kind": rng.choice(["cat", "dog"], 200), "size": rng.normal(size=200)})
    y = raw["kind"] == "dog"
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(raw, y)
    with pytest.raises(ValueError, match=r"own_table.encode\(frame\)"):
        shapley.exact(lambda Z: model.predict_proba(Z)[:, 1], raw.iloc[0], raw)
    X, names = own_table.encode(raw)
    phi = shapley.exact(
        lambda Z: model.predict_proba(own_table.decode(Z, names, like=raw))[:, 1], X.iloc[0], X
    )
    assert phi.prediction == pytest.approx(model.predict_proba(raw.iloc[[0]])[0, 1])
    assert abs(phi.values[0]) > 20 * abs(phi.values[1])
