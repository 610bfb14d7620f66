"""One verb, one file: arguments in, a result out; prints nothing."""

from ._context import Context, Interaction, Stream
from ._looks import Looks, split_looks
from ._root import VERBS, root, run

__all__ = ["VERBS", "Context", "Interaction", "Looks", "Stream", "root", "run", "split_looks"]
