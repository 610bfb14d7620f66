"""Which value, which component, which release is in force, why, and what a change would do.

    from oneiric_lab import Lab

    lab = Lab.open(".", profiles=["prod"])
    print(lab.explain("server.port"))
    print(lab.explain("adapter:cache"))

In a notebook: `%load_ext oneiric_lab`, then `%oneiric explain server.port`.
"""

from typing import TYPE_CHECKING, Any

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from oneiric_lab.config import Merge as Merge
    from oneiric_lab.config import Secret as Secret
    from oneiric_lab.errors import OneiricError as OneiricError
    from oneiric_lab.errors import Origin as Origin
    from oneiric_lab.lab import Lab as Lab
    from oneiric_lab.registry import Candidate as Candidate
    from oneiric_lab.registry import Registry as Registry
    from oneiric_lab.registry import component as component
else:
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "Candidate": ".registry",
            "Lab": ".lab",
            "Merge": ".config",
            "OneiricError": ".errors",
            "Origin": ".errors",
            "Registry": ".registry",
            "Secret": ".config",
            "component": ".registry",
        },
    )

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Lab",
    "Merge",
    "OneiricError",
    "Origin",
    "Registry",
    "Secret",
    "__version__",
    "component",
    "load_ipython_extension",
    "unload_ipython_extension",
]


def load_ipython_extension(shell: Any) -> None:
    """Add `%oneiric` and `%%oneiric` to a kernel: `%load_ext oneiric_lab`."""
    from oneiric_lab.notebook import load  # noqa: PLC0415 - in a kernel only

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take them away again."""
    from oneiric_lab.notebook import unload  # noqa: PLC0415 - in a kernel only

    unload(shell)
