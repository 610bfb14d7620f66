"""Is this message really from the payment provider?"""

from __future__ import annotations

import hashlib
import hmac


class CheckWebhook:
    """Compares the signature of a message, in constant time."""

    def __call__(self, body: bytes, signature: str, secret: str) -> bool:
        """Return whether *signature* is the HMAC-SHA256 of *body*, in hexadecimal."""
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, signature)
