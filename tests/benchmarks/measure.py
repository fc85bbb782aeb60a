"""What all benchmarks share: candidates in turns, medians, paired ratios, peak memory, tables.

A busy computer slows whatever runs at the moment. So the candidates of a comparison take turns, round
by round, each round starting with another one, and a ratio is the median over rounds of the ratio
within the round: both sides of it had the same company.
"""

import ctypes
import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

HEAD = ("", "xailab", "beside it", "time", "times as long", "apart by", "extra memory, MiB")


class Table(NamedTuple):
    """A title, column heads, rows of words, and a sentence that says how to read them."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""

    def markdown(self) -> str:
        lines = ["| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([f"**{self.title}**", "", *lines, *(["", self.note] if self.note else [])])


class Timing(NamedTuple):
    """Seconds of each round, the first call's own, and what that call returned."""

    first: float
    rounds: list[float]
    result: object

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


def timed(call: Callable) -> tuple[float, object]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def in_turns(calls: Mapping[str, Callable], rounds: int) -> dict[str, Timing]:
    """Every candidate once to warm up, then ``rounds`` times in turns."""
    names, found = list(calls), {}
    for name, call in calls.items():
        first, result = timed(call)
        found[name] = Timing(first, [], result)
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            found[name].rounds.append(timed(calls[name])[0])
    return found


def ratio(slow: Timing, quick: Timing) -> float:
    """How many times as long: the median of the ratios within the rounds."""
    return statistics.median(s / q for s, q in zip(slow.rounds, quick.rounds, strict=True))


def extra_memory(call: Callable) -> float | None:
    """By how many MiB the process grew at most while the call ran; None where Linux is not there to say."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not (sys.platform == "linux" and os.access(reset, os.W_OK)):
        return None

    def kib(entry: str) -> int:
        return next(int(s.split()[1]) for s in status.read_text().splitlines() if entry in s)

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls freed must not hide what this one takes
    reset.write_text("5")  # the peak counts anew from what is in use now
    before = kib("VmRSS")
    call()
    return max(0, kib("VmHWM") - before) / 1024


def apart(a, b) -> float:
    """The largest difference between two arrays."""
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).max())


def compare(
    what: str,
    ours: Callable,
    peers: Mapping[str, Callable],
    rounds: int,
    difference: Callable = apart,
    memory: bool = True,
) -> list[tuple[str, ...]]:
    """A row (see HEAD) for each peer: both times, the ratio, how far the answers are apart, memory."""
    times = in_turns({"": ours, **peers}, rounds)
    peaks = {
        name: extra_memory(call) if memory else None for name, call in {"": ours, **peers}.items()
    }
    return [
        (
            what,
            seconds(times[""].median),
            name,
            seconds(times[name].median),
            digits(ratio(times[name], times[""])),
            amount(difference(times[""].result, times[name].result)),
            mib(peaks[""]) + " / " + mib(peaks[name]),
        )
        for name in peers
    ]


def seconds(t: float) -> str:
    """Two or three digits and a unit."""
    if t < 1:
        return digits(1000 * t) + " ms"
    return digits(t) + " s" if t < 120 else digits(t / 60) + " min"


def digits(value: float) -> str:
    """Two digits below 10, whole numbers above, thousands with a comma."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"


def amount(value: float | None) -> str:
    return "–" if value is None else "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-")


def mib(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def machine() -> str:
    """The computer in one line."""
    import psutil
    import torch

    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, no GPU used, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__.split('+')[0]}"
    )


def show(tables: list[Table]) -> None:
    for table in tables:
        print("\n" + table.markdown(), flush=True)
