"""Layers of sources merged into effective values that know where they came from.

`load(Inputs(...))` gives a `Snapshot`, or one report with every fault of every layer.
"""

from ._environ import OWN_MEANING
from ._explain import Contribution, ValueExplanation, shown
from ._formats import Parsed, parse
from ._inputs import Inputs, PackageDefaults, SessionValue
from ._layers import Layer
from ._load import load
from ._paths import leaves, parse_path, render_path
from ._schema import RESERVED, Merge
from ._secrets import Secret, SecretRef
from ._settings import Settings
from ._snapshot import Snapshot, plain

__all__ = [
    "OWN_MEANING",
    "RESERVED",
    "Contribution",
    "Inputs",
    "Layer",
    "Merge",
    "PackageDefaults",
    "Parsed",
    "Secret",
    "SecretRef",
    "SessionValue",
    "Settings",
    "Snapshot",
    "ValueExplanation",
    "leaves",
    "load",
    "parse",
    "parse_path",
    "plain",
    "render_path",
    "shown",
]
