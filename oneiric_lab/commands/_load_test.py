"""`load-test SCENARIO`: the same as `load run`, where a user looks for it first."""

from __future__ import annotations

import copy

from ._load._run import command as _run

command = copy.copy(_run)
command.name = "load-test"
