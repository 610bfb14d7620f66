"""One sqlite file per workspace: who changed what and when, and how to take it back.

It also remembers which candidates failed when they were tried. Nothing is written until
something is to be kept; a workspace without a store answers every question with nothing.
"""

from ._records import Entry, FileChange, Quarantined
from ._store import Store

__all__ = ["Entry", "FileChange", "Quarantined", "Store"]
