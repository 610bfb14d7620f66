"""One sqlite file per workspace: who changed what and when, and how to take it back.

It also remembers which candidates failed when they were tried, what people want of the
components (desired), what every watching process says is so (actual), and what was done.
Nothing is written until something is to be kept; a workspace without a store answers every
question with nothing.
"""

from ._database import COMMITS, Commits
from ._journal import Journal
from ._letters import DeadLetter, DeadLetters
from ._place import FOLDER, is_network, is_writable, make_folder, place, state_dir
from ._posts import Post, Posts
from ._records import (
    Activity,
    Desired,
    DesiredState,
    Entry,
    FileChange,
    ProcessState,
    Quarantined,
)
from ._store import Store

__all__ = [
    "COMMITS",
    "FOLDER",
    "Activity",
    "Commits",
    "DeadLetter",
    "DeadLetters",
    "Desired",
    "DesiredState",
    "Entry",
    "FileChange",
    "Journal",
    "Post",
    "Posts",
    "ProcessState",
    "Quarantined",
    "Store",
    "is_network",
    "is_writable",
    "make_folder",
    "place",
    "state_dir",
]
