"""Figures as a committed notebook keeps them: small, and the same bytes on every run."""

import base64
import io

import nbformat
from PIL import Image

# bytes of one picture in a committed notebook
LIMIT = 40_000
COLORS = 256


def small(png: bytes) -> tuple[str, bytes]:
    """(mime type, bytes) of a figure, at most ``LIMIT`` bytes.

    A PNG of ``COLORS`` colours where that is small enough; else, for photographs, a JPEG, scaled down
    by steps of a tenth. What is small already stays as it is.
    """
    given = Image.open(io.BytesIO(png))
    if len(png) <= LIMIT and (given.format == "JPEG" or given.mode == "P"):
        return Image.MIME[given.format or "PNG"], png
    picture = given.convert("RGB")
    written = io.BytesIO()
    # median cut would drop colours of few pixels, such as the ends of a colour bar
    few = picture.quantize(
        COLORS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    few.save(written, "PNG", optimize=True)
    if written.tell() <= LIMIT:
        return "image/png", written.getvalue()
    scale = 1.0
    while True:
        size = (round(picture.width * scale), round(picture.height * scale))
        written = io.BytesIO()
        picture.resize(size, Image.Resampling.LANCZOS).save(written, "JPEG", quality=65)
        if written.tell() <= LIMIT:
            return "image/jpeg", written.getvalue()
        scale -= 0.1


def alt(output: nbformat.NotebookNode) -> str:
    """The text equivalent that a figure carries, or nothing."""
    said = output.get("metadata", {})
    found = [said.get(mime, {}).get("alt", "") for mime in ("image/png", "image/jpeg")]
    return "".join(found)


def keep_small(output: nbformat.NotebookNode) -> None:
    """Replace the picture of an output by its small form; its text equivalent stays."""
    given = output.data.pop("image/png", None) or output.data.pop("image/jpeg", None)
    text = alt(output)
    mime, content = small(base64.b64decode(given))
    output.data[mime] = base64.b64encode(content).decode("ascii")
    output.metadata = nbformat.from_dict({mime: {"alt": text}} if text else {})
