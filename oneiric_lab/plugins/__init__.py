"""What installed distributions offer: found and read, never imported."""

from ._discover import GROUP, Found, discover

__all__ = ["GROUP", "Found", "discover"]
