"""One sqlite file per workspace: who changed what and when, and how to take it back."""

from ._store import Entry, FileChange, Store

__all__ = ["Entry", "FileChange", "Store"]
