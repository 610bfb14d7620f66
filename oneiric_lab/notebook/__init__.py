"""The kernel's door: `%oneiric` and `%%oneiric` with the verbs of the shell."""

from ._magic import load, unload

__all__ = ["load", "unload"]
