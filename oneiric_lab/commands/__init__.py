"""One verb, one file: arguments in, a result out; prints nothing."""

from ._context import Context, Interaction, Stream, Work
from ._looks import Looks, split_looks
from ._names import Names, known_names
from ._root import VERBS, root, run

__all__ = [
    "VERBS",
    "Context",
    "Interaction",
    "Looks",
    "Names",
    "Stream",
    "Work",
    "known_names",
    "root",
    "run",
    "split_looks",
]
