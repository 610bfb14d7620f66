"""The sample workspace: where it is, and a copy to play with."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from oneiric_lab.errors import Fault, UsageError

_HERE = Path(__file__).resolve().parent.parent
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".oneiric", ".ipynb_checkpoints")


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
    """Return a copy of the sample workspace: in *target*, or in a folder that goes at exit."""
    if target is None:
        folder = tempfile.mkdtemp(prefix="oneiric-sample-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        target = Path(folder) / "shop"
    shutil.copytree(sample_source(), target, ignore=_LEFT_OUT, dirs_exist_ok=True)
    return target
