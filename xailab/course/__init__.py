"""The commands that turn notebooks into pages, a site, editions and an archive."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
