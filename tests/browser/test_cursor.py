"""What stands at the cursor, and where files are, as functions of text alone."""

from __future__ import annotations

from typing import Any

TOML = """\
name = "x"
[server]
port = 8080  # adapter:cache
[profiles.prod.server]
tls.cert = "y"
[[plugins]]
"""


CASES: list[tuple[str, int, int, bool, str | None]] = [
    ("lab.explain('adapter:cache')", 0, 20, False, "adapter:cache"),
    ("lab.value('server.port')", 0, 14, False, "server.port"),
    ("%oneiric explain service:pay-ment.x", 0, 20, False, "service:pay-ment.x"),
    ("   ", 0, 1, False, None),
    ("", 5, 0, False, None),
    ("x = http://a", 0, 5, False, "http"),
    (TOML, 0, 0, True, "name"),
    (TOML, 1, 3, True, "server"),
    (TOML, 2, 0, True, "server.port"),
    (TOML, 2, 20, True, "adapter:cache"),
    (TOML, 3, 3, True, "server"),
    (TOML, 4, 0, True, "server.tls.cert"),
    (TOML, 5, 3, True, "plugins"),
]
"""Text, line, column, whether it is TOML, and what stands there."""


class TestTargetAt:
    def test_target(self, extension: Any) -> None:
        """
        A component, else in TOML the path of the line with its table, else a path.
        """
        found = extension().evaluate(
            "async (cases) => { const { targetAt } = await import('/static/cursor.mjs');"
            " return cases.map(([text, line, at, toml]) => targetAt(text, line, at, { toml })); }",
            [list(case) for case in CASES],
        )

        assert found == [target for *_, target in CASES]


class TestPaths:
    def test_paths(self, extension: Any) -> None:
        """
        A path that leaves the folder is none; below a root, the rest of it.
        """
        found = extension().evaluate(
            "async () => { const { normal, below } = await import('/static/files.mjs');"
            " return [normal('a/./b/../c'), normal('../x'), normal('a/../../x'), normal('/a'),"
            " below('/w', '/w/a.toml'), below('/w/', '/w'), below('/w', '/was/a')]; }"
        )

        assert found == ["a/c", None, None, "a", "a.toml", "", None]
