"""A real JupyterLab and a real Chromium for the browser tests; both on this computer only."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = re.compile(r"^(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|^(file|data|blob|about):")


def chromium() -> str | None:
    """The system's Chromium, or the one Playwright brought; None when there is neither."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found:
        return found
    brought = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    return str(brought[-1]) if brought else None


def pytest_collection_modifyitems(items):
    try:
        import axe_playwright_python  # noqa: F401
        import playwright  # noqa: F401

        reason = None if chromium() else "chromium is not installed: make test-browser brings it"
    except ImportError as missing:
        reason = f"{missing.name} is not installed: make test-browser brings it"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request):
    """A page that fails its test for a script error or a request that would leave the machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.errors, page.left = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))

    def watch(route):
        url = route.request.url
        if HERE.match(url):
            route.continue_()
        else:
            page.left.append(url)
            route.abort()

    context.route("**/*", watch)
    yield page
    page.screenshot(path=ROOT / "build/browser" / f"{request.node.name}.png")
    context.close()
    assert page.left == [], "these requests would have left the machine"
    assert page.errors == [], "these scripts failed"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Lab:
    """A running JupyterLab: its address, its token and the folder that it shows."""

    def __init__(self, base: Path):
        self.port, self.token, self.folder = _free_port(), secrets.token_hex(16), base / "work"
        self.log = base / "lab.log"
        self.folder.mkdir()
        settings = base / "settings/@jupyterlab"
        for file, text in {
            "notebook-extension/tracker": '{"windowingMode": "none", "recordTiming": false}',
            "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
            "docmanager-extension/plugin": '{"autosave": false}',
        }.items():
            path = settings / f"{file}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        own = {
            f"{name}_DIR": str(base / name.lower())
            for name in (
                "JUPYTER_CONFIG",
                "JUPYTER_RUNTIME",
                "JUPYTER_DATA",
                "JUPYTERLAB_WORKSPACES",
            )
        }
        own |= {"JUPYTERLAB_SETTINGS_DIR": str(base / "settings"), "IPYTHONDIR": str(base / "ipy")}
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--notebook-dir={self.folder}",
            f"--IdentityProvider.token={self.token}",
            "--expose-app-in-browser",
            "--LabApp.extension_manager=readonly",
            "--ServerApp.terminals_enabled=False",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        self.process = subprocess.Popen(
            command,
            env=os.environ | own | {"OMP_NUM_THREADS": "1"},
            cwd=self.folder,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={self.token}&reset"

    def wait(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}")
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError(self.log.read_text()) from None
                time.sleep(0.2)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


class Notebook:
    """One notebook, open in JupyterLab: run it, find what its cells show."""

    def __init__(self, page, lab: Lab, path: Path):
        shutil.copy(path, lab.folder / path.name)
        self.page, self.name = page, path.name
        page.goto(lab.url(path.name))
        page.locator(".jp-Notebook").wait_for(timeout=60_000)
        # the kernel's own word: the toolbar's circle looks idle before there is a kernel
        page.get_by_text(re.compile(r"\| Idle")).first.wait_for(timeout=60_000)

    def run_all(self, seconds: float = 400) -> None:
        """Run All, then wait until the last code cell has its number and the kernel rests."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(
            """() => {
                const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')];
                const prompts = cells.map(c => c.querySelector('.jp-InputArea-prompt'));
                const said = prompts.filter(p => p).map(p => p.innerText);  // folded cells have none
                const failed = document.querySelector('[data-mime-type*="vnd.jupyter.stderr"] .ansi-red-fg');
                return failed || (said.length && said.every(t => /\\[\\d+\\]/.test(t)));
            }""",
            timeout=seconds * 1000,
        )
        errors = self.page.locator(".jp-RenderedText pre:has(.ansi-red-fg)").all_inner_texts()
        assert errors == [], errors

    def close(self) -> None:
        self.page.evaluate(
            """async () => {
                const { commands, serviceManager } = window.jupyterapp;
                await serviceManager.sessions.shutdownAll();
            }"""
        )


@pytest.fixture
def open_notebook(page, lab):
    opened = []

    def open_one(path: Path) -> Notebook:
        opened.append(Notebook(page, lab, path))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.close()
