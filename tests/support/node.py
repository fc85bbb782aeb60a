"""Runs the course's JavaScript with node, so that a test can compare it with Python."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed: it runs the page's JavaScript"
)


def run(folder: Path, script: str, body: str, **given) -> Any:
    """What an async JavaScript body returns that stands after ``script``; ``given`` is its input.

    Arrays of bytes are given as base64.
    """
    for name, value in given.items():
        if isinstance(value, np.ndarray) and value.dtype == np.uint8:
            given[name] = base64.b64encode(value.tobytes()).decode()
    (folder / "given.json").write_text(json.dumps(given))
    code = f"""{script}
    const given = JSON.parse(require("fs").readFileSync("given.json"));
    const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
    (async () => {{ {body} }})().then((answer) => console.log(JSON.stringify(answer)));"""
    (folder / "run.js").write_text(code, encoding="utf-8")
    done = subprocess.run(
        ["node", "run.js"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
