"""Pages of other libraries inside a notebook: each in its own frame, working offline."""

import base64
import gzip
import html

from IPython.display import HTML

_UNPACK = (
    "<script>const b=Uint8Array.from(atob('{packed}'),c=>c.charCodeAt(0));"
    "new Response(new Blob([b]).stream().pipeThrough(new DecompressionStream('gzip'))).text()"
    ".then(t=>{{document.open();document.write(t);document.close();}});</script>"
)


def frame(page: str, height: int = 300, title: str = "a page of another library") -> HTML:
    """``page`` (HTML with its own scripts) in a sandboxed frame, apart from the notebook's page.

    Scripts in it, also those injected through a name in the data, see neither the notebook around
    them nor its server. The page is stored compressed, at a third to a quarter of its size, and the
    browser unpacks it. height: in pixels. title: for screen readers.
    """
    packed = base64.b64encode(gzip.compress(page.encode("utf-8"), mtime=0)).decode("ascii")
    inner = f"<!doctype html><meta charset='utf-8'>{_UNPACK.format(packed=packed)}"
    return HTML(
        f'<div><iframe title="{html.escape(title)}" sandbox="allow-scripts" width="100%" '
        f'height="{height}" '
        f'style="border:1px solid #ccc" srcdoc="{html.escape(inner)}"></iframe></div>'
    )
