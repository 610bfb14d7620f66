"""Layers of sources merged into effective values that know where they came from.

`load(Inputs(...))` gives a `Snapshot`, or one report with every fault of every layer.
"""

from ._edit import edit
from ._environ import OWN_MEANING
from ._explain import Contribution, ValueExplanation, shown
from ._formats import Parsed, parse
from ._inputs import Inputs, PackageDefaults, SessionValue
from ._jsonschema import json_schema
from ._layers import Layer
from ._load import file_layers, load
from ._lock import Locked, freeze, layer_digests, mismatches, thaw
from ._paths import get, leaves, parse_path, render_path
from ._places import WorkspacePath, based_at
from ._propose import FileEdit, Proposal, ValueChange, changed_values, layer_rank, propose, rebase
from ._schema import RESERVED, Merge
from ._secret_source import FoundSecret, SecretSource, secret_source
from ._secrets import Secret, SecretRef
from ._settings import Settings
from ._snapshot import Snapshot, plain
from ._splice import Set, Unset
from ._texts import field_texts
from ._validate import expected, found, tree_path

__all__ = [
    "OWN_MEANING",
    "RESERVED",
    "Contribution",
    "FileEdit",
    "FoundSecret",
    "Inputs",
    "Layer",
    "Locked",
    "Merge",
    "PackageDefaults",
    "Parsed",
    "Proposal",
    "Secret",
    "SecretRef",
    "SecretSource",
    "SessionValue",
    "Set",
    "Settings",
    "Snapshot",
    "Unset",
    "ValueChange",
    "ValueExplanation",
    "WorkspacePath",
    "based_at",
    "changed_values",
    "edit",
    "expected",
    "field_texts",
    "file_layers",
    "found",
    "freeze",
    "get",
    "json_schema",
    "layer_digests",
    "layer_rank",
    "leaves",
    "load",
    "mismatches",
    "parse",
    "parse_path",
    "plain",
    "propose",
    "rebase",
    "render_path",
    "secret_source",
    "shown",
    "thaw",
    "tree_path",
]
