"""One verb, one file: arguments in, a result out; prints nothing."""

from ._context import Context, Interaction, Stream
from ._root import VERBS, root, run

__all__ = ["VERBS", "Context", "Interaction", "Stream", "root", "run"]
