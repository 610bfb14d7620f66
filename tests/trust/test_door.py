"""What loading the package costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oneiric_lab import trust

ROOT = Path(__file__).parents[2]


def loaded(code: str) -> set[str]:
    """Return the top-level packages that *code* loads in a fresh interpreter."""
    script = (
        f"import json, sys\nbefore = set(sys.modules)\n{code}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return {name.partition(".")[0] for name in json.loads(out)}


class TestDoor:
    """`import oneiric_lab.trust`."""

    def test_loads_nothing_heavy(self) -> None:
        """
        The names come when they are asked for.
        """
        assert loaded("import oneiric_lab.trust") - sys.stdlib_module_names <= {"oneiric_lab"}

    @pytest.mark.parametrize("name", ["State", "Policy", "verify", "Bundle", "Report"])
    def test_cryptography_waits_for_a_key(self, name: str) -> None:
        """
        Whoever looks at a state or a policy pays for no cryptography, and for no pydantic.
        """
        found = loaded(f"from oneiric_lab.trust import {name}")

        assert set() == found & {"cryptography", "pydantic", "tomlkit", "anyio", "httpx"}

    @pytest.mark.parametrize("name", trust.__all__)
    def test_every_name_is_there(self, name: str) -> None:
        """
        What the door promises can be had.
        """
        assert getattr(trust, name) is not None
