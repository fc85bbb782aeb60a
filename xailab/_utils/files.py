"""Write a file in one step: whoever pulls the plug keeps the old file or has the new one."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def atomic_write(path: str | Path, content: bytes | str) -> None:
    """Put ``content`` (text as UTF-8) into the file at ``path``: all of it, or the old file stays."""
    with atomic_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """A new file to write bytes into; it takes the place of ``path`` when the block ends without error.

    It lies in the same folder, goes to the disk, and is then renamed. An existing file keeps its
    mode, a new one gets the usual mode (the umask counts). A symbolic link stays, and the file it
    points to is written. After an error or an interrupt nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(beside, "xb") as file:
            if target.exists():
                os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
