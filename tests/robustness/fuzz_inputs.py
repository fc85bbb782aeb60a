"""Coverage-guided fuzzing of the readers that take other people's bytes.

    pip install atheris
    python tests/robustness/fuzz_inputs.py image -max_total_time=120     (or csv, weights)

Whatever the bytes are, a reader returns its value or raises its one sentence. No part of the gate:
``test_fuzz.py`` does the same with hypothesis in seconds.
"""

import io
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["xailab", "PIL"]):
    from PIL import Image

    from xailab.data import images, own_table
    from xailab.models import weights

FOLDER = Path(tempfile.mkdtemp())


def _sentence(error: Exception) -> None:
    text = str(error)
    assert text and "\n" not in text and "Traceback" not in text, text


def image(content: bytes) -> None:
    try:
        found = images.from_bytes(content)
    except ValueError as error:
        _sentence(error)
    else:
        assert found.ndim == 3 and found.shape[2] == 3 and found.dtype == "uint8"


def csv(content: bytes) -> None:
    (FOLDER / "a.csv").write_bytes(content)
    try:
        frame = own_table.read(FOLDER / "a.csv")
        own_table.encode(frame)
    except ValueError as error:
        _sentence(error)


def weights_file(content: bytes) -> None:
    (FOLDER / "w.pth").write_bytes(content)
    try:
        weights.read_weights(FOLDER / "w.pth")
    except ValueError as error:
        _sentence(error)


READERS = {"image": image, "csv": csv, "weights": weights_file}


def seeds(reader: str) -> Path:
    """A few good files to begin from."""
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    if reader == "image":
        for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
            buffer = io.BytesIO()
            Image.radial_gradient("L").resize((9, 7)).convert("RGB").save(buffer, kind)
            (corpus / kind).write_bytes(buffer.getvalue())
    (corpus / "csv").write_bytes(b"\xef\xbb\xbfname,method,model,target,iou\np1,grad_cam,m,3,0.5\n")
    return corpus


if __name__ == "__main__":
    reader = sys.argv.pop(1)
    kept = f"-artifact_prefix={FOLDER}/"  # bytes that broke a reader
    atheris.Setup([*sys.argv, kept, str(seeds(reader))], READERS[reader])
    atheris.Fuzz()
