"""Loggers of a library that nobody listens to."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

from oneiric_lab.errors import logger

if TYPE_CHECKING:
    import pytest


class TestLogger:
    def test_a_program_that_set_nothing_up_hears_nothing(self) -> None:
        """
        Python's last resort, which prints warnings, is not reached.
        """
        code = "from oneiric_lab.errors import logger\nlogger('oneiric_lab.x').error('boom')"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert (done.stdout, done.stderr) == ("", "")

    def test_a_program_that_listens_hears(self, caplog: pytest.LogCaptureFixture) -> None:
        """
        Records go up to the program's own handlers, and ours is there once.
        """
        for _ in range(3):
            logger("oneiric_lab.y").warning("it %s", "happened")

        assert [r.getMessage() for r in caplog.records] == ["it happened"] * 3
        nulls = logging.getLogger("oneiric_lab").handlers
        assert sum(isinstance(one, logging.NullHandler) for one in nulls) == 1
