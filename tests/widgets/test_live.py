"""Sliders in a living kernel: the messages that a page sends, and what comes back."""

import queue
import time

import pytest
from jupyter_client.manager import start_new_kernel

SET_UP = """
import time
import ipywidgets as ipw
import matplotlib
matplotlib.use("agg")
import numpy as np
from xailab import plots, widgets

drawn = []
def draw(n):
    drawn.append(n)
    if n == 13:
        raise ValueError("n must not be 13; take another.\\nA second line.")
    time.sleep(0.2 if n else 0)
    return plots.heatmap(np.full((4, 4), n / 100)), f"n is {n}."

made = widgets.panel(draw, n=ipw.IntSlider(max=100))
slider = made.controls["n"].model_id
picture, readout = made.picture.model_id, made.readout.model_id
over = widgets.threshold_overlay(
    np.zeros((8, 8, 3), np.uint8), np.arange(64.).reshape(8, 8), np.eye(8) > 0
)
"""


class Page:
    """Speaks to a kernel as a page does: changes of widgets go out, changes come back."""

    def __init__(self, client):
        self.client = client
        self.states: dict[str, dict] = {}
        self.printed = ""

    def run(self, code: str) -> str:
        asked = self.client.execute(code)
        self.printed = ""
        self._listen(asked)
        return self.printed

    def change(self, model: str, **state) -> str:
        """Send a change, as a slider does, and do not wait."""
        content = {"comm_id": model, "data": {"method": "update", "state": state}}
        message = self.client.session.msg("comm_msg", content)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def settle(self, until, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, (self.states, self.printed)
            self._take(0.2)

    def _listen(self, asked: str) -> None:
        while True:
            message = self._take(60)
            assert message, "the kernel did not answer"
            if message["parent_header"].get("msg_id") != asked:
                continue
            assert message["msg_type"] != "error", message["content"]
            if message["content"].get("execution_state") == "idle":
                return

    def _take(self, seconds: float):
        try:
            message = self.client.get_iopub_msg(timeout=seconds)
        except queue.Empty:
            return None
        content = message["content"]
        if message["msg_type"] == "stream":
            self.printed += content["text"]
        if message["msg_type"] in {"comm_open", "comm_msg"}:
            data = content["data"]
            if data.get("method", "update") == "update":
                state = self.states.setdefault(content["comm_id"], {})
                state.update(data["state"])
                if data.get("buffer_paths"):
                    state["buffers"] = [bytes(b) for b in message["buffers"]]
        return message


@pytest.fixture(scope="module")
def page():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        page = Page(client)
        page.run(SET_UP)
        page.ids = page.run("print(made.model_id, slider, picture, readout, over.model_id)").split()
        yield page
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _says(page, text: str):
    return lambda: text in page.states.get(page.ids[3], {}).get("value", "")


def test_a_message_of_the_page_redraws_picture_and_readout(page):
    _, slider, picture, _, _ = page.ids
    before = page.states[picture]["buffers"]
    page.change(slider, value=40)
    page.settle(_says(page, "n is 40."))
    assert page.states[picture]["buffers"] != before


def test_the_newest_of_many_requests_wins(page):
    panel, slider, *_ = page.ids
    page.run("drawn.clear()")
    for n in range(50, 71):
        page.change(slider, value=n)
    page.settle(_says(page, "n is 70."))
    drawn = page.run("print(drawn)")
    assert drawn.strip().endswith("70]")
    # not one drawing for each of the 21 requests
    assert len(drawn.split(",")) <= 5
    page.settle(lambda: "xailab-busy" not in page.states[panel]["_dom_classes"])


def test_the_panel_says_that_it_is_busy_until_the_picture_is_there(page):
    panel, slider, *_ = page.ids
    page.change(slider, value=80)
    page.settle(lambda: "xailab-busy" in page.states[panel]["_dom_classes"])
    page.settle(lambda: "xailab-busy" not in page.states[panel]["_dom_classes"])
    assert _says(page, "n is 80.")()


def test_an_error_is_one_sentence_in_the_panel_and_a_traceback_in_the_log(page):
    panel, slider, *_ = page.ids
    page.printed = ""
    page.change(slider, value=13)
    page.settle(_says(page, "n must not be 13; take another.</div>"))
    assert "xailab-error" in page.states[page.ids[3]]["value"]
    page.settle(lambda: "xailab-busy" not in page.states[panel]["_dom_classes"])
    page.settle(lambda: "ValueError: n must not be 13" in page.printed)
    page.change(slider, value=14)
    page.settle(_says(page, "n is 14."))
    assert "xailab-error" not in page.states[page.ids[3]]["value"]


def test_a_value_set_in_a_cell_is_drawn_before_the_next_line(page):
    assert page.run("made.controls['n'].value = 33; print(made.text)") == "n is 33.\n"


def test_an_error_of_a_value_set_in_a_cell_stops_the_cell(page):
    said = page.run(
        "try:\n    made.controls['n'].value = 13\nexcept ValueError as e:\n    print('stopped')"
    )
    assert said == "stopped\n"
    page.run("made.controls['n'].value = 1")


def test_the_overlays_threshold_reaches_python(page):
    over = page.ids[4]
    page.change(over, threshold=0.75)
    assert page.run("print(over.threshold, over.text[:32])") == (
        "0.75 heat map: threshold 0.75 marks 2\n"
    )
