"""The report builder and its linter."""

import html
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from xailab import metrics
from xailab.evaluate import report

SETTINGS = {
    "title": "Two methods",
    "model": "tiny",
    "layer": "head",
    "threshold": 0.5,
    "threshold_from": "held-out photos",
    "pictures": "photos of the course",
    "selection": "all photos with half of the object in view",
    "limits": "one network",
}


def scores(n=12, methods=("grad_cam", "layer_cam", "random_map")):
    rng = np.random.default_rng(0)
    rows = [
        {"name": f"p{i}", "method": m}
        | dict.fromkeys(("saliency", "recall", "precision"), 0.5)
        | {"iou": float(rng.random()), "pointing": float(i % 2)}
        for m in methods
        for i in range(n)
    ]
    return pd.DataFrame(rows)


def test_a_report_says_what_is_needed_to_judge_it():
    table = scores()
    text = report.build(table, **SETTINGS).markdown()
    for needed in (
        "n = 12",
        "0.5 of each map's maximum, held-out photos",
        "layer head",
        "class logit",
        "random map",
        "one network",
        "not what the network used",
    ):
        assert needed in text
    iou = table[table["method"] == "grad_cam"]["iou"]
    i = metrics.bootstrap_interval(iou)
    assert f"{i.mean:.2f} [{i.low:.2f}, {i.high:.2f}]" in text
    assert "Grad-CAM - Layer-CAM" in text and "Grad-CAM - random map" not in text
    assert "| Grad-CAM |" in text and "_" not in text
    assert str(report.build(table, **SETTINGS)) == text


def test_a_complete_report_has_no_findings():
    assert report.lint(report.build(scores(), **SETTINGS)) == []


def test_a_report_without_baselines_gets_a_finding():
    bare = report.build(scores(methods=("grad_cam", "layer_cam")), **SETTINGS)
    assert [f.rule for f in report.lint(bare)] == ["control"]


def test_few_pictures_get_a_finding():
    assert "few" in {f.rule for f in report.lint(report.build(scores(4), **SETTINGS))}


def test_one_picture_gets_a_warning_and_no_interval():
    with pytest.warns(UserWarning, match="One picture: no interval"):
        single = report.build(scores(1), **SETTINGS)
    assert "none (n = 1)" in single.markdown()
    assert {"interval", "few"} <= {f.rule for f in report.lint(single)}


def test_the_card_is_valid_html_and_escapes_what_it_is_given():
    title = "<script>alert(1)</script> & more"
    page = report.build(scores(), **SETTINGS | {"title": title}).html()
    assert "<script>" not in page and html.escape(title) in page
    opened = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag not in ("meta", "br"):
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Checker().feed(page)
    assert opened == [] and "http" not in page


def test_bars_in_names_do_not_break_the_markdown_table():
    table = scores().replace({"method": {"grad_cam": "a|b"}})
    lines = report.build(table, **SETTINGS).markdown().splitlines()
    rows = [line for line in lines if line.startswith("| a\\|b |")]
    assert len(rows) == 1 and rows[0].replace("\\|", "").count("|") == 7


@pytest.mark.parametrize("columns", [["name"], ["name", "method"]])
def test_a_table_that_lacks_columns_is_refused(columns):
    with pytest.raises(ValueError, match="is empty or lacks"):
        report.build(scores()[columns], **SETTINGS)
    with pytest.raises(ValueError, match="is empty or lacks"):
        report.build(scores().iloc[:0], **SETTINGS)


COMPLETE = (
    "On n = 45 photos (all photos kept that show half the object) of one network, layer head, class "
    "logit, Grad-CAM reaches IoU 0.45 [0.40, 0.49] at threshold 0.5, fixed in advance; a random map 0.29."
)


def rules(text):
    return {finding.rule for finding in report.lint(text)}


def test_a_complete_sentence_is_clean():
    assert report.lint(COMPLETE) == []


@pytest.mark.parametrize(
    ("cut", "rule"),
    [
        ("n = 45 photos", "n"),
        (" [0.40, 0.49]", "interval"),
        ("; a random map 0.29", "control"),
        (" at threshold 0.5", "threshold"),
        (", fixed in advance", "threshold chosen"),
        ("layer head, ", "layer"),
        ("class logit, ", "score"),
        ("of one network, ", "limits"),
        (" (all photos kept that show half the object)", "selection"),
    ],
)
def test_each_thing_left_out_is_named(cut, rule):
    assert cut in COMPLETE
    assert rules(COMPLETE.replace(cut, "")) == {rule}


@pytest.mark.parametrize(
    ("added", "rule", "repaired"),
    [
        (" It is the best method.", "paired", " Paired differences (Holm)."),
        (" Paired differences are shown.", "correction", " With Holm's correction."),
        (" It is more faithful.", "faithfulness", " Its deletion area is 0.2."),
        (" This proves it.", "overclaim", None),
    ],
)
def test_each_thing_overstated_is_named(added, rule, repaired):
    assert rules(COMPLETE + added) == {rule}
    if repaired:
        assert rules(COMPLETE + added + repaired) == set()


def test_the_linter_reads_texts_only():
    with pytest.raises(TypeError, match="a text or a Report, not int"):
        report.lint(3)


TABLE = """Model: gradient boosting, 569 patients, test rows held out, all rows of the split kept.
Output: probability of benign, against 50 background rows. n = 20 patients, 5 seeds.
Faithfulness by deletion 0.80 [0.74, 0.86], random order 0.50 [0.41, 0.58], one data set only."""


def test_a_complete_report_of_a_table_is_clean_and_each_missing_part_is_named():
    assert report.lint(TABLE, "table") == []
    for rule, gone in {
        "control": "random order",
        "background": "background rows",
        "stability": "5 seeds",
        "interval": " [0.74, 0.86], random order 0.50 [0.41, 0.58]",
        "score": "probability",
        "held out": "test rows held out",
        "n": "n = 20 patients",
    }.items():
        text = TABLE.replace(gone, "-").replace("569 patients", "-")
        if rule == "stability":
            text = text.replace("split", "-")
        if rule == "interval":
            text += " random"
        assert rule in {finding.rule for finding in report.lint(text, "table")}, rule
    with pytest.raises(ValueError, match='"pictures" or "table"'):
        report.lint(TABLE, "text")


@pytest.mark.parametrize("start", ["", "[", "[1,", "n = ", "threshold ", "1-", "[ "])
@pytest.mark.parametrize("part", ["1", "1.", "1 ", "1-", "[1", "[ ", "9,"])
def test_the_linter_reads_a_long_row_of_digits_once(start, part):
    begin = time.process_time()
    report.lint(start + part * 80_000)
    # a quarter of a second; 80 seconds where it was quadratic
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "interval", ["[0.40, 0.49]", "[ -.4 , +5 ]", "[1,2]", "0.4 ± 0.1", "40 - 49 %", "[1., 2.]"]
)
def test_an_interval_is_seen_however_it_is_written(interval):
    assert "interval" not in {found.rule for found in report.lint(f"It is 0.45 {interval} wide.")}
    without = interval.replace(",", " ").replace("±", "").replace("-", "")
    assert "interval" in {found.rule for found in report.lint(f"It is {without} wide.")}


def test_a_number_of_pictures_may_have_any_number_of_digits():
    assert "few" not in {found.rule for found in report.lint("n = " + "9" * 5000)}
    assert "few" in {found.rule for found in report.lint("n = 9")}
