"""RESULTS.md is what `make bench` writes, and the timing can be trusted."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import measure  # noqa: E402
import run  # noqa: E402

SAID = """some progress
**LIME at equal error**

|  | xailab | beside it | time |
|---|---|---|---|
| 12 superpixels | 2 s | lime | 9 s |

Distances are from the truth.

  a word in between

| a move of | n | median ms |
|---|---|---|
| threshold_overlay | 100 | 1.2 |
the end"""


def test_tables_are_found_with_their_titles_and_notes_and_nothing_else():
    first, second = run.tables(SAID, "Sliders")
    assert first.startswith("**LIME at equal error**\n\n|  | xailab |")
    assert first.endswith("| 12 superpixels | 2 s | lime | 9 s |\n\nDistances are from the truth.")
    assert second.startswith("**Sliders**\n\n| a move of |") and second.endswith("| 1.2 |")


def test_a_table_is_printed_in_the_form_in_which_it_is_found():
    table = measure.Table("Title", ("a", "b"), [("1", "2"), ("3", "4")], "A note.")
    assert run.tables(table.markdown()) == [table.markdown()]


def test_comparisons_come_first_and_the_other_tables_after_them():
    text = run.results(run.tables(SAID, "Sliders")[::-1], "Measured today.")
    assert text.startswith("# Benchmarks\n\nMeasured today.\n\n**LIME at equal error**")
    assert text.index("LIME at equal error") < text.index("## More tables") < text.index("Sliders")
    assert "More tables" not in run.results(run.tables(SAID)[:1], "")


def test_the_results_have_the_form_that_make_bench_writes():
    text = run.RESULTS.read_text(encoding="utf-8")
    about = text.split("\n\n")[1]
    assert run.results(run.tables(text), about) == text
    for table in run.tables(text):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) == 1, table


def test_every_benchmark_is_run():
    assert {p.stem.removeprefix("bench_") for p in FOLDER.glob("bench_*.py")} == set(run.NAMES)


def test_candidates_take_turns_and_each_begins_a_round():
    order = []
    calls = {name: lambda name=name: order.append(name) or name for name in "abc"}
    times = measure.in_turns(calls, 3)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert {name: t.result for name, t in times.items()} == {"a": "a", "b": "b", "c": "c"}
    assert all(len(t.rounds) == 3 for t in times.values())


def test_a_ratio_is_the_median_within_the_rounds():
    slow, quick = (measure.Timing(0, rounds, None) for rounds in ([9, 2, 40], [3, 1, 10]))
    assert measure.ratio(slow, quick) == 3  # of 3, 2 and 4; the medians' ratio is another: 9 / 3
    slow = slow._replace(rounds=[9, 2, 60])
    assert measure.ratio(slow, quick) == 3


def test_the_largest_distance_and_words_for_numbers():
    assert measure.apart([1, 2.5], np.array([1, 2])) == 0.5
    assert [measure.seconds(t) for t in (0.0049, 0.0123, 1.26, 12.6, 240)] == [
        "4.9 ms",
        "12 ms",
        "1.3 s",
        "13 s",
        "4.0 min",
    ]
    assert [measure.digits(v) for v in (0.87, 9.94, 9.96, 999.4, 12345)] == [
        "0.87",
        "9.9",
        "10",
        "999",
        "12,300",
    ]
    assert [measure.amount(v) for v in (None, 0, 2.6e-7, 0.013)] == ["–", "0", "3e-7", "1e-2"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak")
def test_extra_memory_is_what_a_call_takes():
    sizes = [measure.extra_memory(lambda mib=mib: np.ones(mib * 2**17).sum()) for mib in (8, 64)]
    assert all(b > a for a, b in pairwise(sizes))
    assert sizes[1] == pytest.approx(64, abs=8)
