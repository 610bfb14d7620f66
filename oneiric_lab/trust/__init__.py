"""Keys, thresholds, revocation: bytes in, verdict out."""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._keys import PublicKey as PublicKey
    from ._signers import FileSigner as FileSigner
    from ._signers import Signer as Signer
else:
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "FileSigner": "._signers",
            "PublicKey": "._keys",
            "Signer": "._signers",
        },
    )

__all__ = ["FileSigner", "PublicKey", "Signer"]
