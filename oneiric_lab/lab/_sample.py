"""The sample workspace: where it is, and a copy to play with."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from oneiric_lab.errors import Fault, FileAccessError, UsageError
from oneiric_lab.files import ensure_folder, lock

_HERE = Path(__file__).resolve().parent.parent
_PREFIX = "oneiric-sample-"
_MINUTE = 60.0
_LEFT_OUT = {"__pycache__", ".oneiric", ".ipynb_checkpoints"}


def sample_source() -> Path:
    """Return the folder of the sample workspace: of the wheel, or of the checkout.

    Raises:
        UsageError: This installation has none.
    """
    for folder in (_HERE / "_sample" / "shop", _HERE.parent / "notebooks" / "shop"):
        if (folder / "oneiric.toml").is_file():
            return folder
    raise UsageError(
        Fault(
            "no-sample",
            "this installation holds no sample workspace",
            fix="pip install --force-reinstall oneiric-lab",
        )
    )


def tutorials() -> list[Path]:
    """Return the tutorial notebooks, in order."""
    return sorted(sample_source().parent.glob("*.ipynb"))


def copy_sample(target: Path | None = None) -> Path:
    """Return a copy of the sample workspace: in *target*, or in a folder that goes at exit.

    What a process left that was killed goes at the next copy.

    Args:
        target: A folder that is empty or not there; it is so again where copying fails.

    Raises:
        UsageError: The folder is not empty, or this installation has no sample.
        FileAccessError: It cannot be written.
    """
    if target is None:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = ExitStack()
        held.enter_context(lock(folder / ".lock"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(held.close)
        target = folder / "shop"
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            Fault("not-empty", f"{target} is not empty", fix="name a folder that is not there")
        )
    ensure_folder(target)
    try:
        _copy(sample_source(), target)
    except BaseException as error:
        for path in target.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if isinstance(error, OSError):
            message = f"cannot copy the sample workspace to {target}: {error.strerror}"
            raise FileAccessError(
                Fault("file-unwritable", message, fix="make room, or name another folder")
            ) from error
        raise
    return target


def _copy(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if _LEFT_OUT.isdisjoint(name.parts):
            if path.is_dir():
                (target / name).mkdir()
            else:
                shutil.copy2(path, target / name)


def _sweep() -> None:
    """Remove copies whose process has ended: each holds the lock of its own for its life."""
    own = getattr(os, "getuid", lambda: None)()
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, FileAccessError):
            facts = folder.lstat()
            # Another user's folder may hold a link of that name, which must not be opened;
            # one that was made just now may not be locked yet.
            is_ours = stat.S_ISDIR(facts.st_mode) and own in {None, facts.st_uid}
            if is_ours and time.time() - facts.st_mtime > _MINUTE:
                with lock(folder / ".lock", timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
