"""Files: read with a limit, replaced as a whole, kept by digest, watched by content."""

from ._lock import lock
from ._near import near
from ._objects import Objects, ObjectWriter
from ._read import MAX_BYTES, FileData, digest, read, stat_key
from ._seal import is_sealed, seal
from ._temporary import tidy
from ._watch import watch
from ._write import ABSENT, check, ensure_folder, write_atomic

__all__ = [
    "ABSENT",
    "MAX_BYTES",
    "FileData",
    "ObjectWriter",
    "Objects",
    "check",
    "digest",
    "ensure_folder",
    "is_sealed",
    "lock",
    "near",
    "read",
    "seal",
    "stat_key",
    "tidy",
    "watch",
    "write_atomic",
]
