"""Write a file in one step: whoever pulls the plug keeps the old file or has the new one."""

import os
import secrets
import stat
from pathlib import Path


def atomic_write(path: str | Path, content: bytes | str) -> None:
    """Put ``content`` (text as UTF-8) into the file at ``path``: all of it, or the old file stays.

    The content goes into a temporary file in the same folder, to the disk, and is then renamed. An
    existing file keeps its mode, a new one gets the usual mode (the umask counts). A symbolic link
    stays, and the file it points to is written. After an error or an interrupt nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(beside, "xb") as file:
            if target.exists():
                os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
