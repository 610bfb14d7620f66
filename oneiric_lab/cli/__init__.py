"""The shell's door: parse, run one verb, print its result."""

from ._main import main

__all__ = ["main"]
