"""What installed distributions offer: found and read without import, probed in a subprocess.

A probe is no sandbox: what it runs has the rights of whoever asks for it. It only keeps an
import that hangs, exits or crashes out of this process.
"""

from ._discover import GROUP, Found, discover
from ._probe import TIMEOUT, ProbeRequest, ProbeResult, probe

__all__ = ["GROUP", "TIMEOUT", "Found", "ProbeRequest", "ProbeResult", "discover", "probe"]
