"""Rows of an evaluation on disk: a folder of whole parts while a run lasts, one file afterwards.

Every file is written beside its place and then put there in one step, so that a full disk or a killed
run leaves the old file as it was. Two runs may share a file: a lock orders their writing, and each
takes in what the other has finished.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from filelock import FileLock

CUT_AWAY = "(cut away)"  # the method of a row that says: this item was looked at and left out


class Store:
    """The finished rows of one results file (None: in memory only) made with one set of settings.

    Raises ValueError for another suffix than .csv and .parquet, for a file that holds no results or
    was made with other settings, FileNotFoundError for a folder that is not there. Notebook 06.
    """

    def __init__(self, path: str | Path | None, settings: dict):
        self.frames: list[pd.DataFrame] = []
        self.settings = settings
        self.path = _checked_path(path) if path is not None else None
        if self.path is not None:
            self.folder = _folder(self.path)
            with _lock(self.path):
                self.frames = list(self._on_disk().values())
        self._whole = self.path is not None and self.path.is_file() and not self.folder.exists()

    @property
    def done(self) -> set[str]:
        """The names of the items that have their rows."""
        return {name for frame in self.frames for name in frame["name"]}

    def add(self, frame: pd.DataFrame) -> None:
        """Keep the rows of a finished batch, on disk at once."""
        self.frames.append(frame)
        self._whole = False
        if self.path is None:
            return
        with _lock(self.path):
            self.folder.mkdir(exist_ok=True)
            number = len(list(self.folder.iterdir()))
            self._write(frame, self.folder / f"{number:06d}_{os.getpid()}{self.path.suffix}")

    def table(self, order: Sequence[str]) -> pd.DataFrame:
        """The rows of these items in this order, without notes on items that were left out."""
        if not self.frames:
            return pd.DataFrame()
        return _ordered(self.frames, order)

    def finish(self) -> None:
        """Make the one file of all parts, those of other runs too."""
        if self.path is None or self._whole or not self.frames:
            return
        with _lock(self.path):
            found = self._on_disk()
            frames = [*found.values(), *self.frames]
            whole = pd.concat(frames, ignore_index=True).drop_duplicates(["name", "method"])
            self.folder.mkdir(exist_ok=True)
            self._write(whole, self.path)
            for part in self.folder.iterdir():  # the rows of all of them are in the file
                part.unlink()
            self.folder.rmdir()

    def _on_disk(self) -> dict[Path, pd.DataFrame]:
        assert self.path is not None
        frames = {path: _read(path) for path in _files(self.path)}
        for path, frame in frames.items():
            _same_settings(frame, self.settings, path)
        return frames

    def _write(self, frame: pd.DataFrame, path: Path) -> None:
        handle, beside = tempfile.mkstemp(dir=self.folder, prefix=".writing_")
        os.close(handle)
        try:
            if path.suffix == ".csv":
                frame.to_csv(beside, index=False, float_format="%.17g")
            else:
                frame.to_parquet(beside, index=False)
            os.replace(beside, path)
        except OSError as error:
            Path(beside).unlink(missing_ok=True)
            raise OSError(
                f"{path} could not be written ({error.strerror or error}); what was finished before "
                f"is kept in {self.folder}: make room and run again."
            ) from error
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


def so_far(results: str | Path) -> pd.DataFrame:
    """The rows that a run has finished until now, while it lasts or after it was stopped.

    results: the file that ``evaluate.run`` was given. Raises FileNotFoundError when nothing is
    there yet, ValueError for a file that holds no results. Notebook 06.
    """
    path = _checked_path(results)
    with _lock(path):
        frames = [_read(file) for file in _files(path)]
    if not frames:
        raise FileNotFoundError(f"There are no results at {path} yet; evaluate.run writes them.")
    return _ordered(frames, dict.fromkeys(name for frame in frames for name in frame["name"]))


def _ordered(frames: list[pd.DataFrame], order: Iterable[str]) -> pd.DataFrame:
    whole = pd.concat(frames, ignore_index=True).drop_duplicates(["name", "method"])
    place = {name: i for i, name in enumerate(order)}
    wanted = whole[whole["name"].isin(place) & (whole["method"] != CUT_AWAY)]
    ordered = wanted.sort_values("name", key=lambda c: c.map(place), kind="stable")
    return ordered.astype({"target": int} if len(ordered) else {}).reset_index(drop=True)


def _checked_path(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"results must end in .csv or .parquet, not {path.name!r}.")
    path = path.absolute()  # the run goes on where it began when somebody changes the folder
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} for the results; make it first.")
    return path


def _folder(path: Path) -> Path:
    return path.with_name(path.name + ".parts")


def _files(path: Path) -> list[Path]:
    parts = _folder(path)
    old = sorted(parts.glob(f"[0-9]*{path.suffix}")) if parts.is_dir() else []
    return [file for file in [path, *old] if file.is_file()]


def _lock(path: Path) -> FileLock:
    """One lock a results file, outside its folder, so that nothing is left beside the results."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:20]
    return FileLock(Path(tempfile.gettempdir()) / f"xailab-{name}.lock", timeout=60)


def _same_settings(frame: pd.DataFrame, settings: dict, path: Path) -> None:
    for key, value in settings.items():
        found = frame[key].iloc[0] if key in frame and len(frame) else None
        if found is None or str(found) != str(value):
            raise ValueError(
                f"{path} was made with {key} = {found!r}, now it is {value!r}; "
                "choose another results file or the same settings."
            )


def _read(path: Path) -> pd.DataFrame:
    words = dict.fromkeys(("name", "method", "model", "layer", "methods"), str)
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        # a picture may be called 0012 or NA: names stay words
        frame = pd.read_csv(
            path, dtype=words, keep_default_na=False, na_values=[""], float_precision="round_trip"
        )
        if frame[["name", "method", "model"]].isna().any(axis=None):
            raise ValueError("a row without name, method or model")
        rows = frame[frame["method"] != CUT_AWAY]
        if len(rows) and not (rows["target"] == rows["target"].astype("Int64")).all():
            raise ValueError("a row without a target")
        return frame.astype({c: float for c in frame if c not in words})
    except (ValueError, TypeError, KeyError, OverflowError, OSError) as error:
        why = " ".join(str(error).split())
        raise ValueError(
            f"{path} does not hold the results of a run ({why}); choose another results file."
        ) from error
